package serving

import (
	"container/list"
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
)

// listener accepts within the bounds. Nobody waits: what is too much of one address is closed at once, and where all places are taken, the oldest
// connection that is not being answered makes room, so that connections which stall cannot keep others out.
type listener struct {
	net.Listener
	limits  Limits
	proxies Proxies
	metrics *metrics

	mu        sync.Mutex
	open      *list.List // of *conn, the oldest first
	addresses map[netip.Prefix]*address
	requests  int // being answered
}

// address is what one address holds.
type address struct{ connections, requests int }

func newListener(l net.Listener, limits Limits, proxies Proxies, m *metrics) *listener {
	return &listener{Listener: l, limits: limits, proxies: proxies, metrics: m, open: list.New(), addresses: map[netip.Prefix]*address{}}
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		admitted, evicted := l.admit(c)
		if evicted != nil {
			l.metrics.refused.WithLabelValues(refusedStalled).Inc()
			evicted.reset()
		}
		if admitted != nil {
			return admitted, nil
		}
		reset(c)
	}
}

// admit makes a place for a connection. It gives nil where there is none, and the connection that has to make room.
func (l *listener) admit(c net.Conn) (admitted, evicted *conn) {
	peer := addrOf(c.RemoteAddr())
	from := prefixOf(peer)
	most := l.limits.ConnectionsPerAddress
	if l.proxies.trust(peer) { // it asks for many
		most = l.limits.Connections
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.addresses[from]
	if a != nil && a.connections >= most {
		l.metrics.refused.WithLabelValues(refusedAddress).Inc()
		return nil, nil
	}
	if l.open.Len() >= l.limits.Connections {
		if evicted = l.oldestWaiting(); evicted == nil {
			l.metrics.refused.WithLabelValues(refusedFull).Inc()
			return nil, nil
		}
		l.forget(evicted) // it may have been the last of this address
	}
	a = l.of(from)
	a.connections++
	admitted = &conn{Conn: c, listener: l, peer: peer, from: from, address: a}
	admitted.place = l.open.PushBack(admitted)
	l.metrics.connections.Inc()
	return admitted, evicted
}

// oldestWaiting finds the oldest connection with no request that is being answered.
func (l *listener) oldestWaiting() *conn {
	for e := l.open.Front(); e != nil; e = e.Next() {
		if c := e.Value.(*conn); c.requests == 0 {
			return c
		}
	}
	return nil
}

// forget gives a connection's place back, once.
func (l *listener) forget(c *conn) {
	if c.place == nil {
		return
	}
	l.open.Remove(c.place)
	c.place = nil
	c.address.connections--
	l.drop(c.from, c.address)
	l.metrics.connections.Dec()
}

// of is what an address holds.
func (l *listener) of(from netip.Prefix) *address {
	a := l.addresses[from]
	if a == nil {
		a = &address{}
		l.addresses[from] = a
	}
	return a
}

// drop forgets an address that holds nothing any more.
func (l *listener) drop(from netip.Prefix, a *address) {
	if a.connections == 0 && a.requests == 0 && l.addresses[from] == a {
		delete(l.addresses, from)
	}
}

// conn is a connection with a place.
type conn struct {
	net.Conn
	listener *listener
	peer     netip.Addr
	from     netip.Prefix
	address  *address
	place    *list.Element // nil when it has been given back
	requests int           // being answered
}

// Close gives the place back.
func (c *conn) Close() error {
	c.listener.mu.Lock()
	c.listener.forget(c)
	c.listener.mu.Unlock()
	return c.Conn.Close()
}

// CloseWrite lets the server end a plain connection without cutting off what the client has not read yet.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

func (c *conn) reset() { reset(c.Conn) }

// reset closes a connection at once, without waiting for anything of the other side's.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // then the close waits for the other side, for a while
	}
	_ = c.Close() // nobody is left to tell
}

// addrOf is the address of the other side, the zero Addr for an unknown one.
func addrOf(a net.Addr) netip.Addr {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return plain(ap.Addr())
}

// prefixOf is whom an address is counted for: itself, or the /64 that it is in (AddressOf).
func prefixOf(a netip.Addr) netip.Prefix {
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

type connKey struct{}

// withConn remembers the connection of a request (http.Server.ConnContext).
func withConn(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	return context.WithValue(ctx, connKey{}, c)
}

func connOf(ctx context.Context) *conn {
	c, _ := ctx.Value(connKey{}).(*conn)
	return c
}
