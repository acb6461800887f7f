package requester

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

const maxRedirectURI = 512

// app reads what a client's own app has registered (SMART App Launch 2.2, "Register App with EHR").
func (l *loader) app(i int, f partnerFile) *App {
	if len(f.RedirectURIs) == 0 {
		if f.Public || f.OfflineAccess {
			l.add(l.line(i, "id"), "public and offline-access are of an app with redirect-uris")
		}
		return nil
	}
	line := l.line(i, "redirect-uris")
	if f.Kind != KindPatient {
		l.add(line, "redirect-uris are of a partner of kind patient: nobody signs in to any other")
	}
	for n, uri := range f.RedirectURIs {
		switch {
		case !mayRedirect(uri):
			l.add(line, "a redirect URI is not https, http on loopback or a private scheme with a dot in it, or has a user, a fragment or an odd form")
		case slices.Contains(f.RedirectURIs[:n], uri):
			l.add(line, "a redirect URI stands there twice")
		}
	}
	hasKeys := f.JWKS != nil || f.JWKSFile != "" || f.JWKSURI != ""
	if f.Public == hasKeys {
		l.add(l.line(i, "id"), "an app either has keys (jwks, jwks-file or jwks-uri) or is public: true")
	}
	return &App{RedirectURIs: slices.Clone(f.RedirectURIs), Public: f.Public, Offline: f.OfflineAccess}
}

// origins reads whose pages may call from a browser.
func (l *loader) origins(i int, origins []string) []string {
	for _, o := range origins {
		if u, err := url.Parse(o); err != nil || !mayRedirect(o) || !strings.HasPrefix(u.Scheme, "http") || strings.Contains(o, "*") || o != strings.ToLower(u.Scheme+"://"+u.Host) {
			l.add(l.line(i, "origins"), "an origin is not of the form https://app.example.org, or http on loopback: no path, no slash at the end, small letters")
		}
	}
	return slices.Clone(origins)
}

// mayRedirect tells whether a browser may be sent there with a code (RFC 9700, 4.1; RFC 8252, 7).
func mayRedirect(text string) bool {
	u, err := url.Parse(text)
	if err != nil || len(text) > maxRedirectURI || u.String() != text || u.User != nil || strings.Contains(text, "#") {
		return false
	}
	switch u.Scheme {
	case "https":
		return u.Hostname() != ""
	case "http":
		ip, err := netip.ParseAddr(u.Hostname())
		return u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
	}
	return strings.Contains(u.Scheme, ".") // RFC 8252, 7.1: a domain of the app's, backwards
}
