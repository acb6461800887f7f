package conformance

import (
	"bytes"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/consentry/gateway/internal/demo"
	"github.com/consentry/gateway/internal/practice"
)

// extractElements are all that may stand in a partner's extract of a Consent, and in a provision of it.
var (
	extractElements   = []string{"resourceType", "id", "meta", "status", "scope", "category", "patient", "organization", "policyRule", "provision"}
	provisionElements = []string{"type", "period", "actor", "purpose", "class", "code", "provision"}
)

// wholeConsents are the client's Consents by reference, as the client's own app has them.
func (c *clinic) wholeConsents(t *testing.T, client practice.ClientKey) map[string]resource {
	t.Helper()
	id := c.id(t, client)
	all, _ := c.person(t, id, "Patient/"+id).all(t, "Consent?_count=200&patient="+id)
	out := map[string]resource{}
	for _, r := range all {
		out[r.ref()] = r
	}
	return out
}

// TestAPartnerSeesOfAConsentItsExtractOnly holds each partner's Consents against the client's own.
func TestAPartnerSeesOfAConsentItsExtractOnly(t *testing.T) {
	c := sharedClinic(t)
	extracts, hidden := 0, 0
	for _, client := range c.practice.Clients {
		id := c.id(t, client)
		whole := c.wholeConsents(t, client)
		for _, partner := range machines {
			ask := c.as(t, partner)
			seen, includes := []resource(nil), []resource(nil)
			if a := ask.get(t, "Consent?patient="+id); a.status != 403 {
				seen, includes = ask.all(t, "Consent?_count=200&_revinclude=Provenance:target&patient="+id)
			}
			if len(includes) > 0 {
				t.Errorf("%s gets %v about Consents", partner, counts(includes))
			}
			for _, r := range seen {
				extracts++
				if _, ok := whole[r.ref()]; !ok {
					t.Errorf("%s sees a Consent that the client does not have", partner)
				}
				isExtract(t, partner, r)
				if a := ask.get(t, r.ref()); a.status != 200 || !bytes.Equal(a.body, r.Raw) || a.header.Get("Last-Modified") != "" {
					t.Errorf("%s reads another Consent than it finds: %d", partner, a.status)
				}
			}
			if len(seen) > 0 && len(ask.chart(t, id)) <= len(seen) {
				t.Errorf("%s sees Consents of a client of whom it sees nothing else", partner)
			}
			for ref := range whole {
				if !slices.Contains(refs(seen), ref) {
					hidden++
					if a := ask.get(t, ref); a.status != 404 && a.status != 403 {
						t.Errorf("%s reads a Consent that permits it nothing: %d", partner, a.status)
					}
				}
			}
		}
	}
	if extracts < 20 || hidden < 50 {
		t.Errorf("%d extracts, %d Consents of others: the test has seen too little", extracts, hidden)
	}
}

// registered is how the register names a partner.
func registered(partner string) string {
	all := demo.Partners()
	return all[slices.IndexFunc(all, func(p demo.Partner) bool { return p.ID == partner })].Name
}

func isExtract(t *testing.T, partner string, r resource) {
	t.Helper()
	for name := range r.Tree {
		if !slices.Contains(extractElements, name) {
			t.Errorf("an extract holds %s", name)
		}
	}
	if !slices.Equal(claims(r), []string{ours + "consent-extract"}) || len(at(r.Tree, "meta.lastUpdated")) > 0 || len(texts(r.Tree, "policyRule.coding.code")) != 1 {
		t.Error("an extract claims another profile, says when it changed, or has no policyRule")
	}
	if got := texts(r.Tree, "provision.actor.reference.display"); len(got) != 1 || got[0] != registered(partner) {
		t.Errorf("the extract of %s names %d recipients", partner, len(got))
	}
	for _, p := range slices.Concat(at(r.Tree, "provision"), at(r.Tree, "provision.provision")) {
		members, _ := p.(map[string]any)
		for name := range members {
			if !slices.Contains(provisionElements, name) {
				t.Errorf("a provision of an extract holds %s", name)
			}
		}
		if typ, ok := members["type"]; ok && typ != "permit" {
			t.Error("an extract holds a deny")
		}
	}
}

