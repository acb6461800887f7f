package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// claims are the profiles in meta.profile.
func claims(r resource) []string { return texts(r.Tree, "meta.profile") }

// unkept lists the profiles that are claimed and not kept, with what is missing. A profile of US Core that is not at hand is passed over; any
// other that nobody knows is none.
func unkept(known map[string]profile, all []resource) (broken, checked map[string]int) {
	broken, checked = map[string]int{}, map[string]int{}
	for _, r := range all {
		for _, url := range claims(r) {
			p, ok := known[url]
			switch {
			case !ok && !strings.HasPrefix(url, usCore):
				broken[url+" is no profile at hand"]++
				continue
			case !ok:
				continue
			case p.Type != r.Type:
				broken[url+" is claimed by a "+r.Type]++
			}
			checked[url]++
			for _, b := range p.breaks(r) {
				broken[url+" "+b]++
			}
		}
	}
	return broken, checked
}

func TestWhatIsReleasedKeepsTheProfilesThatItClaims(t *testing.T) {
	t.Parallel()
	broken, checked := unkept(profiles(t), slices.Concat(everythingReleased(t), auditEvents(t)))
	if _, has := definitionFiles(t); !has {
		t.Log("the US Core profiles are not beside the project (../shared/data/us-core-6.1.0): nothing is held against them")
	}
	for b, n := range broken {
		t.Errorf("%d times: %s", n, b)
	}
	want := []string{ours + "consent", ours + "consent-extract", ours + "documentreference", ours + "patient", ours + "provenance", ours + "auditevent", pcf + "Basic", pcf + "Intermediate", balp + "PatientRead"}
	if _, has := definitionFiles(t); has {
		for _, name := range []string{"documentreference", "provenance", "patient", "practitioner", "organization", "encounter", "medicationrequest"} {
			want = append(want, usCore+"us-core-"+name)
		}
	}
	for _, url := range want {
		if checked[url] == 0 {
			t.Errorf("nothing that is released claims %s", url)
		}
	}
	t.Logf("checked: %v", checked)
}

// TestWhatWeHaveProfilesForClaimsThem: each resource of their types, and of a Consent that a partner gets its extract.
func TestWhatWeHaveProfilesForClaimsThem(t *testing.T) {
	want := map[string][]string{
		"Patient":           {usCore + "us-core-patient", ours + "patient"},
		"DocumentReference": {usCore + "us-core-documentreference", ours + "documentreference"},
		"Provenance":        {usCore + "us-core-provenance", ours + "provenance"},
		"Consent":           {ours + "consent"},
		"AuditEvent":        {ours + "auditevent"},
	}
	seen := map[string]int{}
	for _, r := range slices.Concat(everythingReleased(t), auditEvents(t)) {
		if r.Type == "Consent" && len(at(r.Tree, "performer")) == 0 {
			if seen[ours+"consent-extract"]++; !slices.Equal(claims(r), []string{ours + "consent-extract"}) {
				t.Errorf("the extract of a Consent claims %v", claims(r))
			}
			continue
		}
		for _, url := range want[r.Type] {
			seen[url]++
			if !slices.Contains(claims(r), url) {
				t.Errorf("a %s does not claim %s", r.Type, url)
			}
		}
	}
	if len(seen) != 9 {
		t.Errorf("%v", seen)
	}
}

// TestAConsentClaimsWhatItKeepsOfIHEPCF: the narrowest of the three profiles that it keeps, and no other.
func TestAConsentClaimsWhatItKeepsOfIHEPCF(t *testing.T) {
	known := profiles(t)
	counts := map[string]int{}
	for _, r := range everythingReleased(t) {
		if r.Type != "Consent" {
			continue
		}
		want := ""
		for _, name := range []string{"Basic", "Intermediate", "Advanced"} {
			if want == "" && len(known[pcf+name].breaks(r)) == 0 {
				want = pcf + name
			}
		}
		got := strings.Join(slices.DeleteFunc(claims(r), func(url string) bool { return !strings.HasPrefix(url, pcf) }), " ")
		if got != want {
			t.Errorf("a Consent claims %q and keeps %q: %v", got, want, known[pcf+"Intermediate"].breaks(r))
		}
		counts[strings.TrimPrefix(want, pcf)]++
	}
	if counts["Basic"] < 5 || counts["Intermediate"] < 3 || counts[""] < 5 {
		t.Errorf("too few of a kind to tell: %v", counts)
	}
	t.Logf("%v", counts)
}

