package release_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release"
	"github.com/consentry/gateway/internal/release/egress"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/search"
	"github.com/consentry/gateway/internal/smart"
)

// sign puts Consents among what decides and among the records.
func (c *clinic) sign(client string, forms ...string) {
	c.change(func() {
		c.forms[practice.ClientKey(client)] = forms
		kept := c.charts[practice.ClientKey(client)][:0:0]
		for _, r := range c.charts[practice.ClientKey(client)] {
			if !strings.Contains(r.json, `"resourceType":"Consent"`) {
				kept = append(kept, r)
			}
		}
		for _, f := range forms {
			kept = append(kept, record{json: f})
		}
		c.charts[practice.ClientKey(client)] = kept
	})
}

func (c *clinic) view(r *requester.Requester, p smart.Permission, client string) *release.View {
	c.t.Helper()
	v, err := c.service.View(context.Background(), r, p, patientRef(client))
	if err != nil {
		c.t.Fatal(err)
	}
	return v
}

// answer is a read of a resource as it leaves.
func answer(t testing.TB, v *release.View, at fhir.Reference) *httptest.ResponseRecorder {
	t.Helper()
	r, ok := v.Get(at)
	if !ok {
		t.Fatalf("there is no %s", at.Type)
	}
	w := httptest.NewRecorder()
	if err := known().egress.Encode(&egress.Resource{Released: r, Terms: v.Terms(at)}, "").Write(w, false); err != nil {
		t.Fatal(err)
	}
	return w
}

// lakeside is the clinic under an id that no Consent has.
func lakeside() *requester.Requester {
	r := theClinic()
	r.PartnerID = "lakeside"
	return r
}

// A partner is called what the register calls it when it asks: another name is another view.
func TestAnExtractNamesThePartnerAsTheRegisterDoes(t *testing.T) {
	c := oneClient(t)
	c.sign("1", permit("1", "c"))
	for name, want := range map[string]string{"": "lakeside", "Lakeside \"Family\" Clinic": "Lakeside \"Family\" Clinic", "Lakeside <Adults>": "Lakeside <Adults>"} {
		who := lakeside()
		who.Name = name
		var extract struct {
			Provision struct {
				Actor []struct{ Reference struct{ Display string } }
			}
		}
		if err := json.Unmarshal(answer(t, c.view(who, smart.Read, "1"), ref("Consent", "1", "c")).Body.Bytes(), &extract); err != nil {
			t.Fatal(err)
		}
		if len(extract.Provision.Actor) != 1 || extract.Provision.Actor[0].Reference.Display != want {
			t.Errorf("%s is called %+v", want, extract.Provision.Actor)
		}
	}
}

