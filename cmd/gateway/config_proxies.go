package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/consentry/gateway/internal/serving"
	"github.com/consentry/gateway/internal/spelling"
)

// ProxiesConfig says which proxies stand before the gateway, and how they say for whom they ask. Without it whoever connects asks for itself, and no such
// header counts.
type ProxiesConfig struct {
	// Addresses are those from which the proxies connect, as networks or one by one: 10.2.0.0/16, 10.3.0.7. Nobody else may connect from there.
	Addresses []string `yaml:"addresses"`
	// Header is the one that each of them sets, X-Forwarded-For or Forwarded (RFC 7239). A client may send the other one.
	Header string `yaml:"header"`
	// ClientCertificateHeader is the one in which they put the certificate that the client has shown to them, as RFC 9440 has it or as PEM with percent-encoding,
	// for partners with sender-constraint: mtls. They must take away what clients send under that name. Without it nobody has a certificate who comes over them.
	ClientCertificateHeader string `yaml:"client-certificate-header"`
}

func (c *Config) validateProxies(p *problems) {
	const key = "trusted-proxies"
	certificate := c.TrustedProxies.ClientCertificateHeader
	if len(c.TrustedProxies.Addresses) == 0 && c.TrustedProxies.Header == "" && certificate == "" {
		return
	}
	if strings.Trim(certificate, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		p.add(c.line(key+".client-certificate-header"), "trusted-proxies.client-certificate-header is no name of a header")
	}
	headers := []string{serving.XForwardedFor, serving.Forwarded}
	switch h := c.TrustedProxies.Header; {
	case h == "":
		p.add(c.line(key), "trusted-proxies.header is missing: which of X-Forwarded-For and Forwarded your proxies set. A client can send the other one")
	case h != headers[0] && h != headers[1]:
		p.add(c.line(key+".header"), "trusted-proxies.header is neither X-Forwarded-For nor Forwarded%s", spelling.DidYouMean(h, headers))
	}
	if len(c.TrustedProxies.Addresses) == 0 {
		p.add(c.line(key), "trusted-proxies.addresses is missing: from where the proxies connect")
	}
	for i, text := range c.TrustedProxies.Addresses {
		if _, err := network(text); err != nil {
			p.add(c.line(fmt.Sprintf("%s.addresses.%d", key, i)), "trusted-proxies.addresses: %s", err)
		}
	}
}

// network reads a network, or an address as the network that has it alone.
func network(text string) (netip.Prefix, error) {
	n, err := netip.ParsePrefix(text)
	if err != nil {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" || a.Is4In6() {
			return netip.Prefix{}, errors.New("an entry is neither a network, such as 10.2.0.0/16, nor an address")
		}
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	switch {
	case n.Addr().Is4In6():
		return netip.Prefix{}, errors.New("an entry is IPv4 written as IPv6")
	case n.Bits() == 0:
		return netip.Prefix{}, errors.New("a network of everybody trusts everybody")
	case n != n.Masked():
		return netip.Prefix{}, fmt.Errorf("an entry is an address within a network: did you mean %s, or the address alone?", n.Masked())
	}
	return n, nil
}

// proxies are those of a configuration that has been found good.
func (c *Config) proxies() serving.Proxies {
	p := serving.Proxies{Header: c.TrustedProxies.Header}
	for _, text := range c.TrustedProxies.Addresses {
		if n, err := network(text); err == nil {
			p.Addresses = append(p.Addresses, n)
		}
	}
	return p
}

// knowsAddresses tells whether the address that a request is counted for is that of who asks: without TLS of its own the gateway stands behind a proxy,
// and knows it only if that one says so.
func (c *Config) knowsAddresses() bool {
	return c.TLS.Certificate != "" || len(c.TrustedProxies.Addresses) > 0
}
