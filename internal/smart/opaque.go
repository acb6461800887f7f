package smart

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"
)

// Introspection says how an issuer is asked about its opaque tokens (RFC 7662), and how the gateway proves itself there: by Key or by Secret.
type Introspection struct {
	Endpoint string
	ClientID string
	Key      *jose.JSONWebKey // private, for private_key_jwt
	Secret   string           // for client_secret_basic
	// Admit may refuse to have the issuer asked for a request, with an error that is the caller's answer; nil for no bound but that on all at once.
	Admit func(ctx context.Context) error
	// Others tells by their form tokens that are somebody else's and must not be shown to the issuer; nil for none.
	Others func(token string) bool
	// InsecureAnyAudience takes tokens of which the issuer does not say whom they are for.
	InsecureAnyAudience bool
	// InsecureAnyTokenType takes tokens of which the issuer does not say that they are access tokens: its refresh tokens may be active as well.
	InsecureAnyTokenType bool
}

// Bounds of introspection.
const (
	introspectTimeout   = 5 * time.Second
	introspectKeep      = time.Minute // for how long a good answer holds at most
	maxIntrospections   = 64          // at once
	maxIntrospectBytes  = 64 << 10
	maxOpaqueBytes      = 4 << 10
	introspectAssertion = time.Minute // the life of a client assertion
)

func (o *Introspection) validate(c *Config) error {
	switch {
	case !c.mayFetch(o.Endpoint):
		return errors.New("smart: the introspection endpoint is plain HTTP, or its URL is malformed")
	case o.ClientID == "":
		return errors.New("smart: introspection needs a client id")
	case (o.Key == nil) == (o.Secret == ""):
		return errors.New("smart: introspection needs a key or a secret, and not both")
	case o.Key != nil && (!o.Key.Valid() || o.Key.IsPublic() || !slices.Contains(supported, jose.SignatureAlgorithm(o.Key.Algorithm))):
		return errors.New("smart: the key for introspection is not private, or its alg is not one of RS256, RS384, ES256, ES384")
	}
	return nil
}

// asker asks one issuer. Those who ask about the same token at once share an answer.
type asker struct {
	*Introspection
	issuer  string
	client  *http.Client
	now     func() time.Time
	places  chan struct{}
	flights singleflight.Group
}

func newAsker(c *Config) *asker {
	return &asker{
		Introspection: c.Opaque, issuer: c.Issuer, now: c.Now, places: make(chan struct{}, maxIntrospections),
		client: &http.Client{Transport: c.Transport, Timeout: introspectTimeout, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // the token goes nowhere else
		}},
	}
}

// isJWT tells whether the token has the header of a JWT, signed or encrypted: such a one is its own issuer's business and is shown to nobody.
func isJWT(raw string) bool {
	head, _, dotted := strings.Cut(raw, ".")
	text, err := base64.RawURLEncoding.DecodeString(head)
	var header map[string]json.RawMessage
	return dotted && err == nil && json.Unmarshal(text, &header) == nil
}