// A partner sees of a Consent what it permits to the partner, and what FHIR requires; the client sees their own whole (rule 22).
func TestAPartnerSeesAnExtractOfWhatPermitsItSomething(t *testing.T) {
	c := oneClient(t)
	actors := `"actor":[{"role":{"coding":[{"system":"` + fhir.SystemParticipation + `","code":"IRCP"}]},"reference":{"identifier":{"system":"` + fhir.SystemNPI + `","value":"` + clinicNPI + `"},"display":"the clinic at the lake"}},` +
		`{"role":{"coding":[{"system":"` + fhir.SystemParticipation + `","code":"IRCP"}]},"reference":{"identifier":{"system":"` + fhir.SystemNPI + `","value":"1999999992"},"display":"the other clinic"}}]`
	whole := form("1", "c", `"type":"permit",`+actors+`,"period":{"start":"2026-01","end":"2026-12-31"},"purpose":[{"system":"`+fhir.SystemActReason+`","code":"TREAT"},{"system":"`+fhir.SystemActReason+`","code":"HPAYMT"}],`+
		`"class":[{"system":"`+fhir.SystemResourceTypes+`","code":"Encounter","display":"visits"},{"system":"`+fhir.SystemResourceTypes+`","code":"DocumentReference"}],`+
		`"securityLabel":[{"system":"`+fhir.SystemConfidentiality+`","code":"R"}],"dataPeriod":{"start":"2020"},`+
		`"provision":[{"type":"deny","securityLabel":[{"system":"`+fhir.SystemActCode+`","code":"HIV"}]}]`)
	whole = strings.Replace(whole, `"status"`, `"meta":{"lastUpdated":"2026-06-01T10:00:00Z","profile":["http://hl7.org/fhir/StructureDefinition/Consent"]},"identifier":[{"system":"urn:x","value":"form 17"}],`+
		`"performer":[{"reference":"`+patientRef("1").String()+`","display":"Jane Roe"}],"sourceAttachment":{"title":"the scan"},"verification":[{"verified":true,"verificationDate":"2026-01-06"}],"status"`, 1)
	c.sign("1", whole)
	want := fmt.Sprintf(`{"category":[{"coding":[{"code":"IDSCL","system":"http://terminology.hl7.org/CodeSystem/v3-ActCode"}]}],"id":%q,`+
		`"meta":{"profile":["https://consentry.dev/fhir/StructureDefinition/consentry-consent-extract"],"security":[{"code":"R","system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality"}]},`+
		`"organization":[{"identifier":{"system":"http://hl7.org/fhir/sid/us-npi","value":"1093817465"}}],"patient":{"reference":%q},`+
		`"policyRule":{"coding":[{"code":"OPTIN","system":"http://terminology.hl7.org/CodeSystem/v3-ActCode"}]},`+
		`"provision":{"actor":[{"reference":{"display":"lakeside","identifier":{"system":"http://hl7.org/fhir/sid/us-npi","value":"1234567893"}},`+
		`"role":{"coding":[{"code":"IRCP","system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType"}]}}],`+
		`"class":[{"code":"DocumentReference","system":"http://hl7.org/fhir/resource-types"},{"code":"Encounter","system":"http://hl7.org/fhir/resource-types"}],`+
		`"period":{"end":"2026-12-31","start":"2026-01-01"},"purpose":[{"code":"TREAT","system":"http://terminology.hl7.org/CodeSystem/v3-ActReason"}],"type":"permit"},`+
		`"resourceType":"Consent","scope":{"coding":[{"code":"patient-privacy","system":"http://terminology.hl7.org/CodeSystem/consentscope"}]},"status":"active"}`,
		seal("Consent", "1", "c"), patientRef("1"))
	w := answer(t, c.view(lakeside(), smart.Read, "1"), ref("Consent", "1", "c"))
	if diff := cmp.Diff(want, w.Body.String()); diff != "" {
		t.Errorf("the extract: %s", diff)
	}
	if w.Header().Get("Last-Modified") != "" || w.Header().Get("ETag") == "" {
		t.Errorf("the extract has the headers %v", w.Header())
	}
	own := answer(t, c.view(theClient("1"), smart.Read, "1"), ref("Consent", "1", "c")).Body.String()
	for _, part := range []string{"the other clinic", "HIV", "form 17", "the scan", "Jane Roe", "HPAYMT", "2026-01-06"} {
		if !strings.Contains(own, part) {
			t.Errorf("the client does not see all of their own: %s", part)
		}
	}
}

// What permits nothing that is there does not exist for a partner, whatever it says.
func TestAConsentThatPermitsAPartnerNothingDoesNotExist(t *testing.T) {
	c := oneClient(t)
	other := strings.ReplaceAll(permit("1", "o"), clinicNPI, "1999999992")
	for name, x := range map[string]struct {
		form string
		who  *requester.Requester
	}{
		"a deny":                            {form("1", "o", `"type":"deny",`+classes("Goal")), theClinic()},
		"for another":                       {other, theClinic()},
		"for another purpose":               {strings.ReplaceAll(permit("1", "o"), `"TREAT"`, `"HPAYMT"`), theClinic()},
		"of another kind":                   {permit("1", "o", classes("Goal")), theClinic()},
		"of the Consent itself alone":       {permit("1", "o", classes("Consent")), theClinic()},
		"that has ended":                    {permit("1", "o", `"period":{"end":"2026-11-01"}`), theClinic()},
		"inactive":                          {strings.Replace(permit("1", "o"), `"active"`, `"inactive"`, 1), theClinic()},
		"a draft":                           {strings.Replace(permit("1", "o"), `"active"`, `"draft"`, 1), theClinic()},
		"silenced":                          {strings.Replace(permit("1", "o"), "patient-privacy", "research", 1), theClinic()},
		"of somebody who may not sign":      {strings.Replace(permit("1", "o"), `"status"`, `"performer":[{"display":"a friend"}],"status"`, 1), theClinic()},
		"out of scope":                      {permit("1", "o"), narrowed("system/Patient.rs system/Encounter.rs system/DocumentReference.rs")},
		"to be searched for only":           {permit("1", "o"), narrowed("system/Patient.rs system/Encounter.rs system/Consent.s")},
		"whose disclosure is held":          {strings.Replace(permit("1", "o", classes("DocumentReference")), `"status"`, `"meta":{"security":[{"system":"`+fhir.SystemActCode+`","code":"NODSCLCD"}]},"status"`, 1), theClinic()},
		"that is labeled as never to leave": {strings.Replace(permit("1", "o", classes("DocumentReference")), `"status"`, `"meta":{"security":[{"system":"`+fhir.SystemActCode+`","code":"PSYTHPN"}]},"status"`, 1), theClinic()},
	} {
		c.sign("1", permit("1", "a", classes("Encounter")), x.form)
		v := c.view(x.who, smart.Read, "1")
		if _, ok := v.Get(ref("Consent", "1", "o")); ok {
			t.Errorf("a Consent %s is shown", name)
		}
		if _, ok := v.Get(ref("Encounter", "1", "e")); !ok {
			t.Errorf("beside a Consent %s nothing is shown", name)
		}
		if x.who.Scopes.String() == theClinic().Scopes.String() {
			if _, ok := v.Get(ref("Consent", "1", "a")); !ok {
				t.Errorf("beside a Consent %s the one that permits is not shown", name)
			}
		}
	}
}

