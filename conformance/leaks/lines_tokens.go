package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

func tokenLines() []*line {
	in := func(l *line) *line { l.section = sectionTokens; return l }
	return []*line{
		in(&line{name: "token-signature", title: "no token is believed that the issuer has not signed", source: "Firely 5.7.0-5.10.0, fhir-gateway, LEAP CES",
			tries: "alg none, HS256 with the issuer's public key, another key, embedded jwk, jku, x5u, x5c, another kid, changed claims, changed and missing signatures", run: forgedTokens}),
		in(&line{name: "token-kind", title: "another token of the same parties is no access token", source: "b.well INC-322 (id_token), Firely",
			tries: "client assertions and self-made id tokens as access tokens, signed by the partner's own registered key", run: otherTokens}),
		in(&line{name: "token-placement", title: "a token counts once, in its header, whole", source: "Medplum #9129, own",
			tries: "tokens in the query, a form and cookies, doubled, cut, with text around them, under other schemes", run: tokenPlacement}),
		in(&line{name: "client-assertion", title: "no token is given for what does not prove the partner", source: "LEAP CES, RFC 7523",
			tries: "replayed, expired, far-dated, unsigned, wrongly addressed and foreign-signed assertions, other partners' names", run: assertions}),
	}
}

// part is a JSON object as a part of a JWT.
func part(x any) string {
	text, _ := json.Marshal(x)
	return base64.RawURLEncoding.EncodeToString(text)
}

// claimsOf reads a token's claims, unverified, with some changed.
func claimsOf(token string, changes map[string]any) map[string]any {
	claims := map[string]any{}
	if parts := strings.Split(token, "."); len(parts) == 3 {
		text, _ := base64.RawURLEncoding.DecodeString(parts[1])
		_ = json.Unmarshal(text, &claims)
	}
	for k, v := range changes {
		claims[k] = v
	}
	return claims
}

// issuerKeys are the issuer's public keys, as text and parsed.
func (p *probe) issuerKeys() ([]byte, jose.JSONWebKeySet) {
	var set jose.JSONWebKeySet
	req, err := http.NewRequestWithContext(p.ctx(), http.MethodGet, strings.TrimSuffix(p.s.m.TokenEndpoint, "/token")+"/jwks.json", http.NoBody)
	if err != nil {
		p.broken("%v", err)
	}
	a := p.nobody().beside(req)
	if json.Unmarshal(a.body, &set) != nil || len(set.Keys) == 0 {
		p.broken("the issuer's keys cannot be read")
	}
	return a.body, set
}

// forgeries are tokens that say the same as a good one, or more, and that the issuer has not signed.
func (p *probe) forgeries(good string, changes map[string]any) map[string]string {
	text, set := p.issuerKeys()
	public := set.Keys[0]
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.broken("%v", err)
	}
	claims := claimsOf(good, changes)
	parts := strings.Split(good, ".")
	p.need(len(parts) == 3, "no JWT")
	out := map[string]string{
		"alg none":                part(map[string]any{"alg": "none", "typ": "at+jwt"}) + "." + part(claims) + ".",
		"alg None":                part(map[string]any{"alg": "None", "typ": "at+jwt", "kid": public.KeyID}) + "." + part(claims) + ".",
		"no alg":                  part(map[string]any{"typ": "at+jwt"}) + "." + part(claims) + "." + parts[2],
		"changed claims":          parts[0] + "." + part(claimsOf(good, map[string]any{"client_id": p.s.m.Partners[1].ID, "sub": p.s.m.Partners[1].ID, "exp": time.Now().Add(time.Hour).Unix()})) + "." + parts[2],
		"no signature":            parts[0] + "." + parts[1] + ".",
		"a zero signature":        parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64)),
		"a cut signature":         good[:len(good)-6],
		"two parts":               parts[0] + "." + parts[1],
		"a signature of another":  parts[0] + "." + part(claims) + "." + base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("x", 64))),
		"critical header":         part(map[string]any{"alg": "ES256", "typ": "at+jwt", "kid": public.KeyID, "crit": []string{"b64"}, "b64": false}) + "." + part(claims) + "." + parts[2],
		"the JWKS as HMAC secret": "", "the key as HMAC secret": "", "another key": "", "another key, the issuer's kid": "", "an embedded key": "", "a key by jku": "", "a key by x5u": "", "no kid": "",
	}
	keyText, _ := public.MarshalJSON()
	der, _ := jose.JSONWebKey{Key: public.Key}.MarshalJSON()
	mint := func(name string, key any, alg jose.SignatureAlgorithm, header map[jose.HeaderKey]any) {
		header[jose.HeaderType] = "at+jwt"
		out[name] = must(signed(key, alg, header, claims))(p)
	}
	mint("the JWKS as HMAC secret", padded(text), jose.HS256, map[jose.HeaderKey]any{"kid": public.KeyID})
	mint("the key as HMAC secret", padded(keyText), jose.HS256, map[jose.HeaderKey]any{"kid": public.KeyID})
	mint("the bare key as HMAC secret", padded(der), jose.HS256, map[jose.HeaderKey]any{"kid": public.KeyID})
	mint("another key", own, jose.ES256, map[jose.HeaderKey]any{"kid": "own"})
	mint("another key, the issuer's kid", own, jose.ES256, map[jose.HeaderKey]any{"kid": public.KeyID})
	mint("no kid", own, jose.ES256, map[jose.HeaderKey]any{})
	mint("an embedded key", own, jose.ES256, map[jose.HeaderKey]any{"jwk": jose.JSONWebKey{Key: &own.PublicKey, KeyID: "own"}})
	mint("a key by jku", own, jose.ES256, map[jose.HeaderKey]any{"kid": "own", "jku": "http://127.0.0.1:9/jwks.json"})
	mint("a key by x5u", own, jose.ES256, map[jose.HeaderKey]any{"kid": "own", "x5u": "http://127.0.0.1:9/x.pem"})
	return out
}

