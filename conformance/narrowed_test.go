package conformance

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/demo"
	"github.com/consentry/gateway/internal/practice"
)

// iuaClinic is a clinic of the test's own that takes an external issuer's tokens in the form of IHE IUA and PCF. One of its clients has released the
// whole record to a partner, and, on a second form, the attendance alone; forms have numbers.
type iuaClinic struct {
	*clinic
	client             practice.ClientKey
	id                 string
	whole, attendance  string // the two Consents, "Consent/x"
	wholeNo, attendsNo int64
}

const formNumbers = "https://cedarbridge.example/fhir/form"

func openIUAClinic(t *testing.T) *iuaClinic {
	t.Helper()
	ctx := context.Background()
	c := &iuaClinic{clinic: changedClinic(t, "    token-endpoint:", "    preset: ihe-iua\n    token-endpoint:")}
	c.client = c.practice.Story.Represented
	c.id = c.clinic.id(t, c.client)
	w := c.writer(t)
	if err := w.RevokeAll(ctx, c.client, time.Now()); err != nil {
		t.Fatal(err)
	}
	form := toHarbor(time.Now())
	some := toHarbor(time.Now())
	some.EntireRecord, some.Records = false, []string{"attendance"}
	for _, sign := range []struct {
		no   *int64
		form demo.Release
	}{{&c.wholeNo, form}, {&c.attendsNo, some}} {
		no, err := w.Sign(ctx, c.client, sign.form, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		*sign.no = no
	}
	c.numberForms(t)
	if err := c.open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.stop() })
	own, _ := c.inPerson(t, nil).all(t, "Consent?status=active&_count=200&patient="+c.id)
	for _, r := range own {
		switch numbers := texts(r.Tree, "identifier.value"); {
		case slices.Contains(numbers, fmt.Sprint(c.wholeNo)):
			c.whole = r.ref()
		case slices.Contains(numbers, fmt.Sprint(c.attendsNo)):
			c.attendance = r.ref()
		}
	}
	if c.whole == "" || c.attendance == "" {
		t.Fatalf("the client has %d active Consents, and not both forms", len(own))
	}
	return c
}

