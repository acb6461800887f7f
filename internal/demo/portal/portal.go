// Package portal is the OpenID provider of the demo: it stands where a practice has its patient portal, or whatever else its clients sign in to. It
// asks for no password: whoever opens its page chooses one of the people of the synthetic practice. It is for that practice alone.
package portal

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// Names of the claims that say who somebody is to the practice.
const (
	ClientClaim     = "practice_client"
	RepresentsClaim = "practice_represents"
)

// Person is somebody who can sign in.
type Person struct {
	ID         string // the subject of their tokens
	Name       string
	About      string   // who they are to the practice, for the page
	Client     string   // the practice's key of the client who they are, empty for none
	Represents []string // for whom they act: the client's key, a slash, and the key of their own record as a contact
}

// Options are what a Portal is made of. All but Now are required.
type Options struct {
	Issuer   string // the URL below which it lies
	ClientID string // of the gateway, its one relying party
	Secret   string
	Callback string // where the gateway is sent its codes
	People   []Person
	Now      func() time.Time // nil for time.Now
}

// Portal is the provider. It is safe for concurrent use.
type Portal struct {
	Options
	path   string
	key    jose.JSONWebKey
	signer jose.Signer

	mu    sync.Mutex
	codes map[string]signedIn
}

// signedIn is what a code stands for.
type signedIn struct {
	person    Person
	nonce     string
	challenge string
	until     time.Time
}

const codeTime = time.Minute

// New makes a Portal with a key of its own.
func New(o Options) (*Portal, error) {
	u, err := url.Parse(o.Issuer)
	if err != nil || u.Host == "" || o.ClientID == "" || o.Secret == "" || o.Callback == "" || len(o.People) == 0 {
		return nil, errors.New("portal: an issuer, the gateway's id, secret and callback, and people are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	p := &Portal{Options: o, path: u.Path, codes: map[string]signedIn{}, key: jose.JSONWebKey{Key: private, KeyID: rand.Text(), Algorithm: "ES256", Use: "sig"}}
	p.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: p.key}, (&jose.SignerOptions{}).WithType("JWT"))
	return p, err
}

// ServeHTTP implements http.Handler for the whole path of the issuer.
func (p *Portal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, _ := strings.CutPrefix(r.URL.Path, p.path)
	switch r.Method + " " + path {
	case "GET /.well-known/openid-configuration":
		writeJSON(w, http.StatusOK, map[string]any{ // OpenID Connect Discovery 1.0, 3
			"issuer": p.Issuer, "authorization_endpoint": p.Issuer + "/authorize", "token_endpoint": p.Issuer + "/token", "jwks_uri": p.Issuer + "/jwks.json",
			"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"ES256"},
			"token_endpoint_auth_methods_supported": []string{"client_secret_basic"}, "code_challenge_methods_supported": []string{"S256"},
		})
	case "GET /jwks.json":
		writeJSON(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{p.key.Public()}})
	case "GET /page.css":
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write(style)
	case "GET /authorize":
		p.choose(w, r)
	case "POST /authorize":
		p.chosen(w, r)
	case "POST /token":
		p.token(w, r)
	default:
		http.NotFound(w, r)
	}
}

// asks tells whether the parameters are a request of the gateway's.
func (p *Portal) asks(q url.Values) bool {
	return q.Get("client_id") == p.ClientID && q.Get("redirect_uri") == p.Callback && q.Get("response_type") == "code" && q.Get("state") != "" &&
		q.Get("code_challenge_method") == "S256" && q.Get("code_challenge") != "" && q.Get("nonce") != ""
}

// choose shows the people.
func (p *Portal) choose(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if !p.asks(q) {
		http.Error(w, "this is not a request of the gateway", http.StatusBadRequest)
		return
	}
	p.show(w, q)
}

// chosen sends the browser back as the person that was chosen.
func (p *Portal) chosen(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if r.ParseForm() != nil || !p.asks(r.PostForm) || http.NewCrossOriginProtection().Check(r) != nil {
		http.Error(w, "this is not a request of the gateway", http.StatusBadRequest)
		return
	}
	answer := url.Values{"state": {r.PostForm.Get("state")}, "error": {"access_denied"}}
	for _, who := range p.People {
		if who.ID == r.PostForm.Get("person") {
			answer = url.Values{"state": {r.PostForm.Get("state")}, "code": {p.keep(who, r.PostForm)}}
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, p.Callback+"?"+answer.Encode(), http.StatusSeeOther)
}

// keep makes a code, and forgets those that are too old.
func (p *Portal) keep(who Person, q url.Values) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for code, s := range p.codes {
		if !p.Now().Before(s.until) {
			delete(p.codes, code)
		}
	}
	code := rand.Text()
	p.codes[code] = signedIn{who, q.Get("nonce"), q.Get("code_challenge"), p.Now().Add(codeTime)}
	return code
}
