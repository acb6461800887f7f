package conformance

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// gauge reads one number of the metrics.
func (c *clinic) gauge(t testing.TB, name string) float64 {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindSubmatch(c.scrape(t).body)
	if m == nil {
		t.Fatalf("no metric %s", name)
	}
	n, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// stall connects from an address of loopback, says the text, and leaves the connection.
func (c *clinic) stall(t testing.TB, from, text string) {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 5 * time.Second}
	conn, err := d.Dial("tcp", strings.TrimPrefix(c.root, "http://"))
	if err != nil {
		return // it was refused at once
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	_, _ = io.WriteString(conn, text)
}

// TestStalledConnectionsHoldNothing lets 1,000 clients stall in every way, of which a partner with a good token that reads no answer is the worst, and
// sends bodies without end. A partner who behaves gets each answer meanwhile, memory stays bounded, and afterwards nothing of it is left.
func TestStalledConnectionsHoldNothing(t *testing.T) {
	c := changedClinic(t, patience, "limits: {request-timeout: 12s, answer-timeout: 12s, header-timeout: 8s, idle-timeout: 8s, connections-per-address: 600, requests-per-minute: 0}")
	if err := c.open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.stop() })
	caller := c.as(t, harbor)
	page := "DocumentReference?_count=200&patient=" + c.id(t, c.practice.Story.Referred)
	answered := func(when string) {
		t.Helper()
		if a := caller.get(t, page); a.status != 200 { // which it would not be after the time that a request may take
			t.Errorf("%s: %d", when, a.status)
		}
	}
	answered("before")
	transport.CloseIdleConnections()
	goroutines := c.gauge(t, "go_goroutines")
	head := " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + caller.token + "\r\n"
	ways := []string{
		"",
		"GET /fhir/metadata HTTP/1.1\r\nHost: x\r\nX-A",
		"POST /fhir/Observation/_search" + head + "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\npatient",
		strings.Repeat("GET /fhir/"+page+head+"\r\n", 100), // more than the buffers between hold
	}
	for i := range 1000 {
		c.stall(t, fmt.Sprintf("127.0.4.%d", 1+i%100), ways[i%len(ways)])
	}
	for range 600 { // one address, for all that it may have
		c.stall(t, "127.0.5.1", ways[1])
	}
	answered("beside 1,600 that stall")
	c.uploads(t, caller)
	answered("after uploads without end")
	if n := c.gauge(t, "process_resident_memory_bytes"); n > 512<<20 {
		t.Errorf("%.0f MB are held", n/(1<<20))
	}
	eventually(t, "all are given up", func() bool { return c.gauge(t, "gateway_connections") <= 1 })
	transport.CloseIdleConnections()
	eventually(t, "nothing is left of them", func() bool { return c.gauge(t, "go_goroutines") <= goroutines+2 })
	answered("afterwards")
}

// uploads sends bodies that are too long, or packed.
func (c *clinic) uploads(t testing.TB, caller *caller) {
	t.Helper()
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	for range 512 {
		_, _ = w.Write(make([]byte, 64<<10))
	}
	_ = w.Close()
	form := "application/x-www-form-urlencoded"
	for name, u := range map[string]struct {
		path   string
		body   io.Reader
		header http.Header
		want   int
	}{
		"a gigabyte":              {"Observation/_search", io.LimitReader(zeros{}, 1<<30), http.Header{"Content-Type": {form}}, 413},
		"a gigabyte to no route":  {"Nothing", io.LimitReader(zeros{}, 1<<30), http.Header{"Content-Type": {form}}, 0},
		"packed":                  {"Observation/_search", &bomb, http.Header{"Content-Type": {form}, "Content-Encoding": {"gzip"}}, 415},
		"a packed Bundle":         {"", strings.NewReader("x"), http.Header{"Content-Type": {"application/fhir+json"}, "Content-Encoding": {"gzip"}}, 415},
		"a Bundle of a gigabyte":  {"", io.LimitReader(zeros{}, 1<<30), http.Header{"Content-Type": {"application/fhir+json"}}, 0},
		"a resource of megabytes": {"Patient/x", io.LimitReader(zeros{}, 8<<20), http.Header{"Content-Type": {"application/fhir+json"}}, 0},
	} {
		began := time.Now()
		a, err := caller.try(http.MethodPost, u.path, struct{ io.Reader }{u.body}, u.header)
		switch {
		case err != nil: // the connection was cut before we had read why
		case a.status < 400 || a.status >= 500 || u.want != 0 && a.status != u.want:
			t.Errorf("%s: %d, want %d", name, a.status, u.want)
		}
		if took := time.Since(began); took > 20*time.Second { // nobody takes it to its end, nor for longer than a request may take
			t.Errorf("%s: it was taken for %v", name, took)
		}
	}
}