func padded(secret []byte) []byte {
	for len(secret) < 32 {
		secret = append(secret, 0)
	}
	return secret
}

func forgedTokens(p *probe) {
	for _, f := range p.focuses() {
		good := p.as(f.who)
		if good.get("Patient/"+f.of.ID).status != 200 {
			p.broken("the good token is not taken")
		}
		for name, token := range p.forgeries(good.token, map[string]any{"jti": rand.Text()}) {
			p.refused(&caller{p: p, partner: f.who, token: token}, f, "a token with "+name)
		}
		expired := claimsOf(good.token, map[string]any{"exp": time.Now().Add(-time.Hour).Unix()})
		p.refused(&caller{p: p, partner: f.who, token: part(map[string]any{"alg": "none"}) + "." + part(expired) + "."}, f, "an expired token")
	}
}

// refused reports a token that opens anything.
func (p *probe) refused(c *caller, f focus, what string) {
	for _, path := range []string{"Patient/" + f.of.ID, "Encounter?patient=" + f.of.ID, "Patient?_count=200"} {
		if a := c.get(path); a.status != http.StatusUnauthorized {
			p.leak("%s is answered %d instead of 401", what, a.status)
		}
	}
}

func otherTokens(p *probe) {
	for _, f := range p.focuses() {
		key := must(readKey(f.who.PrivateJWK))(p)
		access := claimsOf(p.as(f.who).token, nil)
		for name, claims := range map[string]map[string]any{"a client assertion": p.s.m.assertionClaims(f.who), "the same claims": access, "an id token": {"iss": access["iss"], "sub": f.who.ID, "aud": f.who.ID, "exp": access["exp"], "iat": access["iat"], "fhirUser": "Patient/" + f.of.ID, "nonce": "x"}} {
			for _, typ := range []string{"JWT", "at+jwt", "id_token"} {
				token := must(signed(key, jose.SignatureAlgorithm(key.Algorithm), map[jose.HeaderKey]any{jose.HeaderType: typ}, claims))(p)
				p.refused(&caller{p: p, partner: f.who, token: token}, f, name+" signed by the partner itself")
			}
		}
	}
}

func tokenPlacement(p *probe) {
	f := p.focuses()[0]
	nobody, token := p.nobody(), p.as(f.who).token
	path := "Patient/" + f.of.ID
	for name, r := range map[string]request{
		"in the query": get(path + "?access_token=" + token), "in a cookie": get(path).with("Cookie", "token="+token), "in a form": form("Patient/_search", "_id="+f.of.ID+"&access_token="+token), "under Basic": get(path).with("Authorization", "Basic "+token),
		"under DPoP": get(path).with("Authorization", "DPoP "+token), "without a scheme": get(path).with("Authorization", token), "cut": get(path).with("Authorization", "Bearer "+token[:len(token)-3]), "with text after it": get(path).with("Authorization", "Bearer "+token+" x"),
		"with text before it": get(path).with("Authorization", "x Bearer "+token), "twice in one": get(path).with("Authorization", "Bearer "+token+", Bearer "+token), "in another header": get(path).with("X-Authorization", "Bearer "+token), "with a dot": get(path).with("Authorization", "Bearer "+token+"."),
		"with padding": get(path).with("Authorization", "Bearer "+token+"=="),
	} {
		if a := nobody.do(r); a.status != http.StatusUnauthorized {
			p.leak("a token %s is answered %d", name, a.status)
		}
	}
	doubled := get(path)
	doubled.header = http.Header{"Authorization": {"Bearer " + token, "Bearer " + token}}
	if a := nobody.do(doubled); a.status != http.StatusUnauthorized {
		p.leak("a token in two headers is answered %d", a.status)
	}
}