// numberForms has the map of forms say their numbers, as a business identifier.
func (c *iuaClinic) numberForms(t *testing.T) {
	t.Helper()
	file := filepath.Join(c.dir, "maps", "release.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const before = "  resourceType: Consent\n"
	if bytes.Count(text, []byte(before)) != 1 {
		t.Fatal("the map of forms is another")
	}
	number := before + "  identifier: [{system: " + formNumbers + ", value: \"=string(row.id)\"}]\n"
	if err := os.WriteFile(file, bytes.Replace(text, []byte(before), []byte(number), 1), 0o600); err != nil {
		t.Fatal(err)
	}
}

type claim = map[string]any

// stating is the partner with a token that states what IHE PCF has beside the purpose; nil states nothing.
func (c *iuaClinic) stating(t *testing.T, pcf claim) *caller {
	t.Helper()
	return c.mint(t, with(c.claims(harbor), claim{"extensions": extensions("TREAT", pcf)}))
}

// inPerson is the client with such a token.
func (c *iuaClinic) inPerson(t *testing.T, pcf claim) *caller {
	t.Helper()
	return c.mint(t, with(c.claims(myRecords), claim{"sub": "user", "scope": "patient/*.rs", "patient": c.id, "fhirUser": "Patient/" + c.id, "extensions": extensions("PATRQT", pcf)}))
}

func extensions(purpose string, pcf claim) claim {
	out := claim{"ihe_iua": claim{"purpose_of_use": []claim{{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": purpose}}}}
	if pcf != nil {
		out["ihe_pcf"] = pcf
	}
	return out
}

func residual(rules ...claim) claim { return claim{"residual": rules} }

// sees is the chart without Consents and Provenances: of the former it depends on the others which is shown, and the latter go with their targets.
func (c *iuaClinic) sees(t *testing.T, ask *caller) map[string]resource {
	t.Helper()
	out := map[string]resource{}
	for _, r := range ask.chart(t, c.id) {
		if r.Type != "Consent" && r.Type != "Provenance" {
			out[r.ref()] = r
		}
	}
	return out
}

// TestATokenOfIHEPCFGetsWhatItsConsentsAndRulesLeave asks with tokens that state less, of an external issuer.
func TestATokenOfIHEPCFGetsWhatItsConsentsAndRulesLeave(t *testing.T) {
	t.Parallel()
	c := openIUAClinic(t)
	if a := c.as(t, harbor).get(t, "Patient/"+c.id); a.status != 401 {
		t.Fatalf("a token without a purpose of use: %d; the preset is not in use", a.status)
	}
	all := c.sees(t, c.stating(t, nil))
	if len(all) < 15 {
		t.Fatalf("%d resources without narrowing", len(all))
	}
	of := func(types ...string) func(resource) bool {
		return func(r resource) bool { return slices.Contains(types, r.Type) }
	}
	everything := func(resource) bool { return true }
	nothing := func(resource) bool { return false }
	attended := of("Patient", "Encounter", "Procedure")
	sensitive, middle, session := chosen(t, all)
	label := claim{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": sensitive}
	before := func(r resource) bool { day := dayOf(t, r); return day != "" && day <= middle }
	timeless := of("Patient", "RelatedPerson")

	for name, x := range map[string]struct {
		pcf  claim
		left func(resource) bool // exactly these of all
	}{
		"no Consent named":                         {claim{}, everything},
		"doc_id of the one for everything":         {claim{"doc_id": c.base + "/" + c.whole}, everything},
		"doc_id of both":                           {claim{"doc_id": []string{c.attendance, c.base + "/" + c.whole}}, everything},
		"doc_id of the one for attendance":         {claim{"doc_id": []string{c.base + "/" + c.attendance}}, attended},
		"by its relative reference":                {claim{"doc_id": c.attendance}, attended},
		"by the number of the form":                {claim{"doc_id": fmt.Sprint(formNumbers, "|", c.attendsNo)}, attended},
		"doc_id unknown":                           {claim{"doc_id": c.base + "/Consent/" + stranger()}, nothing},
		"doc_id of another server":                 {claim{"doc_id": "https://elsewhere.example/fhir/" + c.whole}, nothing},
		"a number that no form has":                {claim{"doc_id": formNumbers + "|999999"}, nothing},
		"residual forbids by label":                {residual(claim{"type": "forbid", "securityLabel": []claim{label}}), func(r resource) bool { return !slices.Contains(r.labels(), sensitive) }},
		"residual forbids by period":               {residual(claim{"type": "forbid", "dataPeriod": claim{"end": middle}}), func(r resource) bool { return timeless(r) || !before(r) }},
		"residual forbids all but a period":        {residual(claim{"type": "forbid"}, claim{"type": "permit", "dataPeriod": claim{"end": middle}}), func(r resource) bool { return timeless(r) || before(r) }},
		"residual forbids by class":                {residual(claim{"type": "forbid", "class": []claim{{"code": "DocumentReference"}}}), nothing}, // no member of IHE's
		"residual forbids by a label no one knows": {residual(claim{"type": "forbid", "securityLabel": []claim{{"system": "urn:x", "code": "x"}}}), nothing},
		"residual forbids one session":             {residual(claim{"type": "forbid", "data": []claim{{"meaning": "instance", "reference": c.base + "/" + session}}}), func(r resource) bool { return r.ref() != session }},
		"residual forbids everything":              {residual(claim{"type": "forbid"}), nothing},
		"residual permits only":                    {residual(claim{"type": "permit"}), everything},
		"this client":                              {claim{"patient_id": c.base + "/Patient/" + c.id}, everything},
		"another client":                           {claim{"patient_id": c.base + "/Patient/" + c.clinic.id(t, c.practice.Story.Referred)}, nothing},
	} {
		got := c.sees(t, c.stating(t, x.pcf))
		for ref := range got {
			if _, had := all[ref]; !had {
				t.Errorf("%s: a %s is released that is not without it", name, strings.SplitN(ref, "/", 2)[0])
			}
		}
		for ref, r := range all {
			if _, has := got[ref]; has != x.left(r) && !(isState(r) && strings.Contains(name, "period")) {
				t.Errorf("%s: a %s is released: %t", name, r.Type, has)
			}
		}
	}
	c.forbiddenIsAsIfNotThere(t)
	c.reachesOneClient(t)
}

// isState tells whether a period means the record by overlap with a time that may go on: the test does not follow that.
func isState(r resource) bool {
	return slices.Contains([]string{"Condition", "CarePlan", "Goal", "MedicationRequest"}, r.Type)
}

// chosen picks of a chart what rules are made of: a label that some have, a day that parts it, a session.
func chosen(t *testing.T, all map[string]resource) (sensitive, middle, session string) {
	t.Helper()
	counts, days := map[string]int{}, []string{}
	for ref, r := range all {
		for _, code := range r.labels() {
			if len(code) > 1 {
				counts[code]++
			}
		}
		if r.Type == "Encounter" {
			days, session = append(days, dayOf(t, r)), ref
		}
	}
	for code, n := range counts {
		if n > 0 && n < len(all) && (sensitive == "" || code < sensitive) {
			sensitive = code
		}
	}
	slices.Sort(days)
	if sensitive == "" || len(days) < 4 {
		t.Fatalf("labels %v and %d sessions: nothing to choose", counts, len(days))
	}
	return sensitive, days[len(days)/2], session
}

// dayOf is the day of a record's matter, in the practice's zone.
func dayOf(t *testing.T, r resource) string {
	t.Helper()
	zone, err := time.LoadLocation(demo.Zone)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"period.start", "date", "effectiveDateTime", "performedPeriod.start", "performedDateTime"} {
		found := texts(r.Tree, path)
		if len(found) == 0 {
			continue
		}
		if at, err := time.Parse(time.RFC3339, found[0]); err == nil {
			return at.In(zone).Format(time.DateOnly)
		}
		return found[0]
	}
	return ""
}

// forbiddenIsAsIfNotThere compares the bytes with those of what never was.
func (c *iuaClinic) forbiddenIsAsIfNotThere(t *testing.T) {
	t.Helper()
	for name, pcf := range map[string]claim{"rules": residual(claim{"type": "forbid"}), "another Consent": {"doc_id": "Consent/" + stranger()}, "another client": {"patient_id": stranger()}} {
		ask := c.stating(t, pcf)
		there, gone := ask.get(t, "Patient/"+c.id), ask.get(t, "Patient/"+stranger())
		if there.status != 404 || !bytes.Equal(there.body, gone.body) {
			t.Errorf("%s: a read answers %d, and otherwise than for a client who is not there", name, there.status)
		}
		if found := ask.get(t, "Patient?_count=200").bundle(t); len(found.Matches) > 0 && name != "rules" {
			t.Errorf("%s: %d clients are found", name, len(found.Matches))
		}
	}
	own := c.inPerson(t, residual(claim{"type": "forbid", "data": claim{"meaning": "instance", "reference": c.whole}}))
	if a := own.get(t, c.whole); a.status != 404 {
		t.Errorf("in person, a Consent that the token forbids is read: %d", a.status)
	}
	if a := own.get(t, c.attendance); a.status != 200 {
		t.Errorf("in person, the other Consent: %d", a.status)
	}
}

// reachesOneClient searches without naming anybody.
func (c *iuaClinic) reachesOneClient(t *testing.T) {
	t.Helper()
	if found := c.stating(t, nil).get(t, "Patient?_count=200").bundle(t); len(found.Matches) < 2 {
		t.Fatalf("%d clients without narrowing", len(found.Matches))
	}
	ask := c.stating(t, claim{"patient_id": "Patient/" + c.id})
	if found := refs(ask.get(t, "Patient?_count=200").bundle(t).Matches); !slices.Equal(found, []string{"Patient/" + c.id}) {
		t.Errorf("a token for one client finds %d", len(found))
	}
	if found := ask.get(t, "Practitioner").bundle(t); len(found.Matches) == 0 {
		t.Error("a token for one client does not find the staff")
	}
}
