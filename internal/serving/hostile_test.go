package serving

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestABodyThatIsTooLongIsNotRead announces and sends a gigabyte. The server has to answer, and to stop reading, long before.
func TestABodyThatIsTooLongIsNotRead(t *testing.T) {
	h := open(t, generous, nil)
	const gigabyte = 1 << 30
	for name, c := range map[string]struct {
		framing string
		status  int
		handled int64
	}{
		"announced":  {fmt.Sprintf("Content-Length: %d\r\n\r\n", gigabyte), 413, 0},
		"asks first": {fmt.Sprintf("Content-Length: %d\r\nExpect: 100-continue\r\n\r\n", gigabyte), 413, 0},
		"chunked":    {fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n", gigabyte), 400, 1},
		"with a GET": {fmt.Sprintf("Content-Length: %d\r\n\r\n", gigabyte), 400, 1}, // of this handler, which reads it
	} {
		before := h.begun.Load()
		method := "POST"
		if name == "with a GET" {
			method = "GET"
		}
		conn, err := h.dial("127.0.0.1")
		must(t, err)
		sent := make(chan int64, 1)
		go func() {
			_, _ = io.WriteString(conn, method+" / HTTP/1.1\r\nHost: x\r\n"+c.framing)
			n := int64(0)
			for n < gigabyte {
				k, err := conn.Write(zeros[:1<<20])
				n += int64(k)
				if err != nil {
					break
				}
			}
			sent <- n
		}()
		text, _ := io.ReadAll(io.LimitReader(conn, 4<<10))
		_ = conn.Close()
		if n := <-sent; n > gigabyte/8 {
			t.Errorf("%s: %d MB were taken", name, n>>20)
		}
		if len(text) > 0 && !strings.HasPrefix(string(text), fmt.Sprintf("HTTP/1.1 %d ", c.status)) { // it may be lost when the connection is cut
			t.Errorf("%s: %.40q", name, text)
		}
		if got := h.begun.Load() - before; got != c.handled {
			t.Errorf("%s: %d were handled", name, got)
		}
	}
	h.answers(t, "afterwards")
}

// TestAPackedBodyIsRefused sends 16 MB that are packed to 16 KB, and the announcements by which they could be hidden.
func TestAPackedBodyIsRefused(t *testing.T) {
	h := open(t, generous, nil)
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	_, err := w.Write(zeros)
	must(t, err)
	must(t, w.Close())
	// Who announces the end of the connection is cut off with the body unread, and may lose the answer.
	stays := client(t, "127.0.0.1")
	stays.Transport.(*http.Transport).DisableKeepAlives = false
	for encoding, want := range map[string]int{"gzip": 415, "GZIP": 415, "br": 415, "deflate": 415, "identity, gzip": 415, "x-gzip": 415, "zstd": 415, "identity": 200, "": 200} {
		r, err := http.NewRequest("POST", h.url("/"), bytes.NewReader(bomb.Bytes()))
		must(t, err)
		if encoding != "" {
			r.Header.Set("Content-Encoding", encoding)
		}
		before := h.begun.Load()
		resp, err := stays.Do(r)
		must(t, err)
		resp.Body.Close()
		if resp.StatusCode != want || (want == 415) == (h.begun.Load() > before) {
			t.Errorf("%q: %d", encoding, resp.StatusCode)
		}
	}
	// As a transfer coding (RFC 9112, 7.2) no server of Go's takes it.
	for _, coding := range []string{"gzip, chunked", "gzip", "chunked, gzip"} {
		before := h.begun.Load()
		for _, a := range h.say(t, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "+coding+"\r\n\r\n0\r\n\r\n") {
			if a.StatusCode < 400 {
				t.Errorf("Transfer-Encoding %s: %d", coding, a.StatusCode)
			}
		}
		if h.begun.Load() > before {
			t.Errorf("Transfer-Encoding %s reaches the handler", coding)
		}
	}
}

func TestHugeHeadersAreRefused(t *testing.T) {
	h := open(t, generous, nil)
	for name, header := range map[string]string{
		"one":  "X-A: " + strings.Repeat("a", 1<<20),
		"many": strings.Repeat("X-A: a\r\n", 100_000),
		"name": strings.Repeat("a", 1<<20) + ": x",
		"path": "",
	} {
		line := "GET / HTTP/1.1\r\n"
		if name == "path" {
			line = "GET /" + strings.Repeat("a", 1<<20) + " HTTP/1.1\r\n"
		}
		before := h.begun.Load()
		for _, a := range h.say(t, line+"Host: x\r\n"+header+"\r\n\r\n") {
			if a.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("%s: %d", name, a.StatusCode)
			}
		}
		if h.begun.Load() > before {
			t.Errorf("%s: it was handled", name)
		}
	}
	h.answers(t, "afterwards")
}