func assertions(p *probe) {
	machines := p.s.machines()
	for i, who := range machines {
		other := machines[(i+1)%len(machines)]
		try := func(name, assertion string) {
			p.asked.Add(1)
			if g := must(p.s.m.ask(p.ctx(), assertion, who.Scopes))(p); g.Access != "" {
				p.leak("%s gets a token for an assertion that is %s", who.ID, name)
			}
		}
		with := func(changes map[string]any) map[string]any {
			c := p.s.m.assertionClaims(who)
			for k, v := range changes {
				c[k] = v
			}
			return c
		}
		good := must(p.s.m.assertion(who, with(nil)))(p)
		if g := must(p.s.m.ask(p.ctx(), good, who.Scopes))(p); g.Access == "" {
			p.broken("%s gets no token", who.ID)
		}
		try("replayed", good)
		for name, changes := range map[string]map[string]any{"expired": {"exp": time.Now().Add(-time.Minute).Unix()}, "good for a day": {"exp": time.Now().Add(24 * time.Hour).Unix()}, "without an end": {"exp": nil}, "addressed elsewhere": {"aud": "https://x.example/token"},
			"addressed to the FHIR base": {"aud": p.s.m.FHIRBase}, "without a nonce": {"jti": ""}, "another's name": {"iss": other.ID, "sub": other.ID}, "for another subject": {"sub": other.ID}, "not yet valid": {"nbf": time.Now().Add(time.Hour).Unix()}} {
			try(name, must(p.s.m.assertion(who, with(changes)))(p))
		}
		key := must(readKey(other.PrivateJWK))(p)
		try("signed by another partner", must(signed(key, jose.SignatureAlgorithm(key.Algorithm), map[jose.HeaderKey]any{jose.HeaderType: "JWT"}, with(nil)))(p))
		try("unsigned", part(map[string]any{"alg": "none", "typ": "JWT"})+"."+part(with(nil))+".")
		try("cut", strings.TrimRight(good[:len(good)-8], "."))
	}
}

func scopeLines() []*line {
	in := func(l *line) *line { l.section = sectionTokens; return l }
	return []*line{
		in(&line{name: "scope-tricks", title: "no spelling of a scope gives more than is registered", source: "Firely 6, AWS FHIR Works",
			tries: "wildcards, other levels, case, separators, v1 and v2 mixtures and nonsense, at the token endpoint and then on every type", run: scopeTricks}),
		in(&line{name: "scope-covers-type", title: "a scope for one type opens no other type, by read, search or projection", source: "OpenEMR CVE-2026-24487, Firely 5.11.0",
			tries: "a token for each type alone against all the others", run: scopeCovers}),
		in(&line{name: "scope-covers-operations", title: "nothing that gives several types gives one outside the token's scopes", source: "Firely 5.11.0, AWS authz-smart GHSA-vv7x-7w4m-q72f",
			tries: "$everything, $docref, compartments, batches and files with tokens for one type", run: scopesOfOperations}),
		in(&line{name: "granular-scope-oracle", title: "what a granular scope leaves out is not there either", source: "Firely 6 (search parameters of scopes ignored)",
			tries: "scopes with a category, status or id: totals, reads of the rest, sorting, _revinclude, against a filter by hand", run: granular}),
		in(&line{name: "read-is-not-search", title: "a scope to read does not search, a scope to search does not read", source: "AWS authz-smart (right verb)",
			tries: "tokens with .r and .s of each type", run: readOrSearch}),
	}
}

func scopeTricks(p *probe) {
	granted := 0
	for _, who := range p.s.machines() {
		for _, scopes := range []string{"system/*.*", "system/*.cruds", "system/*.write", "system/*.read", "user/*.rs", "patient/*.rs", "launch patient/*.rs openid fhirUser", "SYSTEM/*.RS", "system/*.rs?", "system/*.rs?_id=*", "system/*.sr", "system/**.rs", "system/.rs", "*/*.rs", "system/*", "system/*.rs,user/*.rs", "system/Patient.rs system/*.rs",
			"system/Patient.rs\tsystem/*.rs", "system/Patient.rs%20system/*.rs", "system/Patient.rs\nsystem/*.rs", "system/patient.rs", "system/Consent.rs system/Provenance.rs system/DocumentReference.rs", "system/DocumentReference.rs?_security=PSYTHPN", "system/Observation.rs?category=x||", "offline_access", "admin", "system/*.rs " + strings.Repeat("x ", 500)} {
			p.asked.Add(1)
			g := must(p.s.m.token(p.ctx(), who, scopes))(p)
			if g.Access == "" {
				continue
			}
			granted++
			c := &caller{p: p, partner: who, token: g.Access}
			for _, r := range []request{get("Patient?_count=200"), get("Practitioner?_count=1")} {
				p.within(c, r, c.do(r))
			}
			if reach := p.reach(who); len(reach) > 0 {
				for _, t := range p.s.clientTypes() {
					r := get(plain(t.name, reach[0].ID))
					p.within(c, r, c.do(r))
				}
			}
		}
	}
	p.need(granted > 0, "no scope that is granted")
}

