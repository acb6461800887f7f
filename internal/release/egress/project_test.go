package egress

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/internal/sealed"
)

func goneAre(refs ...string) func(fhir.Reference) bool {
	return func(r fhir.Reference) bool { return slices.Contains(refs, r.String()) }
}

const visit = `{"resourceType":"DocumentReference","id":"n1","meta":{"lastUpdated":"2026-11-20T10:00:00Z"},"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">seen with Dr. Two</div>"},` +
	`"status":"current","subject":{"reference":"Patient/p1"},"date":"2026-11-20T10:00:00Z",` +
	`"author":[{"reference":"Practitioner/d1","display":"Dr. One"},{"reference":"Practitioner/d2","display":"Dr. Two","identifier":{"system":"urn:x","value":"222"}}],` +
	`"relatesTo":[{"code":"replaces","target":{"reference":"DocumentReference/n0"}}],` +
	`"content":[{"attachment":{"contentType":"text/plain","data":"QUJD"}}],"context":{"encounter":[{"reference":"Encounter/e1"}]}}`

func TestWithoutTakesTheWholeElement(t *testing.T) {
	e := newEgress(t)
	r := release(t, visit, fhir.Coding{Code: "N"})
	got, ok := e.Without(r, goneAre("Practitioner/d2", "Encounter/e1", "DocumentReference/n0"))
	if !ok {
		t.Fatal("withheld")
	}
	want := `{"resourceType":"DocumentReference","id":"n1","meta":{"lastUpdated":"2026-11-20T10:00:00Z"},"status":"current","subject":{"reference":"Patient/p1"},` +
		`"date":"2026-11-20T10:00:00Z","author":[{"reference":"Practitioner/d1","display":"Dr. One"}],"content":[{"attachment":{"contentType":"text/plain","data":"QUJD"}}]}`
	if diff := cmp.Diff(decoded(t, want), decoded(t, string(sealed.Open(got)))); diff != "" {
		t.Error(diff)
	}
	for _, at := range got.Facts().References {
		if s := at.Value.String(); s != "Patient/p1" && s != "Practitioner/d1" {
			t.Errorf("the facts still hold %s at %s", s, at.Path)
		}
	}
	if n := len(got.Facts().Identifiers); n != 0 {
		t.Errorf("the facts still hold %d identifiers", n)
	}
	if diff := cmp.Diff(r.Facts().When, got.Facts().When); diff != "" {
		t.Error(diff)
	}
	if got.Digest() == r.Digest() || !cmp.Equal(got.Labels(), r.Labels()) || got.Grant() != r.Grant() {
		t.Error("digest, labels or grant are wrong")
	}
	if sealed.Open(r) == nil || !strings.Contains(string(sealed.Open(r)), "Dr. Two") {
		t.Error("the whole resource was changed")
	}
}

