package launch

import (
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"time"
)

// flow is one launch in one browser, from the app's request to the client's decision.
type flow struct {
	ID      string  `json:"i"`
	Browser string  `json:"b"` // the secret that the browser has as a cookie
	Ask     request `json:"a"`
}

// flowTime is how long the client has to sign in, and how long to decide.
const flowTime = 10 * time.Minute

func newFlow(ask request) flow { return flow{ID: rand.Text(), Browser: rand.Text(), Ask: ask} }

// cookie is the name of a flow's own: two launches in two tabs do not disturb each other.
func (l *Launch) cookie(f flow) string {
	if l.secure {
		return "__Host-launch-" + f.ID // from this host alone, and over TLS (RFC 6265bis, 4.1.3.2)
	}
	return "launch-" + f.ID
}

// bind gives the browser the flow's secret, for so long, or takes it back.
func (l *Launch) bind(w http.ResponseWriter, f flow, d time.Duration) {
	c := &http.Cookie{Name: l.cookie(f), Value: f.Browser, Path: "/", MaxAge: int(d.Seconds()), HttpOnly: true, Secure: l.secure, SameSite: http.SameSiteLaxMode}
	if d == 0 {
		c.Value, c.MaxAge = "", -1
	}
	http.SetCookie(w, c)
}

// bound tells whether the request comes from the browser in which the flow began.
func (l *Launch) bound(r *http.Request, f flow) bool {
	c, err := r.Cookie(l.cookie(f))
	return err == nil && f.Browser != "" && subtle.ConstantTimeCompare([]byte(c.Value), []byte(f.Browser)) == 1
}