func narrowed(scopes string) *requester.Requester {
	r := theClinic()
	r.Scopes = smart.ParseScopes(scopes)
	return r
}

// By a granular scope, as by a search, nothing is found that the extract does not hold.
func TestAGranularScopeSeesTheExtractOnly(t *testing.T) {
	c := oneClient(t)
	o := c.options()
	o.Granular = func(f *stage.Facts, p smart.Param) bool {
		ok, err := search.Matches(f, p.Name, p.Value)
		return err == nil && ok
	}
	s, err := release.New(o)
	if err != nil {
		t.Fatal(err)
	}
	c.service = s
	whole := strings.Replace(permit("1", "c"), `"code":"IDSCL"`, `"code":"INFA"`, 1)
	c.sign("1", whole)
	for param, shown := range map[string]bool{"status=active": true, "category=IDSCL": true, "category=INFA": false} {
		v := c.view(narrowed("system/Encounter.rs system/Consent.rs?"+param), smart.Read, "1")
		if _, ok := v.Get(ref("Consent", "1", "c")); ok != shown {
			t.Errorf("with %s it is shown: %t", param, ok)
		}
		if v.Len() < 1 {
			t.Errorf("with %s there is nothing else", param)
		}
	}
}

// Of several provisions those that permit something that is there are in the extract, each once, whatever else sets them apart.
func TestTheExtractHoldsWhatPermitsSomethingVisible(t *testing.T) {
	c := oneClient(t)
	nested := func(more ...string) string {
		return `"provision":[` + strings.Join(more, ",") + `]`
	}
	sub := func(class, rest string) string { return `{"type":"permit",` + classes(class) + rest + `}` }
	label := `,"securityLabel":[{"system":"` + fhir.SystemConfidentiality + `","code":"R"}]`
	clinicOnly := func(provisions string) string {
		return strings.Replace(strings.Replace(permit("1", "c", provisions), `"type":"permit"`, `"type":"deny"`, 1), `"policy":`, `"policyRule":{"coding":[{"system":"`+fhir.SystemConsentPolicy+`","code":"hipaa-auth"}]},"policy":`, 1)
	}
	classesOf := func(forms ...string) []string {
		c.sign("1", forms...)
		v := c.view(theClinic(), smart.Read, "1")
		x, ok := v.Get(ref("Consent", "1", "c"))
		if !ok {
			return nil
		}
		var out []string
		for _, at := range x.Facts().Codings {
			if strings.HasSuffix(at.Path, "class") || at.Path == "policyRule" || strings.HasSuffix(at.Path, "type") {
				out = append(out, at.Path+" "+at.Value.Code)
			}
		}
		return out
	}
	for name, x := range map[string]struct {
		form string
		want []string
	}{
		"one of three": {clinicOnly(nested(sub("Goal", ""), sub("Encounter", ""), sub("Observation", ""))),
			[]string{"policyRule hipaa-auth", "provision.class Encounter", "provision.type permit"}},
		"two that differ in labels": {clinicOnly(nested(sub("Encounter", ""), sub("Encounter", label), `{"type":"deny",`+classes("Goal")+`}`)),
			[]string{"policyRule hipaa-auth", "provision.class Encounter", "provision.type permit"}},
		"two kinds": {clinicOnly(nested(sub("Encounter", ""), sub("DocumentReference", ""))),
			[]string{"policyRule hipaa-auth", "provision.provision.class DocumentReference", "provision.provision.type permit", "provision.provision.class Encounter", "provision.provision.type permit"}},
		"nothing": {clinicOnly(nested(sub("Goal", ""))), nil},
	} {
		expect(t, name, classesOf(x.form), x.want)
	}
}

