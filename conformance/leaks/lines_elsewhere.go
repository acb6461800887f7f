package main

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// elsewhereLines are those of the list that a program beside a running gateway cannot try, each with the reason, and what nobody should be called for.
func elsewhereLines() []*line {
	not := func(section, name, title, source, reason string) *line {
		return &line{section: section, name: name, title: title, source: source, run: func(p *probe) { p.notApplicable(reason) }}
	}
	return []*line{
		{section: sectionTokens, name: "calls-out", title: "nothing that a request names is fetched", source: "orca #836, go-fhir-client, b.well SSRF #2392, CVE-2026-34360", run: callsOut,
			tries: "the address of a listener of the suite's own in batches, references, parameters, operations, headers, key addresses of tokens and assertions: nobody calls it"},
		not(sectionConsent, "fail-open", "a failure withholds", "kaireonai, fhir-gateway, MS #5817, MS fhir-proxy, nuts-knooppunt #451",
			"it needs a database or key that fails; the gateway's own tests break each of them (cmd/gateway, TestAFailing...)"),
		not(sectionConsent, "start-without-policy", "nothing is served before all that decides is there", "nuts-knooppunt #480/#481, CMS bcda #766, MS fhir-proxy, fhir-gateway DEV mode",
			"it needs a gateway that starts; the gateway's own tests start it with each thing missing (conformance, cmd/gateway)"),
		not(sectionConsent, "misspelt-consent", "a Consent with an unknown or damaged element permits nothing", "MS fhir-proxy (provision.actors), LEAP (one level of nesting)",
			"nobody can hand the gateway a Consent over HTTP; the truth tables of the decision and the folder of FHIR files are tested in the gateway (internal/release/consent, internal/mapping/fhirsource)"),
		not(sectionCounts, "timing", "the time of an answer tells nothing", "the list's own section",
			"a threshold would fail on a busy machine and prove nothing on a quiet one; the README says what the time may tell"),
		not(sectionTokens, "issuer-signed-claims", "a token that the issuer signed with another audience, tenant, time or kind is refused; keys that rotate or cannot be fetched open nothing", "fhir-gateway (aud), Firely, LEAP CES (exp), JWKS outage",
			"it needs the issuer's private key; the gateway's own tests have an issuer of their own (conformance, internal/smart)"),
		not(sectionLabels, "two-evaluators", "what searches before and what decides after agree", "Medplum #2840, #3332/#3337",
			"from outside there is one answer; an independent oracle computes whole answers a second time (conformance/oracle)"),
	}
}

// listener counts who calls.
func listener(p *probe) (address string, calls *atomic.Int64, stop func()) {
	u, err := url.Parse(p.s.target)
	if ip := net.ParseIP(u.Hostname()); err != nil || u.Hostname() != "localhost" && !ip.IsLoopback() {
		p.notApplicable("a gateway on another machine could not reach the suite's listener")
	}
	var c net.ListenConfig
	l := must(c.Listen(p.ctx(), "tcp", "127.0.0.1:0"))(p)
	calls = new(atomic.Int64)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			calls.Add(1)
			_ = conn.Close()
		}
	}()
	return "http://" + l.Addr().String(), calls, func() { _ = l.Close() }
}

func callsOut(p *probe) {
	f := p.focuses()[0]
	c := p.as(f.who)
	at, calls, stop := listener(p)
	defer stop()
	q := url.QueryEscape(at + "/fhir/Encounter/x")
	requests := []request{
		batch(at+"/fhir/Patient/"+f.of.ID, strings.TrimPrefix(at, "http:")+"/fhir/Patient", "Encounter?patient="+q, "../"+at, "Binary/"+url.PathEscape(at)),
		{method: "POST", header: jsonBody, body: `{"resourceType":"Bundle","type":"batch","link":[{"relation":"next","url":"` + at + `"}],"entry":[{"fullUrl":"` + at + `/fhir/Patient/x","request":{"method":"GET","url":"Patient"}}]}`},
		get("Encounter?patient=" + q), get("Provenance?patient=" + f.of.ID + "&target=" + q), get("Encounter?patient=" + f.of.ID + "&_profile=" + q + "&_list=" + q), get("Patient?_page=" + q), get("Patient/" + url.PathEscape(at)), get("Binary?url=" + q),
		get("DocumentReference/$docref?patient=" + f.of.ID + "&profile=" + q), parameters("DocumentReference/$docref", "patient", at+"/Patient/x"), parameters("Patient/"+f.of.ID+"/$everything", "_type", at),
		{method: "POST", path: "Subscription", header: jsonBody, body: `{"resourceType":"Subscription","channel":{"type":"rest-hook","endpoint":"` + at + `"}}`},
	}
	host := strings.TrimPrefix(at, "http://")
	for _, h := range [][2]string{{"Referer", at}, {"Origin", at}, {"X-Forwarded-Host", host}, {"Forwarded", "host=" + host}, {"X-Original-URL", at}, {"X-Rewrite-URL", at}, {"Content-Location", at}, {"Link", "<" + at + ">"}, {"X-Callback-Url", at}, {"Prefer", "respond-async"}} {
		requests = append(requests, get("Patient/"+f.of.ID).with(h[0], h[1]))
	}
	for _, r := range requests {
		a := c.do(r)
		p.within(c, r, a)
		p.called(calls, r.name())
	}
	key := must(readKey(f.who.PrivateJWK))(p)
	for _, name := range []jose.HeaderKey{"jku", "x5u"} {
		token := must(signed(key, jose.SignatureAlgorithm(key.Algorithm), map[jose.HeaderKey]any{jose.HeaderType: "at+jwt", name: at + "/keys", "kid": "own"}, claimsOf(c.token, nil)))(p)
		if a := (&caller{p: p, partner: f.who, token: token}).get("Patient/" + f.of.ID); a.status != http.StatusUnauthorized {
			p.leak("a token that names its own key by %s is answered %d", name, a.status)
		}
		assertion := must(signed(key, jose.SignatureAlgorithm(key.Algorithm), map[jose.HeaderKey]any{jose.HeaderType: "JWT", name: at + "/keys", "kid": "own"}, p.s.m.assertionClaims(f.who)))(p)
		p.asked.Add(1)
		_ = must(p.s.m.ask(p.ctx(), assertion, f.who.Scopes))(p) // whether it is good is another line's matter
		p.called(calls, "a key address in "+string(name))
	}
}

// called reports calls since the last look.
func (p *probe) called(calls *atomic.Int64, what string) {
	time.Sleep(2 * time.Millisecond) // the answer may come first
	if calls.Swap(0) > 0 {
		p.leak("the gateway calls an address that a request names, by %s", what)
	}
}
