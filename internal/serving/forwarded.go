package serving

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Headers in which a proxy says for whom it asks.
const (
	XForwardedFor = "X-Forwarded-For"
	Forwarded     = "Forwarded" // RFC 7239
)

// Proxies are those who may say for whom they ask. The zero Proxies trust nobody.
type Proxies struct {
	Addresses []netip.Prefix
	// Header is the one that they all set: XForwardedFor or Forwarded. The other one is a client's own and counts for nothing.
	Header string
}

func (p Proxies) trust(a netip.Addr) bool {
	return slices.ContainsFunc(p.Addresses, func(t netip.Prefix) bool { return t.Contains(a) })
}

// client is who asks, over a connection from peer: each proxy wrote down on the right where it was asked from, so from the right the first one that is no
// proxy. What stands further left anybody may have written. A proxy that does not say, or not so that it can be read, asks for itself.
func (p Proxies) client(peer netip.Addr, h http.Header) netip.Addr {
	if !p.trust(peer) {
		return peer
	}
	hops := p.hops(h)
	for _, hop := range slices.Backward(hops) {
		a, ok := parseHop(hop)
		if !ok {
			return peer
		}
		if peer = a; !p.trust(a) {
			return a
		}
	}
	return peer
}

// hops are where the proxies say that they were asked from, as they write it.
func (p Proxies) hops(h http.Header) []string {
	text := strings.Join(h.Values(p.Header), ",") // several headers of a name are one list (RFC 9110, 5.3)
	if text == "" {
		return nil
	}
	if p.Header != Forwarded {
		return strings.Split(text, ",")
	}
	elements := splitOutsideQuotes(text, ',')
	for i, e := range elements {
		elements[i] = forParameter(e)
	}
	return elements
}

// forParameter is the value of for in an element of Forwarded (RFC 7239, 4), "" if it is not there once.
func forParameter(element string) (value string) {
	found := 0
	for _, pair := range splitOutsideQuotes(element, ';') {
		if name, v, _ := strings.Cut(strings.TrimSpace(pair), "="); strings.EqualFold(name, "for") {
			value = v
			found++
		}
	}
	if found != 1 {
		return ""
	}
	return value
}

// splitOutsideQuotes splits a header's value where no quoted string is (RFC 9110, 5.6.4). Of one that does not end everything up to the end is part.
func splitOutsideQuotes(text string, at byte) (parts []string) {
	quoted, start := false, 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == at && !quoted:
			parts = append(parts, text[start:i])
			start = i + 1
		}
	}
	return append(parts, text[start:])
}

// parseHop reads an address, with a port or without. Names, "unknown" and escapes it does not read.
func parseHop(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	if len(text) > 1 && text[0] == '"' && text[len(text)-1] == '"' {
		text = text[1 : len(text)-1]
	}
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return plain(ap.Addr()), true
	}
	if inner, ok := strings.CutPrefix(text, "["); ok {
		text, ok = strings.CutSuffix(inner, "]")
		if !ok {
			return netip.Addr{}, false
		}
	}
	a, err := netip.ParseAddr(text)
	return plain(a), err == nil
}

// plain is an address as it is compared: an IPv4 address is one, however it came, and a zone is of this machine alone.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// AddressOf is whom a request is counted for: the address that it came from, or the /64 that one household or site has of IPv6. Of an unknown one, all
// unknown ones.
func AddressOf(ctx context.Context) netip.Prefix {
	if p, ok := ctx.Value(addressKey{}).(netip.Prefix); ok {
		return p
	}
	if c := connOf(ctx); c != nil {
		return c.from
	}
	return netip.Prefix{}
}

// Proxied tells whether a request comes over a trusted proxy: its connection, and what that proves, are then the proxy's and nobody else's.
func Proxied(ctx context.Context) bool {
	_, ok := ctx.Value(addressKey{}).(netip.Prefix)
	return ok
}

type addressKey struct{}

// addressed gives the request the address of whom a trusted proxy asks for.
func (p Proxies) addressed(r *http.Request) *http.Request {
	c := connOf(r.Context())
	if c == nil || !p.trust(c.peer) {
		return r
	}
	return r.WithContext(context.WithValue(r.Context(), addressKey{}, prefixOf(p.client(c.peer, r.Header))))
}
