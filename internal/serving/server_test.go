package serving

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// generous are limits that the tests narrow, with more patience than a slow machine needs.
var generous = Limits{
	Connections: 3000, ConnectionsPerAddress: 3000, Requests: 2000, RequestsPerAddress: 2000, Streams: 16, HeaderBytes: 16 << 10, BodyBytes: 64 << 10,
	HeaderTimeout: time.Minute, RequestTimeout: time.Minute, AnswerTimeout: time.Minute, IdleTimeout: time.Minute,
}

// hasty are those of the tests in which somebody is given up in time. Who behaves has to be answered within them.
var hasty = generous.with(func(l *Limits) {
	l.HeaderTimeout, l.RequestTimeout, l.AnswerTimeout, l.IdleTimeout = 3*time.Second, 3*time.Second, 4*time.Second, 2*time.Second
})

// with gives the limits with some changed.
func (l Limits) with(change func(*Limits)) Limits {
	change(&l)
	return l
}

// house is a server under test. Its handler answers "large" with more than any buffer between holds, reads the body of a POST, and holds "hold" until
// the test is over.
type house struct {
	*Server
	address  string
	handling atomic.Int64 // requests that are being handled
	most     atomic.Int64 // the most at once
	begun    atomic.Int64
	hidden   atomic.Int64 // requests for what was hidden in another
	hold     chan struct{}
	metrics  *prometheus.Registry
}

const large = 16 << 20

// open starts a server and sees to it that nothing of it is left at the end.
func open(t *testing.T, limits Limits, certificate *Certificate) *house {
	t.Helper()
	before := runtime.NumGoroutine()
	h := &house{hold: make(chan struct{}), metrics: prometheus.NewRegistry()}
	h.Server = New(Options{Handler: h, Limits: limits, Certificate: certificate, Alive: "/livez", Metrics: h.metrics})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	h.address = l.Addr().String()
	ended := make(chan error, 1)
	go func() { ended <- h.Serve(l) }()
	t.Cleanup(func() {
		close(h.hold)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := h.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("ended: %v", err)
		}
		eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before })
		if n := h.handling.Load(); n != 0 {
			t.Errorf("%d requests are still handled", n)
		}
	})
	return h
}

func (h *house) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.begun.Add(1)
	now := h.handling.Add(1)
	defer h.handling.Add(-1)
	for most := h.most.Load(); now > most && !h.most.CompareAndSwap(most, now); most = h.most.Load() {
	}
	switch r.URL.Path {
	case "/hidden":
		h.hidden.Add(1)
	case "/large":
		w.Header().Set("Content-Length", fmt.Sprint(large))
		_, _ = w.Write(zeros)
	case "/hold":
		select {
		case <-h.hold:
		case <-r.Context().Done():
		}
	default:
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_, _ = io.WriteString(w, "ok")
	}
}

var zeros = make([]byte, large)

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Errorf("never: %s", what)
}

// count sums up a metric.
func (h *house) count(t *testing.T, name string) (sum float64) {
	t.Helper()
	families, err := h.metrics.Gather()
	must(t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// dial connects from an address of loopback.
func (h *house) dial(from string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 5 * time.Second}
	return d.Dial("tcp", h.address)
}

// stall opens a connection from the address, says the text on it, and leaves it.
func (h *house) stall(t *testing.T, from, text string) {
	t.Helper()
	c, err := h.dial(from)
	if err != nil {
		return // it was refused at once
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
	_, _ = io.WriteString(c, text) // it may be closed already
}

// client is somebody who behaves, with a connection of their own for each request.
func client(t *testing.T, from string) *http.Client {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	tr := &http.Transport{DialContext: d.DialContext, DisableKeepAlives: true, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 15 * time.Second}
}

// answers tells whether somebody who behaves is answered.
func (h *house) answers(t *testing.T, when string) {
	t.Helper()
	began := time.Now()
	c := client(t, "127.0.0.1")
	for range 3 {
		resp, err := c.Get(h.url("/"))
		if err != nil {
			t.Errorf("%s: %v", when, err)
			return
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 200 || string(body) != "ok" {
			t.Errorf("%s: %d %.100s", when, resp.StatusCode, body)
		}
	}
	t.Logf("%s: three answers in %v", when, time.Since(began).Round(time.Millisecond))
}

func (h *house) url(path string) string {
	if h.certificate != nil {
		return "https://" + h.address + path
	}
	return "http://" + h.address + path
}

// say sends a text on a connection of its own and gives the answers that come back until the server closes.
func (h *house) say(t *testing.T, text string) (all []*http.Response) {
	t.Helper()
	c, err := h.dial("127.0.0.1")
	must(t, err)
	defer c.Close()
	go func() { _, _ = io.WriteString(c, text) }()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	for r := bufio.NewReader(c); ; {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return all
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body = io.NopCloser(strings.NewReader(string(body)))
		all = append(all, resp)
	}
}

// shown opens a certificate for the server, of today.
func shown(t *testing.T) *Certificate {
	t.Helper()
	certificate, key := issue(t, 7, nil).lay(t, t.TempDir())
	c, err := OpenCertificate(certificate, key, slog.New(slog.DiscardHandler), func() time.Time { return noon })
	must(t, err)
	return c
}