// TestNoSearchFindsWhatAnExtractLeavesOut searches by each value of the client's whole Consents.
func TestNoSearchFindsWhatAnExtractLeavesOut(t *testing.T) {
	c := sharedClinic(t)
	ask := c.as(t, harbor)
	client := c.practice.Story.Referred
	id := c.id(t, client)
	all := refs(ask.get(t, "Consent?patient="+id).bundle(t).Matches)
	if len(all) == 0 {
		t.Fatal("the referring clinic sees no Consent")
	}
	asked := 0
	for _, whole := range c.wholeConsents(t, client) {
		for name, values := range map[string][]string{
			"actor": texts(whole.Tree, "provision.actor.reference.reference"), "date": texts(whole.Tree, "dateTime"), "_lastUpdated": texts(whole.Tree, "meta.lastUpdated"),
		} {
			for _, v := range values {
				asked++
				if b := ask.get(t, "Consent?patient="+id+"&"+name+"="+url.QueryEscape(v)).bundle(t); len(b.Matches) > 0 {
					t.Errorf("a Consent is found by %s", name)
				}
			}
		}
		for _, q := range []string{"date:missing=false", "_lastUpdated:missing=false"} {
			if b := ask.get(t, "Consent?patient="+id+"&"+q).bundle(t); len(b.Matches) > 0 {
				t.Errorf("a Consent is found by %s", q)
			}
		}
	}
	if asked < 4 {
		t.Errorf("%d searches", asked)
	}
	for _, q := range []string{"status=active", "category=IDSCL", "actor:missing=false"} {
		if got := refs(ask.get(t, "Consent?patient="+id+"&"+q).bundle(t).Matches); !slices.Equal(got, all) {
			t.Errorf("by %s %d of %d extracts are found", q, len(got), len(all))
		}
	}
}

// TestPart2RecordsGoWithTheScopeOfTheirConsent reads the explanation of 42 CFR 2.32(b): beside a read, with a link to the extract, and inside a
// page.
func TestPart2RecordsGoWithTheScopeOfTheirConsent(t *testing.T) {
	c := sharedClinic(t)
	ask, read := c.as(t, newDawn), 0
	for _, client := range c.practice.Clients {
		id := c.id(t, client)
		for _, r := range ask.chart(t, id) {
			part2 := slices.Contains(r.labels(), "42CFRPart2")
			a := ask.get(t, r.ref())
			scopes, links := a.header.Values("Consent-Scope"), a.header.Values("Link")
			if !part2 {
				if len(scopes)+len(links) > 0 {
					t.Errorf("a %s that is no Part 2 record has the scope of a consent", r.Type)
				}
				continue
			}
			read++
			if len(scopes) != 1 || !strings.Contains(scopes[0], "Patient/"+id+" ") || !strings.Contains(scopes[0], "Recipient: "+registered(newDawn)+".") || !strings.Contains(scopes[0], "treatment (TREAT)") {
				t.Errorf("a Part 2 %s is read with the scopes %d", r.Type, len(scopes))
			}
			target, rest, ok := strings.Cut(strings.TrimPrefix(strings.Join(links, ""), "<"), ">")
			if !ok || rest != `; rel="describedby"` {
				t.Fatalf("a Part 2 %s is read with %d links", r.Type, len(links))
			}
			if linked := ask.get(t, target).resource(t); linked.Type != "Consent" {
				t.Errorf("the link leads to a %s", linked.Type)
			}
			head := ask.do(t, "HEAD", r.ref(), nil, nil)
			if !slices.Equal(head.header.Values("Consent-Scope"), scopes) {
				t.Error("a HEAD says less than the GET")
			}
		}
	}
	if read == 0 {
		t.Error("no Part 2 record is released")
	}
	b := ask.get(t, "DocumentReference?patient="+c.id(t, c.practice.Story.Part2)).bundle(t)
	if len(b.Outcomes) != 1 {
		t.Fatalf("%d outcomes", len(b.Outcomes))
	}
	issues := texts(b.Outcomes[0].Tree, "issue.details.text")
	if len(issues) != 2 || !strings.Contains(issues[1], "Recipient: "+registered(newDawn)+".") || len(texts(b.Outcomes[0].Tree, "issue.diagnostics")) != 1 {
		t.Errorf("%d issues", len(issues))
	}
}