// TestAClaimFallsWithWhatItNeeds: with narrow scopes references go from what is released, and with them the profiles that need them.
func TestAClaimFallsWithWhatItNeeds(t *testing.T) {
	t.Parallel()
	c := sharedClinic(t)
	known := profiles(t)
	fell := map[string]int{}
	for _, scope := range []string{
		"system/Patient.rs system/DocumentReference.rs system/Provenance.rs system/Practitioner.rs",
		"system/Patient.rs system/DocumentReference.rs system/Provenance.rs system/Organization.rs",
		"system/Patient.rs system/MedicationRequest.rs system/Condition.rs system/Observation.rs system/CarePlan.rs system/Goal.rs",
	} {
		caller := c.mint(t, with(c.claims(harbor), map[string]any{"scope": scope}))
		for _, k := range c.practice.Clients {
			for _, typ := range []string{"DocumentReference", "MedicationRequest", "Condition", "Observation", "CarePlan", "Goal"} {
				if !strings.Contains(scope, typ) {
					continue
				}
				path := typ + "?_count=200&patient=" + c.id(t, k)
				if strings.Contains(scope, "Provenance") {
					path += "&_revinclude=Provenance:target"
				}
				found, included := caller.all(t, path)
				all := slices.Concat(found, included)
				broken, _ := unkept(known, all)
				for b, n := range broken {
					t.Errorf("%d times with %s: %s", n, scope, b)
				}
				for _, r := range all {
					if !slices.ContainsFunc(claims(r), func(url string) bool { return strings.HasPrefix(url, usCore) }) {
						fell[r.Type]++
					} else if r.Type == "Provenance" && !forSomebody(r) {
						t.Error("provenance-1: a practitioner's agent has no onBehalfOf")
					}
				}
			}
		}
	}
	if fell["Provenance"] == 0 || fell["MedicationRequest"] == 0 || fell["DocumentReference"] > 0 || fell["Condition"] > 0 {
		t.Errorf("claims fell from %v", fell)
	}
}

// forSomebody tells whether a Provenance keeps provenance-1 of US Core 6.1, which needs references to be followed: on whose behalf a
// practitioner or a device acted.
func forSomebody(r resource) bool {
	return !slices.ContainsFunc(at(r.Tree, "agent"), func(a any) bool {
		who := strings.Join(texts(a, "who.reference"), "")
		return (strings.HasPrefix(who, "Practitioner/") || strings.HasPrefix(who, "Device/")) && len(at(a, "onBehalfOf")) == 0
	})
}

