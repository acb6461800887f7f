package serving

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestARequestFramedInTwoWaysIsTheLastOfItsConnection(t *testing.T) {
	served := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		closeIfAmbiguous(w, r)
		served++
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	defer s.Close()
	hidden := "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, c := range map[string]struct {
		text string
		want int
	}{
		"both":    {fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n%s", 5+len(hidden), hidden), 1},
		"chunked": {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden, 1},
		"length":  {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na" + strings.Replace(hidden, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1), 2},
	} {
		served = 0
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, c.text); err != nil {
			t.Fatal(err)
		}
		answers := 0
		for r := bufio.NewReader(conn); ; answers++ {
			resp, err := http.ReadResponse(r, nil)
			if err != nil {
				break
			}
			_, _ = io.Copy(io.Discard, resp.Body)
		}
		_ = conn.Close()
		if answers != c.want || served != c.want {
			t.Errorf("%s: %d requests were served, %d answered; want %d", name, served, answers, c.want)
		}
	}
}