func scopeCovers(p *probe) {
	for _, f := range p.focuses() {
		for _, t := range p.s.clientTypes() {
			c, ok := p.scoped(f.who, "system/"+t.name+".rs")
			if !ok {
				continue
			}
			for _, other := range p.s.types {
				if other.name == t.name {
					continue
				}
				id := f.of.ID
				if found := f.own.ofType(other.name); len(found) > 0 {
					id = found[0].id
				}
				for _, path := range []string{other.name + "/" + id, plain(other.name, f.of.ID), other.name + "?_id=" + id, other.name + "?_summary=count&patient=" + f.of.ID} {
					if a := c.get(path); a.status < 400 {
						p.leak("%s with a scope for %s alone: %s answers %d", f.who.ID, t.name, get(path).name(), a.status)
					}
				}
			}
		}
	}
}

// narrowings are granular scopes: a type, a parameter, and the path of its values.
var narrowings = [][3]string{{"Observation", "category", "category.coding"}, {"Observation", "status", "status"}, {"Condition", "category", "category.coding"}, {"DocumentReference", "type", "type.coding"}, {"Encounter", "status", "status"}, {"Encounter", "class", "class"}}

func granular(p *probe) {
	granted := 0
	for _, f := range p.focuses() {
		for _, n := range narrowings {
			t, param, path := n[0], n[1], n[2]
			for _, value := range valuesAt(f.own.ofType(t), path) {
				p.asked.Add(1)
				g := must(p.s.m.token(p.ctx(), f.who, "system/"+t+".rs?"+param+"="+value))(p)
				if g.Access == "" {
					continue
				}
				granted++
				c := &caller{p: p, partner: f.who, token: g.Access}
				var in, out []resource
				for _, r := range f.own.ofType(t) {
					if slices.Contains(valuesAt([]resource{r}, path), value) {
						in = append(in, r)
					} else {
						out = append(out, r)
					}
				}
				p.narrow(c, f, t, param, in, out)
			}
		}
	}
	if granted == 0 {
		p.notApplicable("the issuer grants no granular scope")
	}
}

// valuesAt are the codes there, as a search takes them.
func valuesAt(rs []resource, path string) []string {
	var all []string
	for _, r := range rs {
		for _, v := range at(r.tree, path) {
			switch x := v.(type) {
			case string:
				all = append(all, x)
			case map[string]any:
				system, _ := x["system"].(string)
				code, _ := x["code"].(string)
				all = append(all, system+"|"+code)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// narrow asks with a granular scope: in is what it covers, out is the rest.
func (p *probe) narrow(c *caller, f focus, t, param string, in, out []resource) {
	for _, q := range []string{"", "&_total=accurate&_count=0", "&_sort=-_lastUpdated", "&_summary=count", "&" + param + ":not=x", "&_revinclude=Provenance:target", "&" + param + "=x"} {
		b, ok := c.get(plain(t, f.of.ID) + q).bundle()
		if ok && (len(b.matches()) > len(in) || b.total != nil && *b.total > len(in)) {
			p.leak("%s with a scope narrowed by %s gets or counts more %s than it covers, by %s", f.who.ID, param, t, q)
		}
		for _, e := range b.entries {
			if e.typ != t && e.typ != "OperationOutcome" {
				p.leak("%s with a scope narrowed by %s gets a %s", f.who.ID, param, e.typ)
			}
		}
	}
	for i, r := range out {
		if i < 3 {
			p.same(c, "a "+t+" outside its scope", r.id, get(t+"/{ID}"), get(t+"?_id={ID}"), request{method: http.MethodHead, path: t + "/{ID}"})
		}
	}
}

func readOrSearch(p *probe) {
	for _, f := range p.focuses() {
		for _, t := range p.s.clientTypes() {
			found := f.own.ofType(t.name)
			if len(found) == 0 {
				continue
			}
			reads, ok := p.scoped(f.who, "system/"+t.name+".r")
			if !ok {
				continue
			}
			if a := reads.get(plain(t.name, f.of.ID)); a.status < 400 {
				p.leak("%s searches %s with a scope to read", f.who.ID, t.name)
			}
			if searches, ok := p.scoped(f.who, "system/"+t.name+".s"); ok && searches.get(found[0].ref()).status < 400 {
				p.leak("%s reads %s with a scope to search", f.who.ID, t.name)
			}
		}
	}
}