// Each purpose stated may have its own Consent; each is shown, with the purpose for which it permits.
func TestEachPurposeHasItsOwnConsent(t *testing.T) {
	c := oneClient(t)
	both := theClinic()
	both.Purposes = append([]fhir.Coding{{System: fhir.SystemActReason, Code: "HOPERAT"}}, treat...)
	both.Registered = both.Purposes
	operations := strings.ReplaceAll(permit("1", "b", classes("Encounter", "Patient")), `"TREAT"`, `"HOPERAT"`)
	c.sign("1", permit("1", "c"), operations)
	v := c.view(both, smart.Read, "1")
	for key, purpose := range map[string]string{"c": "TREAT", "b": "HOPERAT"} {
		w := answer(t, v, ref("Consent", "1", key))
		if body := w.Body.String(); strings.Count(body, "v3-ActReason") != 1 || !strings.Contains(body, `"`+purpose+`"`) {
			t.Errorf("the Consent for %s: %s", purpose, body)
		}
	}
	if e := v.Evidence(); len(e.Consents) != 2 {
		t.Errorf("the ledger has %d Consents", len(e.Consents))
	}
	if got := v.Terms(ref("Encounter", "1", "e")); len(got) != 2 {
		t.Errorf("the Encounter is shown on %d terms", len(got))
	}
}

// A couple's record leaves by the Consents of both; each one's Consent is nothing of the other's chart.
func TestTheConsentOfAnotherIsNeverShown(t *testing.T) {
	c := oneClient(t)
	both := note("1", "together")
	both.others = []string{"2"}
	c.charts["1"] = []record{patient("1"), both}
	c.sign("1", permit("1", "c"))
	c.sign("2", permit("2", "c"))
	v := c.view(theClinic(), smart.Read, "1")
	expect(t, "the first's chart", shown(v, "1", "c", "together"), []string{"Consent/c", "DocumentReference/together", "Patient/1"})
	if _, ok := v.Get(ref("Consent", "2", "c")); ok {
		t.Error("the other's Consent is shown")
	}
	// A Consent that is about both is decided by both (rule 20).
	c.change(func() {
		c.forms["2"] = []string{permit("2", "c", classes("DocumentReference"))}
		last := len(c.charts["1"]) - 1
		c.charts["1"][last].others = []string{"2"}
	})
	expect(t, "a Consent of both", c.sees(theClinic(), "1", "c", "together"), []string{"DocumentReference/together", "Patient/1"})
}

// A Provenance says who agreed, and when: of the whole Consent, which only the client sees.
func TestAProvenanceOfAConsentIsTheClients(t *testing.T) {
	c := oneClient(t)
	c.charts["1"] = append(c.charts["1"], provenance("1", "p", ref("Consent", "1", "c")))
	c.sign("1", permit("1", "c"))
	expect(t, "a partner", c.sees(theClinic(), "1", "c", "e", "n", "v", "p"), append([]string{"Consent/c"}, everything...))
	expect(t, "the client", c.sees(theClient("1"), "1", "c", "e", "n", "v", "p"), []string{"Consent/c", "DocumentReference/n", "Encounter/e", "Patient/1", "Provenance/p", "Provenance/v"})
}

// The client sees a Consent of their own as they signed it, also where it names a record that is not theirs alone to see or that the app's scopes do not
// reach; who represents them sees none that would have to lose what it speaks of (rule 22).
func TestAClientSeesAConsentWholeThatNamesWhatTheyDoNotSee(t *testing.T) {
	c := oneClient(t)
	both := note("1", "together")
	both.others = []string{"2"}
	mother := record{json: `{"resourceType":"RelatedPerson","id":"` + seal("RelatedPerson", "1", "mother") + `","active":true,"patient":{"reference":"` + patientRef("1").String() +
		`"},"relationship":[{"coding":[{"system":"` + fhir.SystemRoleCode + `","code":"HPOWATT"}]}]}`}
	c.charts["1"] = append(c.charts["1"], both, mother)
	data := fmt.Sprintf(`"data":[{"meaning":"instance","reference":{"reference":%q}}]`, ref("DocumentReference", "1", "together"))
	signed := permit("1", "c", data)
	c.sign("1", signed)
	form := ref("Consent", "1", "c")
	bodyFor := func(r *requester.Requester) string { return answer(t, c.view(r, smart.Read, "1"), form).Body.String() }

	whole := bodyFor(theClient("1"))
	if !strings.Contains(whole, strings.TrimSuffix(data, "]")) || !strings.Contains(whole, "instance") {
		t.Errorf("the client: %s", whole)
	}
	narrow := theClient("1")
	narrow.Scopes = smart.ParseScopes("patient/Consent.rs")
	if got := bodyFor(narrow); got != whole {
		t.Errorf("through an app that may see Consents alone: %s", got)
	}
	if _, ok := c.view(theClient("1"), smart.Read, "1").Get(ref("DocumentReference", "1", "together")); ok {
		t.Error("with it the client sees the record itself")
	}
	guardian := theClient("1")
	guardian.Person = ref("RelatedPerson", "1", "mother")
	if _, ok := c.view(guardian, smart.Read, "1").Get(form); ok {
		t.Error("who represents the client sees it")
	}
	c.sign("1", permit("1", "c", strings.ReplaceAll(data, ref("DocumentReference", "1", "together").ID, ref("DocumentReference", "1", "n").ID)))
	if got := bodyFor(guardian); !strings.Contains(got, ref("DocumentReference", "1", "n").ID) {
		t.Errorf("one about what they see, who represents the client: %s", got)
	}
}

