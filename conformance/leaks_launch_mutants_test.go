package conformance

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// leakingLaunches are mutants of what lets clients launch apps, and of tokens that are bound to a key.
var leakingLaunches = []mutant{
	{name: "pages of a launch pass their addresses on", line: "launch-code", leak: func(b *backdoor, r *asked) *answer {
		a := b.real(r)
		if strings.HasPrefix(r.target, "/auth/") {
			return a.with("Referrer-Policy", "unsafe-url")
		}
		return a
	}},
	{name: "an error repeats what was asked", line: "launch-code", leak: func(b *backdoor, r *asked) *answer {
		a := b.real(r)
		if a.status < 400 || !strings.HasPrefix(r.target, "/auth/token") {
			return a
		}
		text, _ := json.Marshal(map[string]string{"error": "invalid_grant", "error_description": "no such grant: " + r.query().Encode()})
		return a.change(text)
	}},
	{name: "the consent page may be kept", line: "launch-pages", leak: func(b *backdoor, r *asked) *answer {
		a := b.real(r)
		if strings.HasPrefix(r.target, "/auth/sign-in") {
			return a.with("Cache-Control", "private, max-age=600")
		}
		return a
	}},
	{name: "whoever has the consent page decides", line: "launch-pages", leak: func(b *backdoor, r *asked) *answer {
		b.mu.Lock()
		cookie := b.owners["cookie"]
		if strings.HasPrefix(r.target, "/auth/sign-in") {
			b.owners["cookie"] = r.header.Get("Cookie")
		}
		b.mu.Unlock()
		if r.target != "/auth/consent" || r.header.Get("Cookie") != "" {
			return b.real(r)
		}
		again := *r
		again.header = r.header.Clone()
		again.header.Set("Cookie", cookie)
		return b.real(&again)
	}},
	{name: "an app's token opens whatever client is asked for", line: "launch-one-client", leak: func(b *backdoor, r *asked) *answer {
		if a := b.real(r); a.status != http.StatusNotFound || partnerOf(r.token()) != diary {
			return a
		}
		return b.best(r)
	}},
	{name: "what is included is not held to the page", line: "launch-scopes", leak: func(b *backdoor, r *asked) *answer {
		if r.query().Has("_include") && partnerOf(r.token()) == diary {
			return b.allOfTheirs(r)
		}
		return b.real(r)
	}},
	{name: "a refreshed token has what the client's app may have at most", line: "launch-scopes", leak: func(b *backdoor, r *asked) *answer {
		a := b.real(r)
		b.mu.Lock()
		wide := b.owners[r.token()] != ""
		if access, _ := a.tree()["access_token"].(string); r.query().Get("grant_type") == "refresh_token" && access != "" {
			b.owners[access] = "refreshed"
		}
		b.mu.Unlock()
		if wide {
			return b.allOfTheirs(r)
		}
		return a
	}},
	{name: "an older launch keeps what a newer one takes away", line: "launch-scopes", leak: func(b *backdoor, r *asked) *answer {
		if a := b.real(r); a.status != http.StatusUnauthorized || partnerOf(r.token()) != diary {
			return a
		}
		return b.allOfTheirs(r)
	}},
	{name: "a batch is not held to the page", line: "launch-scopes", leak: func(b *backdoor, r *asked) *answer {
		if r.method == http.MethodPost && bytes.Contains(r.body, []byte(`"batch"`)) && partnerOf(r.token()) == diary {
			return b.allOfTheirs(r)
		}
		return b.real(r)
	}},
	{name: "references to what was taken away stay", line: "launch-scopes", leak: func(b *backdoor, r *asked) *answer {
		if a := b.real(r); a.status != http.StatusOK || r.path() != "Condition" || partnerOf(r.token()) != diary {
			return a
		}
		return b.allOfTheirs(r.at("GET", "/fhir/Condition?patient="+r.query().Get("patient")))
	}},
	{name: "an app's token is looked at once a minute", line: "launch-revocation", leak: func(b *backdoor, r *asked) *answer {
		if !strings.HasPrefix(r.target, "/fhir/") {
			return b.real(r)
		}
		return b.kept(r.token()+r.target, time.Minute, r)
	}},
	{name: "a refresh token is good again", line: "launch-revocation", leak: func(b *backdoor, r *asked) *answer {
		if q := r.query(); q.Get("grant_type") == "refresh_token" {
			return b.kept(q.Get("refresh_token"), time.Minute, r)
		}
		return b.real(r)
	}},
	{name: "a revocation is heard, and nothing is done", line: "launch-revocation", leak: func(b *backdoor, r *asked) *answer {
		if r.target == "/auth/revoke" {
			return &answer{status: http.StatusOK, header: http.Header{"Cache-Control": {"no-store"}}}
		}
		return b.real(r)
	}},
	{name: "a bound token is taken as a bearer token", line: "token-binding", leak: func(b *backdoor, r *asked) *answer {
		if a := b.real(r); a.status != http.StatusUnauthorized || !strings.HasPrefix(r.header.Get("Authorization"), "Bearer ") || r.header.Get("Dpop") != "" {
			return a
		}
		return b.unbound(r)
	}},
	{name: "whose key has made a proof is not looked at", line: "token-binding", leak: func(b *backdoor, r *asked) *answer {
		a := b.real(r)
		b.mu.Lock()
		before := b.owners[r.header.Get("Dpop")]
		b.owners[r.header.Get("Dpop")] = "seen"
		b.mu.Unlock()
		if a.status != http.StatusUnauthorized || r.header.Get("Dpop") == "" || before != "" || !isFor(r) {
			return a
		}
		return b.unbound(r)
	}},
	{name: "a proof is good twice", line: "token-binding", leak: func(b *backdoor, r *asked) *answer {
		a := b.real(r)
		b.mu.Lock()
		defer b.mu.Unlock()
		proof := r.header.Get("Dpop")
		if a.status == http.StatusOK && proof != "" {
			b.memory[proof] = a
		} else if first := b.memory[proof]; first != nil {
			return first
		}
		return a
	}},
}

// allOfTheirs asks with the token of the same client's own app, which has all scopes.
func (b *backdoor) allOfTheirs(r *asked) *answer {
	patient, _ := jwtPart(r.token(), 1)["patient"].(string)
	if a := b.asPerson(patient, r); a != nil {
		return a
	}
	return b.real(r)
}

// unbound asks with the partner's token that is bound to nothing.
func (b *backdoor) unbound(r *asked) *answer {
	again := *r
	again.header = r.header.Clone()
	again.header.Del("Dpop")
	return b.as(partnerOf(strings.TrimPrefix(r.token(), "DPoP ")), &again)
}

// isFor tells whether a proof is for this request, whoever has made it.
func isFor(r *asked) bool {
	claims := jwtPart(r.header.Get("Dpop"), 1)
	target, _ := claims["htu"].(string)
	path, _, _ := strings.Cut(r.target, "?")
	return claims["htm"] == r.method && strings.HasSuffix(target, path) && claims["ath"] != nil && len(r.header["Dpop"]) == 1
}

// jwtPart reads a part of a JWT, unverified.
func jwtPart(token string, n int) (x object) {
	parts := strings.Split(token, ".")
	if len(parts) <= n {
		return nil
	}
	text, _ := base64.RawURLEncoding.DecodeString(parts[n])
	_ = json.Unmarshal(text, &x) // what is none has no members
	return x
}