// breaking are resources that claim a profile and do not keep it, each in one thing, with what is to be found.
var breaking = map[string]struct{ profile, raw, want string }{
	"required element":   {usCore + "us-core-documentreference", `{"resourceType":"DocumentReference","status":"current","category":[{"text":"x"}],"subject":{"display":"x"},"content":[{"attachment":{"contentType":"text/plain","data":"eA=="}}]}`, "DocumentReference.type is missing"},
	"required below":     {usCore + "us-core-patient", `{"resourceType":"Patient","identifier":[{"system":"urn:x"}],"name":[{"family":"x"}],"gender":"male"}`, "Patient.identifier.value is missing"},
	"invariant":          {usCore + "us-core-documentreference", `{"resourceType":"DocumentReference","status":"current","type":{"text":"x"},"category":[{"text":"x"}],"subject":{"display":"x"},"content":[{"attachment":{"contentType":"text/plain"}}]}`, "DocumentReference.content.attachment: us-core-6"},
	"slice by pattern":   {usCore + "us-core-observation-screening-assessment", `{"resourceType":"Observation","status":"final","category":[{"coding":[{"system":"urn:x","code":"survey"}]}],"code":{"text":"x"},"subject":{"display":"x"}}`, "Observation.category:survey: the required slice is missing"},
	"invariant on root":  {usCore + "us-core-medicationrequest", `{"resourceType":"MedicationRequest","status":"active","intent":"order","medicationCodeableConcept":{"text":"x"},"subject":{"display":"x"}}`, "MedicationRequest: us-core-21"},
	"forbidden element":  {ours + "documentreference", document(`,"description":"x"`), "DocumentReference.description must not be there"},
	"forbidden below":    {ours + "consent-extract", extract("permit", `,"data":[{"meaning":"instance","reference":{"reference":"Encounter/a"}}]`), "Consent.provision.data must not be there"},
	"who signed":         {ours + "consent-extract", strings.Replace(extract("permit", ""), `"provision"`, `"performer":[{"reference":"Patient/a"}],"provision"`, 1), "Consent.performer must not be there"},
	"a deny":             {ours + "consent-extract", extract("deny", ""), "Consent.provision: consentry-extract-1"},
	"a deny below":       {ours + "consent-extract", extract("permit", `,"provision":[{"type":"deny"}]`), "Consent.provision: consentry-extract-1"},
	"no labels of whose": {ours + "patient", `{"resourceType":"Patient","meta":{},"identifier":[{"system":"urn:x","value":"1"}],"name":[{"family":"x"}],"gender":"male"}`, "Patient.meta.security is missing"},
	"data and a url":     {ours + "documentreference", strings.Replace(document(""), `"data":`, `"url":"https://x.example","data":`, 1), "DocumentReference.content.attachment: consentry-documentreference-1"},
	"neither of them":    {ours + "documentreference", strings.Replace(document(""), `,"data":"eA=="`, "", 1), "DocumentReference.content.attachment: consentry-documentreference-1"},
	"a url of any size":  {ours + "documentreference", strings.Replace(document(""), `"data":"eA=="`, `"url":"https://x.example"`, 1), "DocumentReference.content.attachment: consentry-documentreference-2"},
	"no labels":          {ours + "provenance", `{"resourceType":"Provenance","meta":{},"target":[{"reference":"Patient/a"}],"recorded":"2026-01-01T00:00:00Z","agent":[{"who":{"reference":"Organization/a"}}]}`, "Provenance.meta.security is missing"},
	"nobody who signed":  {ours + "consent", strings.Replace(consent(""), `"performer":[{"reference":"Patient/a"}],`, "", 1), "Consent.performer is missing"},
	"an untyped rule":    {ours + "consent", consent(`,"provision":[{"purpose":[{"code":"TREAT"}]}]`), "Consent.provision: consentry-consent-1"},
	"no paper":           {pcf + "Basic", strings.Replace(consent(""), `"sourceReference":{"reference":"DocumentReference/a"},`, "", 1), "Consent.source[x] is missing"},
	"no policy":          {pcf + "Basic", strings.Replace(consent(""), `"policy":[{"uri":"urn:x"}],`, "", 1), "Consent.policy is missing"},
	"a verification":     {pcf + "Basic", strings.Replace(consent(""), `"policy"`, `"verification":[{"verified":true}],"policy"`, 1), "Consent.verification must not be there"},
	"another role":       {pcf + "Basic", consent(`,"actor":[{"role":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType","code":"CST"}]},"reference":{"reference":"Organization/a"}}]`), "Consent.provision.actor.role does not fit the pattern"},
	"another scope":      {pcf + "Basic", strings.Replace(consent(""), "patient-privacy", "treatment", 1), "Consent.scope does not fit the pattern"},
	"another purpose":    {pcf + "Basic", consent(`,"purpose":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"PATRQT"}]`), "Consent.provision: pcf-purpose-basic"},
	"dates":              {pcf + "Basic", consent(`,"dataPeriod":{"start":"2026"}`), "Consent.provision.dataPeriod must not be there"},
	"a class":            {pcf + "Intermediate", consent(`,"class":[{"code":"Condition"}]`), "Consent.provision.class must not be there"},
	"a class below":      {pcf + "Intermediate", consent(`,"provision":[{"type":"deny","class":[{"code":"Condition"}]}]`), "Consent.provision: pcf-unused"},
	"exceptions of them": {pcf + "Intermediate", consent(`,"provision":[{"type":"deny","provision":[{"type":"permit"}]}]`), "Consent.provision: pcf-depth"},
	"dependents":         {pcf + "Intermediate", consent(`,"data":[{"meaning":"dependents","reference":{"reference":"Encounter/a"}}]`), "Consent.provision: pcf-data"},
	"related to a note":  {pcf + "Intermediate", consent(`,"data":[{"meaning":"related","reference":{"reference":"DocumentReference/a"}}]`), "Consent.provision: pcf-data"},
	"a label":            {pcf + "Intermediate", consent(`,"securityLabel":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"HIV"}]`), "Consent.provision.securityLabel must not be there"},
	"another label":      {pcf + "Advanced", consent(`,"securityLabel":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"MH"}]`), "Consent.provision: pcf-label"},
}

func document(more string) string {
	return `{"resourceType":"DocumentReference","meta":{"security":[{"code":"N"}]},"status":"current","type":{"text":"x"},"category":[{"text":"x"}],"subject":{"reference":"Patient/a"},"date":"2026-01-01T00:00:00Z","content":[{"attachment":{"contentType":"text/plain","data":"eA=="}}]` + more + `}`
}