func TestTheLedgerCountsNoShownConsentAsWithheld(t *testing.T) {
	c := oneClient(t)
	for name, x := range map[string]struct {
		form string
		who  *requester.Requester
		want map[string]uint32
	}{
		"permitted and shown":        {permit("1", "c"), theClinic(), map[string]uint32{}},
		"not permitted, but shown":   {permit("1", "c", classes("Encounter", "DocumentReference", "Patient")), theClinic(), map[string]uint32{}},
		"out of scope":               {permit("1", "c"), narrowed("system/Patient.rs system/Encounter.rs system/DocumentReference.rs system/Provenance.rs system/Practitioner.rs"), map[string]uint32{"scope": 1}},
		"permits nothing that there": {permit("1", "c", classes("Consent")), theClinic(), map[string]uint32{"no-consent": 4, "not-shown": 1}},
	} {
		c.sign("1", x.form)
		if diff := cmp.Diff(x.want, c.view(x.who, smart.Read, "1").Evidence().Withheld); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// The scope of the Consent goes with Part 2 records, in whatever answer they are, and names a Consent only to who can read it (rule 23).
func TestPart2RecordsAreShownOnTerms(t *testing.T) {
	c := oneClient(t)
	part2 := note("1", "n")
	part2.json = strings.Replace(part2.json, `"status"`, `"meta":{"security":[{"system":"`+fhir.SystemActCode+`","code":"42CFRPart2"},{"system":"`+fhir.SystemActCode+`","code":"SUD"}]},"status"`, 1)
	c.charts["1"] = []record{patient("1"), part2}
	form := strings.Replace(permit("1", "c", `"period":{"end":"2026-12-31"}`), `"policy":`, `"policyRule":{"coding":[{"system":"`+fhir.SystemActCode+`","code":"42CFRPart2CD"}]},"policy":`, 1)
	c.sign("1", form)
	url := "https://gateway.example/fhir/Consent/" + seal("Consent", "1", "c")
	const scope = "Recipient: lakeside. Permitted for treatment (TREAT): records of any kind, until 2026-12-31."
	for name, x := range map[string]struct {
		scopes string
		link   string
	}{"who can read the Consent": {"system/*.rs", "<" + url + `>; rel="describedby"`}, "who cannot": {"system/DocumentReference.rs system/Patient.rs", ""}} {
		who := lakeside()
		who.Scopes = smart.ParseScopes(x.scopes)
		w := answer(t, c.view(who, smart.Read, "1"), ref("DocumentReference", "1", "n"))
		if got := w.Header().Get("Consent-Scope"); !strings.HasSuffix(got, scope) {
			t.Errorf("%s gets the scope %q", name, got)
		}
		if got := w.Header().Get("Link"); got != x.link {
			t.Errorf("%s gets the link %q", name, got)
		}
	}
	w := answer(t, c.view(lakeside(), smart.Read, "1"), ref("Consent", "1", "c"))
	if w.Header().Get("Redisclosure-Notice") == "" || !strings.Contains(w.Body.String(), `"42CFRPart2CD"`) || !strings.Contains(w.Body.String(), `{"code":"42CFRPart2",`) {
		t.Errorf("the Part 2 consent leaves without its notice or rule: %v %s", w.Header(), w.Body)
	}
	if got := answer(t, c.view(theClient("1"), smart.Read, "1"), ref("DocumentReference", "1", "n")).Header(); got.Get("Consent-Scope") != "" || got.Get("Link") != "" {
		t.Errorf("the client's own access is under a Consent: %v", got)
	}
}
