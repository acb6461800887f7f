package signin

import (
	"errors"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

const (
	timeout  = 5 * time.Second
	maxBytes = 1 << 20
)

// mayAsk tells whether the provider may be asked at the URL: over TLS, or on this machine.
func mayAsk(text string, insecure bool) bool {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	here := u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
	return u.Scheme == "https" || u.Scheme == "http" && (here || insecure)
}

// newClient never follows: a code and a secret go where the configuration says.
func newClient(transport http.RoundTripper) *http.Client {
	if transport == nil {
		transport = http.DefaultTransport
	}
	return &http.Client{
		Timeout: timeout, Transport: bounded{transport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("redirect refused") },
	}
}

// bounded reads no more of an answer than an OpenID provider has to say.
type bounded struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = body{io.LimitReader(resp.Body, maxBytes), resp.Body}
	}
	return resp, err
}

type body struct {
	io.Reader
	io.Closer
}
