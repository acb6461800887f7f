package serving

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func trusting(header string) Proxies {
	return Proxies{Header: header, Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:ff::/48")}}
}

// Whoever is no proxy of ours asks for itself, whatever it writes; of what came through one, only what the proxies themselves wrote counts.
func TestForWhomAProxyAsks(t *testing.T) {
	for name, c := range map[string]struct {
		header, peer string
		values       []string
		want         string
	}{
		"a stranger's own word":                {XForwardedFor, "192.0.2.1", []string{"198.51.100.7"}, "192.0.2.1"},
		"a stranger's word for our proxy":      {XForwardedFor, "192.0.2.1", []string{"10.0.0.1"}, "192.0.2.1"},
		"a proxy's":                            {XForwardedFor, "10.0.0.1", []string{"198.51.100.7"}, "198.51.100.7"},
		"with a port":                          {XForwardedFor, "10.0.0.1", []string{"198.51.100.7:4711"}, "198.51.100.7"},
		"IPv6":                                 {XForwardedFor, "10.0.0.1", []string{"2001:db8::1"}, "2001:db8::1"},
		"IPv6 in brackets":                     {XForwardedFor, "10.0.0.1", []string{"[2001:db8::1]"}, "2001:db8::1"},
		"IPv6 with a port":                     {XForwardedFor, "2001:db8:ff::2", []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		"IPv4 in IPv6":                         {XForwardedFor, "10.0.0.1", []string{"::ffff:198.51.100.7"}, "198.51.100.7"},
		"what the client wrote before":         {XForwardedFor, "10.0.0.1", []string{"203.0.113.9, 198.51.100.7"}, "198.51.100.7"},
		"what it wrote in a header of its own": {XForwardedFor, "10.0.0.1", []string{"203.0.113.9", "198.51.100.7"}, "198.51.100.7"},
		"a quote that never ends":              {XForwardedFor, "10.0.0.1", []string{`"203.0.113.9, 198.51.100.7`}, "198.51.100.7"},
		"two proxies":                          {XForwardedFor, "10.0.0.1", []string{"203.0.113.9, 198.51.100.7, 10.2.2.2"}, "198.51.100.7"},
		"proxies alone":                        {XForwardedFor, "10.0.0.1", []string{"10.3.3.3, 10.2.2.2"}, "10.3.3.3"},
		"nothing":                              {XForwardedFor, "10.0.0.1", nil, "10.0.0.1"},
		"an empty one":                         {XForwardedFor, "10.0.0.1", []string{""}, "10.0.0.1"},
		"no address":                           {XForwardedFor, "10.0.0.1", []string{"198.51.100.7, unknown"}, "10.0.0.1"},
		"nothing at the end":                   {XForwardedFor, "10.0.0.1", []string{"198.51.100.7,"}, "10.0.0.1"},
		"no address behind a proxy":            {XForwardedFor, "10.0.0.1", []string{"198.51.100.7, junk, 10.2.2.2"}, "10.2.2.2"},

		"Forwarded":                      {Forwarded, "10.0.0.1", []string{"for=198.51.100.7;proto=https;by=10.0.0.1"}, "198.51.100.7"},
		"Forwarded, IPv6":                {Forwarded, "10.0.0.1", []string{`proto=https; For="[2001:db8::1]:4711"`}, "2001:db8::1"},
		"Forwarded, two":                 {Forwarded, "10.0.0.1", []string{`for=203.0.113.9, for="198.51.100.7:80"`}, "198.51.100.7"},
		"Forwarded, a comma in quotes":   {Forwarded, "10.0.0.1", []string{`for=203.0.113.9;host="a,for=10.9.9.9", for=198.51.100.7`}, "198.51.100.7"},
		"Forwarded, an escaped quote":    {Forwarded, "10.0.0.1", []string{`host="\",for=203.0.113.9";for=198.51.100.7`}, "198.51.100.7"},
		"Forwarded, hidden":              {Forwarded, "10.0.0.1", []string{"for=198.51.100.7, for=_hidden"}, "10.0.0.1"},
		"Forwarded, twice":               {Forwarded, "10.0.0.1", []string{"for=198.51.100.7;for=203.0.113.9"}, "10.0.0.1"},
		"Forwarded, without for":         {Forwarded, "10.0.0.1", []string{"by=198.51.100.7"}, "10.0.0.1"},
		"Forwarded, a quote without end": {Forwarded, "10.0.0.1", []string{`for="198.51.100.7, for=203.0.113.9`}, "10.0.0.1"},
		"Forwarded, a stranger's":        {Forwarded, "192.0.2.1", []string{"for=198.51.100.7"}, "192.0.2.1"},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{c.header: c.values, "X-Real-Ip": {"203.0.113.1"}}
			other := map[string]string{XForwardedFor: Forwarded, Forwarded: XForwardedFor}[c.header]
			h.Set(other, "for=203.0.113.2, 203.0.113.2") // a client's own
			if got := trusting(c.header).client(netip.MustParseAddr(c.peer), h).String(); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			if got := (Proxies{Header: c.header}).client(netip.MustParseAddr(c.peer), h).String(); got != c.peer {
				t.Errorf("trusting nobody: %s", got)
			}
		})
	}
}