// TestOddFramingHidesNothing writes requests that another server might take apart in another way. What is hidden behind the first is never handled: either
// the first is refused, or the connection ends with it.
func TestOddFramingHidesNothing(t *testing.T) {
	h := open(t, generous, nil)
	hidden := "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
	post := "POST / HTTP/1.1\r\nHost: x\r\n"
	chunked := post + "Transfer-Encoding: chunked\r\n"
	for name, text := range map[string]string{
		"both lengths":              post + fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 5+len(hidden)) + hidden,
		"the other way round":       chunked + "Content-Length: 4\r\n\r\n0\r\n\r\n" + hidden,
		"two lengths":               post + fmt.Sprintf("Content-Length: 0\r\nContent-Length: %d\r\n\r\n", len(hidden)) + hidden,
		"a list of lengths":         post + fmt.Sprintf("Content-Length: 0, %d\r\n\r\n", len(hidden)) + hidden,
		"a length with a sign":      post + "Content-Length: +0\r\n\r\n" + hidden,
		"a length below zero":       post + "Content-Length: -1\r\n\r\n" + hidden,
		"a length in hex":           post + "Content-Length: 0x0\r\n\r\n" + hidden,
		"a length beyond all":       post + "Content-Length: 18446744073709551616\r\n\r\n" + hidden,
		"a space in the name":       post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + hidden,
		"a space before the name":   post + " Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"a folded header":           post + "X-A: b\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"a tab in the value":        post + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + hidden,
		"chunked twice":             post + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" + hidden,
		"chunked in two lines":      chunked + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"chunked, identity":         chunked + "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n" + hidden,
		"a coding nobody knows":     post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + hidden,
		"chunked in HTTP/1.0":       "POST / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"chunked in HTTP/1.0, bare": "POST / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" + hidden,
		"a chunk below zero":        chunked + "\r\n-1\r\n" + hidden,
		"a chunk beyond all":        chunked + "\r\n10000000000000000\r\n" + hidden,
		"a chunk without its size":  chunked + "\r\n\r\n" + hidden,
		"a chunk that is too long":  chunked + "\r\n1\r\nab\r\n0\r\n\r\n" + hidden,
		"an endless chunk line":     chunked + "\r\n1;" + strings.Repeat("a", 1<<20) + "\r\n" + hidden,
		"many chunk extensions":     chunked + "\r\n" + strings.Repeat("1;"+strings.Repeat("a", 2000)+"\r\na\r\n", 1000) + "0\r\n\r\n" + hidden,
		"a bare LF in a chunk":      chunked + "\r\n0\n\n" + hidden,
		"a trailer":                 chunked + "\r\n0\r\nContent-Length: 100\r\nTransfer-Encoding: chunked\r\n\r\n" + hidden,
		"NUL in a header":           post + "X-A: a\x00b\r\n\r\n" + hidden,
		"a bare CR in a header":     post + "X-A: a\rContent-Length: 5\r\n\r\n" + hidden,
		"no Host":                   "POST / HTTP/1.1\r\n\r\n" + hidden,
		"two Hosts":                 post + "Host: y\r\n\r\n" + hidden,
		"another version":           "POST / HTTP/3.7\r\nHost: x\r\n\r\n" + hidden,
		"HTTP/2 in the clear":       "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + hidden,
		"an upgrade to HTTP/2":      post + "Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n" + hidden,
	} {
		before := h.begun.Load()
		answers := h.say(t, text)
		if got := h.begun.Load() - before; got > 1 || h.hidden.Swap(0) > 0 {
			t.Errorf("%s: %d requests were handled", name, got)
		}
		for i, a := range answers {
			if i > 0 && a.StatusCode < 400 {
				t.Errorf("%s: answer %d is %d", name, i+1, a.StatusCode)
			}
		}
		if name == "an endless chunk line" && len(answers) == 1 && answers[0].StatusCode == 200 {
			t.Errorf("%s: it was read", name)
		}
	}
	h.answers(t, "afterwards")
}

// TestPipelinedRequestsAreAnsweredInTurn sends 2,000 requests on one connection before it reads anything.
func TestPipelinedRequestsAreAnsweredInTurn(t *testing.T) {
	h := open(t, generous.with(func(l *Limits) { l.IdleTimeout = 2 * time.Second }), nil)
	const n = 2000
	if got := len(h.say(t, strings.Repeat("GET / HTTP/1.1\r\nHost: x\r\n\r\n", n))); got != n || h.most.Load() != 1 {
		t.Errorf("%d answers, %d requests at once", got, h.most.Load())
	}
}
