package serving

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// ways are those in which a client can stall: it says this and no more.
var ways = []string{
	"",                                 // nothing
	"GET / HTTP/1.1\r\nHost: x\r\nX-A", // half a header
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf", // half a body
	"GET /large HTTP/1.1\r\nHost: x\r\n\r\n",                         // and reads no answer
}

func TestAThousandStalledConnectionsAreGivenUpInTime(t *testing.T) {
	h := open(t, hasty, nil)
	for i := range 1000 {
		h.stall(t, fmt.Sprintf("127.0.2.%d", 1+i%200), ways[i%len(ways)])
	}
	h.answers(t, "beside 1,000 stalled connections")
	eventually(t, "all are given up", func() bool { return h.count(t, "gateway_connections") == 0 && h.handling.Load() == 0 })
	h.answers(t, "afterwards")
}

func TestStalledTLSConnectionsAreGivenUpInTime(t *testing.T) {
	h := open(t, hasty, shown(t))
	for i, hello := range []string{"", "\x16\x03\x01", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x40\x00\x01"} {
		for range 50 {
			h.stall(t, fmt.Sprintf("127.0.2.%d", 1+i), hello)
		}
	}
	h.answers(t, "beside 200 handshakes that stall")
	eventually(t, "all are given up", func() bool { return h.count(t, "gateway_connections") == 0 })
}

// TestWhoStallsLongestMakesRoom fills all places from many addresses, with more patience than the test has.
func TestWhoStallsLongestMakesRoom(t *testing.T) {
	h := open(t, generous.with(func(l *Limits) {
		l.Connections, l.ConnectionsPerAddress = 200, 20
	}), nil)
	held := make(chan int, 1)
	go func() {
		resp, err := client(t, "127.0.0.9").Get(h.url("/hold"))
		if err != nil {
			held <- 0
			return
		}
		resp.Body.Close()
		held <- resp.StatusCode
	}()
	eventually(t, "a slow answer is under way", func() bool { return h.handling.Load() == 1 })
	for i := range 1000 {
		h.stall(t, fmt.Sprintf("127.0.2.%d", 1+i%200), ways[i%2])
	}
	h.answers(t, "beside 1,000 connections of which 200 have a place")
	if n := h.count(t, "gateway_connections"); n > 200 {
		t.Errorf("%v connections are open", n)
	}
	h.hold <- struct{}{}
	if status := <-held; status != 200 { // it was the oldest, but not waiting
		t.Errorf("who was being answered got %d", status)
	}
}

func TestOneAddressCannotTakeAllPlaces(t *testing.T) {
	h := open(t, generous.with(func(l *Limits) { l.Connections, l.ConnectionsPerAddress = 200, 50 }), nil)
	for i := range 1000 {
		h.stall(t, "127.0.0.2", ways[i%len(ways)])
	}
	if n := h.count(t, "gateway_connections"); n > 50 {
		t.Errorf("it has %v", n)
	}
	h.answers(t, "beside an address that takes what it can")
}

func TestOneAddressCannotTakeAllAnswers(t *testing.T) {
	h := open(t, generous.with(func(l *Limits) {
		l.Requests, l.RequestsPerAddress, l.IdleTimeout = 40, 20, time.Second
	}), nil)
	hold := "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n"
	for range 20 {
		h.stall(t, "127.0.0.2", hold)
	}
	eventually(t, "20 are under way", func() bool { return h.handling.Load() == 20 })
	status := func(from, path string) (int, string) {
		resp, err := client(t, from).Get(h.url(path))
		must(t, err)
		defer resp.Body.Close()
		if resp.StatusCode >= 400 && resp.Header.Get("Retry-After") != "1" {
			t.Errorf("%d without when to come back", resp.StatusCode)
		}
		body, err := io.ReadAll(resp.Body)
		must(t, err)
		return resp.StatusCode, string(body)
	}
	if code, body := status("127.0.0.2", "/"); code != 429 || !strings.Contains(body, `"code":"throttled"`) {
		t.Errorf("one more of the address: %d %s", code, body)
	}
	h.answers(t, "beside an address with all that it may have")
	for i := range 20 {
		h.stall(t, fmt.Sprintf("127.0.3.%d", 1+i), hold)
	}
	eventually(t, "40 are under way", func() bool { return h.handling.Load() == 40 })
	if code, body := status("127.0.0.1", "/"); code != 503 || !strings.Contains(body, `"code":"transient"`) {
		t.Errorf("one more of anybody: %d %s", code, body)
	}
	if code, _ := status("127.0.0.1", "/livez"); code != 200 {
		t.Errorf("a busy process says that it is dead: %d", code)
	}
	for range 40 {
		h.hold <- struct{}{}
	}
	eventually(t, "all are answered", func() bool { return h.handling.Load() == 0 })
	h.answers(t, "afterwards")
	eventually(t, "nothing is remembered of who has gone", func() bool { return len(h.addresses()) == 0 })
}

// addresses gives whom the listener counts for.
func (h *house) addresses() (all []string) {
	l := h.listening.Load()
	l.mu.Lock()
	defer l.mu.Unlock()
	for a := range l.addresses {
		all = append(all, a.String())
	}
	return all
}

// TestSlowReadersHoldUpNobody reads large answers a little at a time.
func TestSlowReadersHoldUpNobody(t *testing.T) {
	h := open(t, hasty, nil)
	for i := range 100 {
		c, err := h.dial(fmt.Sprintf("127.0.2.%d", 1+i))
		must(t, err)
		t.Cleanup(func() { _ = c.Close() })
		_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
		_, err = io.WriteString(c, ways[3])
		must(t, err)
		go func() {
			for b := make([]byte, 16); ; time.Sleep(20 * time.Millisecond) {
				if _, err := c.Read(b); err != nil {
					return
				}
			}
		}()
	}
	eventually(t, "all have begun", func() bool { return h.begun.Load() == 100 })
	h.answers(t, "beside 100 slow readers")
	eventually(t, "they are cut off", func() bool { return h.handling.Load() == 0 && h.count(t, "gateway_connections") == 0 })
}

func TestAddressesAreCountedByWhomTheyBelongTo(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7:1":              "192.0.2.7/32",
		"[::ffff:192.0.2.7]:1":     "192.0.2.7/32",
		"[2001:db8:1:2:3:4:5:6]:1": "2001:db8:1:2::/64",
		"[2001:db8:1:2::1]:9":      "2001:db8:1:2::/64",
		"[fe80::1%eth0]:9":         "fe80::/64",
		"@":                        "invalid Prefix",
	} {
		if got := prefixOf(addrOf(named(address))).String(); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}

type named string

func (named) Network() string  { return "tcp" }
func (n named) String() string { return string(n) }

func TestARequestWithoutAConnectionOfOursIsRefused(t *testing.T) {
	var c *conn
	if _, err := c.enter(netip.Prefix{}, newMetrics(nil)); err == nil {
		t.Error("it was let in")
	}
}