// Whatever a client writes before what our proxy adds, it is counted for what the proxy adds.
func FuzzWhatAClientWrites(f *testing.F) {
	for _, s := range []string{"", "198.51.100.1", "\"", "a,b", "[::1]:1", `for="`, ";", "\\"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, written string) {
		peer, real := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("198.51.100.7")
		h := http.Header{XForwardedFor: {written + ", 198.51.100.7"}}
		if got := trusting(XForwardedFor).client(peer, h); got != real {
			t.Errorf("%q: %s", written, got)
		}
		h = http.Header{Forwarded: {written + ", for=198.51.100.7"}}
		if got := trusting(Forwarded).client(peer, h); got != real && got != peer { // a quote that it does not end hides the rest
			t.Errorf("%q: %s", written, got)
		}
	})
}

// A proxy's connections are not bounded as those of one client, and what each of its clients holds is bounded as if it had come by itself.
func TestEachClientOfAProxyHasBoundsOfItsOwn(t *testing.T) {
	limits := generous.with(func(l *Limits) { l.RequestsPerAddress, l.ConnectionsPerAddress, l.Requests = 1, 1, 2 })
	metrics := newMetrics(prometheus.NewRegistry())
	proxies := Proxies{Header: XForwardedFor, Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	l := newListener(nil, limits, proxies, metrics)
	connect := func(from string) *conn {
		c, _ := l.admit(addressed{from: from})
		return c
	}
	if connect("192.0.2.1:1") == nil || connect("192.0.2.1:2") != nil {
		t.Error("a client of its own has not one connection")
	}
	proxy, second := connect("10.0.0.1:1"), connect("10.0.0.1:2")
	if proxy == nil || second == nil {
		t.Fatal("the proxy has one connection only")
	}
	ask := func(c *conn, client string) func() {
		r, _ := http.NewRequestWithContext(withConn(context.Background(), c), http.MethodGet, "/", http.NoBody)
		r.Header.Set(XForwardedFor, client)
		leave, err := c.enter(AddressOf(proxies.addressed(r).Context()), metrics)
		if err != nil {
			return nil
		}
		return leave
	}
	one := ask(proxy, "198.51.100.1")
	if one == nil || ask(second, "198.51.100.1") != nil {
		t.Error("a client behind the proxy has not one request")
	}
	two := ask(second, "198.51.100.2")
	if two == nil || ask(proxy, "198.51.100.3") != nil {
		t.Error("there are not two requests in all")
	}
	one()
	if one = ask(second, "198.51.100.1"); one == nil {
		t.Error("a request that has ended still counts")
	}
	one()
	two()
	for _, c := range []*conn{proxy, second} {
		l.forget(c)
	}
	if n := len(l.addresses); n != 1 { // the client of its own is still there
		t.Errorf("%d addresses are remembered", n)
	}
}

// addressed is a connection from somewhere.
type addressed struct {
	net.Conn
	from string
}

func (a addressed) RemoteAddr() net.Addr { return named(a.from) }

func TestAnAddressIsTheConnectionsUnlessAProxySaysOtherwise(t *testing.T) {
	if got := AddressOf(t.Context()); got != (netip.Prefix{}) {
		t.Errorf("of no connection: %v", got)
	}
	told := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, AddressOf(r.Context()), " ", Proxied(r.Context()))
	})
	for want, proxies := range map[string]Proxies{
		"127.0.0.1/32 false": {},
		"2001:db8::/64 true": {Header: XForwardedFor, Addresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	} {
		s := New(Options{Handler: told, Limits: generous, Proxies: proxies})
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		go func() { _ = s.Serve(l) }()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Addr().String()+"/", http.NoBody)
		must(t, err)
		r.Header.Set(XForwardedFor, "2001:db8::7")
		resp, err := http.DefaultClient.Do(r)
		must(t, err)
		body, err := io.ReadAll(resp.Body)
		must(t, err)
		must(t, resp.Body.Close())
		must(t, s.Shutdown(t.Context()))
		if string(body) != want {
			t.Errorf("%s, want %s", body, want)
		}
	}
}