// isOpaque tells whether the text can be a token at all (RFC 6750, 2.1).
func isOpaque(raw string) bool {
	return len(raw) <= maxOpaqueBytes && strings.Trim(strings.TrimRight(raw, "="), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/") == ""
}

// introspect asks the issuer about a token and reads its answer as a JWT's claims are read.
func (i *issuer) introspect(ctx context.Context, sum, raw string) (verifiedToken, error) {
	if i.asker.Admit != nil {
		if err := i.asker.Admit(ctx); err != nil {
			return verifiedToken{}, err
		}
	}
	answer := i.asker.flights.DoChan(sum, func() (any, error) {
		own, cancel := context.WithTimeout(context.WithoutCancel(ctx), introspectTimeout) // others wait for it too
		defer cancel()
		asked := i.config.Now().Round(0) // the time of day: the clock of a process stops while its machine sleeps
		body, err := i.asker.ask(own, raw)
		if err != nil {
			return verifiedToken{}, err
		}
		t, err := i.readAnswer(body)
		if err != nil {
			return verifiedToken{}, err
		}
		until := asked.Add(introspectKeep)
		if t.Expiry.Before(until) {
			until = t.Expiry
		}
		return verifiedToken{token: t, issuer: i, asked: asked, until: until}, nil
	})
	select {
	case got := <-answer:
		known, _ := got.Val.(verifiedToken)
		return known, got.Err
	case <-ctx.Done():
		return verifiedToken{}, fmt.Errorf("%w: %w", ErrKeys, ctx.Err())
	}
}

// readAnswer reads the answer of RFC 7662, 2.2. What is missing refuses the token, but for what the configuration takes without.
func (i *issuer) readAnswer(body []byte) (*Token, error) {
	c, err := parseClaims(body)
	if err != nil {
		return nil, err
	}
	if string(c["active"]) != "true" {
		return nil, refused("it is not active")
	}
	if iss, err := c.text("iss"); err != nil || c.has("iss") && iss != i.config.Issuer {
		return nil, refused("iss")
	}
	audience, err := c.texts("aud")
	if err != nil || !slices.Contains(audience, i.config.Audience) && (c.has("aud") || !i.asker.InsecureAnyAudience) {
		return nil, refused("aud")
	}
	kind, err := c.text("token_type")
	if _, bound, _ := c.at(Path{"cnf", "jkt"}); strings.EqualFold(kind, "DPoP") && !bound {
		return nil, refused("token_type")
	}
	if err != nil || !strings.EqualFold(kind, "Bearer") && !strings.EqualFold(kind, "DPoP") && (kind != "" || !i.asker.InsecureAnyTokenType) {
		return nil, refused("token_type")
	}
	m := i.config.Claims
	m.Client = append(slices.Clone(m.Client), Path{"client_id"}) // the names of RFC 7662, whatever those in a JWT are
	m.Scopes = append(slices.Clone(m.Scopes), Path{"scope"})
	return i.token(c, &m, audience)
}

// ask gets the issuer's answer, at most so many at once, so that an issuer that hangs holds few requests.
func (a *asker) ask(ctx context.Context, raw string) ([]byte, error) {
	select {
	case a.places <- struct{}{}:
		defer func() { <-a.places }()
	case <-time.After(shortPatience):
		return nil, fmt.Errorf("%w: introspection", ErrKeys)
	}
	req, err := a.request(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("%w: introspection", ErrKeys)
	}
	resp, err := a.client.Do(req)
	if err != nil { // its text may repeat what was sent
		return nil, fmt.Errorf("%w: introspection", ErrKeys)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxIntrospectBytes+1))
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || len(body) > maxIntrospectBytes || resp.StatusCode != http.StatusOK || kind != "application/json" {
		return nil, fmt.Errorf("%w: introspection, status %d", ErrKeys, resp.StatusCode)
	}
	return body, nil
}

func (a *asker) request(ctx context.Context, raw string) (*http.Request, error) {
	form := url.Values{"token": {raw}, "token_type_hint": {"access_token"}}
	if a.Key != nil {
		assertion, err := a.assertion()
		if err != nil {
			return nil, err
		}
		form.Set("client_id", a.ClientID)
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.Endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if a.Secret != "" {
		req.SetBasicAuth(url.QueryEscape(a.ClientID), url.QueryEscape(a.Secret)) // RFC 6749, 2.3.1
	}
	return req, nil
}

// assertion proves who asks (RFC 7523, 3), to the issuer and for one use.
func (a *asker) assertion() (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(a.Key.Algorithm), Key: *a.Key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", err
	}
	now := a.now()
	text, err := json.Marshal(map[string]any{"iss": a.ClientID, "sub": a.ClientID, "aud": a.issuer, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(introspectAssertion).Unix()})
	if err != nil {
		return "", err
	}
	jws, err := signer.Sign(text)
	if err != nil {
		return "", err
	}
	return jws.CompactSerialize()
}