func extract(typ, more string) string {
	return `{"resourceType":"Consent","meta":{"security":[{"code":"R"}]},"status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},"category":[{"text":"x"}],` +
		`"patient":{"reference":"Patient/a"},"policyRule":{"coding":[{"code":"OPTIN"}]},"provision":{"type":"` + typ + `","actor":[{"role":{"text":"x"},"reference":{"display":"x"}}]` + more + `}}`
}

func consent(more string) string {
	return `{"resourceType":"Consent","meta":{"security":[{"code":"N"}]},"status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},"category":[{"text":"x"}],` +
		`"patient":{"reference":"Patient/a"},"dateTime":"2026-01-01","performer":[{"reference":"Patient/a"}],"organization":[{"reference":"Organization/a"}],"sourceReference":{"reference":"DocumentReference/a"},` +
		`"policy":[{"uri":"urn:x"}],"policyRule":{"coding":[{"code":"OPTIN"}]},"provision":{"type":"permit"` + more + `}}`
}

// TestTheProfileChecksWork holds both checks, ours and @medplum/core's, against what breaks a profile.
func TestTheProfileChecksWork(t *testing.T) {
	t.Parallel()
	known := profiles(t)
	_, hasUSCore := definitionFiles(t)
	for name, c := range breaking {
		if !hasUSCore && strings.HasPrefix(c.profile, usCore) {
			continue
		}
		if got := known[c.profile].breaks(parseResource(t, []byte(c.raw))); !slices.Contains(got, c.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got := known[ours+"consent-extract"].breaks(parseResource(t, []byte(extract("permit", "")))); len(got) > 0 {
		t.Errorf("an extract is refused: %v", got)
	}
	for _, url := range []string{pcf + "Basic", pcf + "Intermediate", pcf + "Advanced", ours + "consent"} {
		if got := known[url].breaks(parseResource(t, []byte(consent("")))); len(got) > 0 {
			t.Errorf("what keeps %s is refused: %v", url, got)
		}
	}
	t.Run("medplum", func(t *testing.T) {
		needsNode(t)
		var input []byte
		names := slices.Sorted(maps.Keys(breaking))
		for _, name := range names {
			var tree map[string]any
			if err := json.Unmarshal([]byte(breaking[name].raw), &tree); err != nil {
				t.Fatal(name, err)
			}
			meta, _ := tree["meta"].(map[string]any)
			tree["meta"] = map[string]any{"security": meta["security"], "profile": []string{breaking[name].profile}}
			if meta["security"] == nil {
				delete(tree["meta"].(map[string]any), "security")
			}
			raw, err := json.Marshal(tree)
			if err != nil {
				t.Fatal(err)
			}
			input = append(append(input, raw...), '\n')
		}
		v := validate(t, input)
		for i, name := range names {
			if profile := breaking[name].profile; (hasUSCore || !strings.HasPrefix(profile, usCore)) && !strings.Contains(v.wrong[i+1], profile) {
				t.Errorf("%s: nothing is wrong with it", name)
			}
		}
	})
}

// TestOurDefinitionsAreValid validates our profiles, code system and value set themselves, as FHIR resources.
func TestOurDefinitionsAreValid(t *testing.T) {
	t.Parallel()
	needsNode(t)
	files, err := filepath.Glob("../profiles/fhir/*.json")
	if err != nil || len(files) < 13 {
		t.Fatalf("%d definitions: %v", len(files), err)
	}
	var all []resource
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, parseResource(t, text))
	}
	v := validate(t, ndjson(t, all))
	if v.count != len(files) {
		t.Errorf("%d of %d definitions were validated", v.count, len(files))
	}
	for p, n := range v.problems {
		t.Errorf("%d times: %s", n, p)
	}
}

// TestOurCodesAreDefined: each label of our own that is released is a concept of our code system.
func TestOurCodesAreDefined(t *testing.T) {
	text, err := os.ReadFile("../profiles/fhir/CodeSystem-sensitivity.json")
	if err != nil {
		t.Fatal(err)
	}
	system := parseResource(t, text)
	url, defined := fmt.Sprint(system.Tree["url"]), texts(system.Tree, "concept.code")
	for _, r := range everythingReleased(t) {
		for _, l := range at(r.Tree, "meta.security") {
			if strings.Join(texts(l, "system"), "") == url && !slices.Contains(defined, strings.Join(texts(l, "code"), "")) {
				t.Errorf("a %s has a label that our code system does not define", r.Type)
			}
		}
	}
}