func decoded(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestWithoutLeavesAloneWhatRefersToNothingGone(t *testing.T) {
	e, r := newEgress(t), release(t, visit)
	got, ok := e.Without(r, goneAre("Practitioner/d9"))
	if !ok || &sealed.Open(got)[0] != &sealed.Open(r)[0] {
		t.Error("the body was made anew")
	}
}

func TestWithoutWithholdsWhatWouldLoseARequiredElement(t *testing.T) {
	e := newEgress(t)
	provenance := `{"resourceType":"Provenance","id":"v1","target":[{"reference":"DocumentReference/n1"},{"reference":"DocumentReference/n2"}],"recorded":"2026-11-20T10:00:00Z",` +
		`"agent":[{"who":{"reference":"Practitioner/d1"}},{"who":{"reference":"Practitioner/d2"}}]}`
	for name, c := range map[string]struct {
		gone []string
		ok   bool
	}{
		"one of two targets": {[]string{"DocumentReference/n1"}, true},
		"both targets":       {[]string{"DocumentReference/n1", "DocumentReference/n2"}, false},
		"one of two agents":  {[]string{"Practitioner/d1"}, true},
		"both agents":        {[]string{"Practitioner/d1", "Practitioner/d2"}, false},
	} {
		for range 2 { // the second time from memory
			got, ok := e.Without(release(t, provenance), goneAre(c.gone...))
			if ok != c.ok || ok == (got.Facts() == nil) {
				t.Errorf("%s: released %t", name, ok)
			}
			for _, g := range c.gone {
				if strings.Contains(string(sealed.Open(got)), g) {
					t.Errorf("%s: %s is still there", name, sealed.Open(got))
				}
			}
		}
	}
}

// TestAConsentLosesNoPartOfItsProvision: a provision without one of its actors or data says something else.
func TestAConsentLosesNoPartOfItsProvision(t *testing.T) {
	e := newEgress(t)
	consent := release(t, `{"resourceType":"Consent","id":"c1","status":"active","scope":{"coding":[{"code":"patient-privacy"}]},"category":[{"coding":[{"code":"x"}]}],`+
		`"patient":{"reference":"Patient/p1"},"organization":[{"reference":"Organization/o1"}],"policyRule":{"coding":[{"code":"OPTIN"}]},`+
		`"provision":{"type":"permit","actor":[{"role":{"coding":[{"code":"IRCP"}]},"reference":{"reference":"Organization/o2"}},{"role":{"coding":[{"code":"IRCP"}]},"reference":{"reference":"Organization/o3"}}]}}`)
	if _, ok := e.Without(consent, goneAre("Organization/o1")); !ok {
		t.Error("a Consent without its organization is withheld")
	}
	if _, ok := e.Without(consent, goneAre("Organization/o2")); ok {
		t.Error("a Consent lost an actor")
	}
}

func TestWithoutAsksAboutWhatNamesNoResourceOfOurs(t *testing.T) {
	e := newEgress(t)
	r := release(t, `{"resourceType":"DocumentReference","id":"n1","status":"current","author":[{"display":"a cousin"},{"reference":"https://elsewhere.example/Practitioner/1"}],`+
		`"content":[{"attachment":{"contentType":"text/plain","data":"QUJD"}}]}`)
	got, ok := e.Without(r, func(ref fhir.Reference) bool { return ref == fhir.Reference{} })
	if body := string(sealed.Open(got)); !ok || strings.Contains(body, "cousin") || strings.Contains(body, "elsewhere") {
		t.Errorf("%t %s", ok, body)
	}
}

func TestWithoutFailsClosed(t *testing.T) {
	e, r := newEgress(t), release(t, visit)
	if _, ok := e.Without(sealed.Released{}, goneAre()); ok {
		t.Error("the zero value is released")
	}
	if _, ok := e.Without(r, nil); ok {
		t.Error("without a question everything is released")
	}
	f := *r.Facts()
	broken := releaseFacts(t, `{"resourceType":"DocumentReference","id":"n1",`, &f, sealed.Grant{})
	if _, ok := e.Without(broken, goneAre("Encounter/e1")); ok {
		t.Error("a body that cannot be read is released")
	}
	other := f
	other.ID = "n2"
	if _, ok := e.Without(releaseFacts(t, visit, &other, sealed.Grant{}), goneAre("Encounter/e1")); ok {
		t.Error("a body that is not its facts' is released")
	}
	// Facts of another chart version, same body: what was remembered belongs to the other.
	if _, ok := e.Without(r, goneAre("Encounter/e1")); !ok {
		t.Fatal("withheld")
	}
	f.Origin.Map = "other"
	if got, ok := e.Without(releaseFacts(t, visit, &f, sealed.Grant{}), goneAre("Encounter/e1")); !ok || got.Facts().Origin.Map != "other" {
		t.Error("the facts are another resource's")
	}
}

func TestMinimalPatient(t *testing.T) {
	e := newEgress(t)
	full := `{"resourceType":"Patient","id":"p1","meta":{"lastUpdated":"2026-11-20T10:00:00Z","security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]},` +
		`"extension":[{"url":"http://example.org/x","valueString":"y"}],"identifier":[{"system":"urn:x","value":"1","assigner":{"display":"Hospital"}}],"active":true,` +
		`"name":[{"family":"Roe","given":["Jane"]}],"telecom":[{"system":"phone","value":"555"}],"gender":"female","birthDate":"1985-03-04","address":[{"city":"Springfield"}],` +
		`"contact":[{"name":{"family":"Roe"}}],"generalPractitioner":[{"reference":"Practitioner/d1"}],"managingOrganization":{"reference":"Organization/o1"}}`
	want := `{"resourceType":"Patient","id":"p1","meta":{"lastUpdated":"2026-11-20T10:00:00Z","security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]},` +
		`"identifier":[{"system":"urn:x","value":"1"}],"active":true,"name":[{"family":"Roe","given":["Jane"]}],"gender":"female","birthDate":"1985-03-04"}`
	got, ok := e.MinimalPatient(release(t, full))
	if diff := cmp.Diff(decoded(t, want), decoded(t, string(sealed.Open(got)))); !ok || diff != "" {
		t.Error(diff)
	}
	if f := got.Facts(); len(f.References) != 0 || f.ID != "p1" || !f.When.Timeless {
		t.Errorf("the facts are %+v", f)
	}
	for _, at := range got.Facts().Strings {
		if !strings.HasPrefix(at.Path, "name.") {
			t.Errorf("the facts hold %s", at.Path)
		}
	}
	if _, ok := e.MinimalPatient(release(t, visit)); ok {
		t.Error("a DocumentReference was taken for a Patient")
	}
	if _, ok := e.MinimalPatient(sealed.Released{}); ok {
		t.Error("the zero value is released")
	}
}

func TestProjectionsAreBounded(t *testing.T) {
	var c projections
	for i := range 3 * maxProjected / (1 << 20) {
		var key [32]byte
		key[0], key[1] = byte(i), byte(i>>8)
		c.put(key, projection{json: make([]byte, 1<<20)})
	}
	if n := len(c.newer) + len(c.older); n > 2*maxProjected/(1<<20)+2 {
		t.Errorf("%d MB are kept", n)
	}
}

func BenchmarkWithout(b *testing.B) {
	e, r, gone := newEgress(b), release(b, note("n1")), goneAre("Encounter/e1")
	b.Run("cold", func(b *testing.B) {
		for b.Loop() {
			e.projected = projections{}
			e.Without(r, gone)
		}
	})
	b.Run("warm", func(b *testing.B) {
		for b.Loop() {
			e.Without(r, gone)
		}
	})
}
