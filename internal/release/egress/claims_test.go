package egress

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir"
)

// With references go the profiles that need them, and those of which nobody knows what they need; the others stay.
func TestAProfileGoesWithTheReferencesThatItNeeds(t *testing.T) {
	const provenance = `{"resourceType":"Provenance","id":"v","meta":{"profile":["PROFILE"]},"target":[{"reference":"DocumentReference/d"},{"reference":"DocumentReference/e"}],"recorded":"2026-11-20T10:00:00Z",
		"agent":[{"who":{"reference":"Practitioner/p"},"onBehalfOf":{"reference":"Organization/o"}}]}`
	cases := []struct {
		name, profile, gone string
		stays               bool
	}{
		{"nothing is gone", usCore + "provenance", "", true},
		{"nothing is gone, of an unknown one", "https://x.example/p", "", true},
		{"what it needs", usCore + "provenance", "Organization/o", false},
		{"what ours needs", ours + "provenance", "Organization/o", false},
		{"something else", usCore + "provenance", "DocumentReference/e", true},
		{"something of an unknown one", "https://x.example/p", "DocumentReference/e", false},
		{"FHIR itself", fhirProfiles + "Provenance", "Organization/o", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, ok := newEgress(t).Without(release(t, strings.Replace(provenance, "PROFILE", c.profile, 1), fhir.Coding{Code: "N"}), goneAre(strings.Fields(c.gone)...))
			if !ok {
				t.Fatal("withheld")
			}
			var want []string
			if c.stays {
				want = []string{c.profile}
			}
			if diff := cmp.Diff(want, got.Facts().Profiles); diff != "" {
				t.Error(diff)
			}
		})
	}
}

const signedForm = `{"resourceType":"Consent","id":"c","meta":{"profile":["https://consentry.dev/fhir/StructureDefinition/consentry-consent"]},"status":"active",
	"scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},"category":[{"text":"x"}],"patient":{"reference":"Patient/p1"},
	"dateTime":"2026-11-20","performer":[{"reference":"Patient/p1"}],"organization":[{"reference":"Organization/o"}],"sourceReference":{"reference":"DocumentReference/d"},
	"policy":[{"uri":"urn:x"}],"policyRule":{"coding":[{"code":"OPTIN"}]},"provision":{"type":"permit","purpose":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"TREAT"}]}}`

func TestAConsentNamesTheIHEPCFProfileThatItKeeps(t *testing.T) {
	const basic, intermediate, advanced = pcf + "Basic", pcf + "Intermediate", pcf + "Advanced"
	label := func(code string) string {
		return `"securityLabel":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"` + code + `"}],"purpose"`
	}
	cases := []struct{ name, old, new, gone, want string }{
		{"basic", "", "", "", basic},
		{"a wrong claim is set right", `"https://consentry.dev`, `"` + advanced + `","https://consentry.dev`, "", basic},
		{"a form that is not shown", "", "", "DocumentReference/d", ""},
		{"no policy", `"policy":[{"uri":"urn:x"}],`, "", "", ""},
		{"a policy without a uri", `"policy":[{"uri"`, `"policy":[{"authority":"urn:y"},{"uri"`, "", ""},
		{"never signed", `"dateTime":"2026-11-20",`, "", "", ""},
		{"verified", `"policy":`, `"verification":[{"verified":true}],"policy":`, "", ""},
		{"an untyped root", `"type":"permit",`, "", "", ""},
		{"another scope", "patient-privacy", "research", "", ""},
		{"a purpose that is none", `"TREAT"`, `"unlisted"`, "", ""},
		{"another purpose", `"TREAT"`, `"PATRQT"`, "", intermediate},
		{"dates", `"purpose"`, `"dataPeriod":{"start":"2026"},"purpose"`, "", intermediate},
		{"a class", `"purpose"`, `"class":[{"code":"Condition"}],"purpose"`, "", ""},
		{"an action", `"purpose"`, `"action":[{"text":"x"}],"purpose"`, "", ""},
		{"a code", `"purpose"`, `"code":[{"text":"x"}],"purpose"`, "", ""},
		{"a recipient", `"purpose"`, `"actor":[{"role":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType","code":"IRCP"}]},"reference":{"display":"x"}}],"purpose"`, "", basic},
		{"another role", `"purpose"`, `"actor":[{"role":{"text":"x"},"reference":{"display":"x"}}],"purpose"`, "", ""},
		{"a record", `"purpose"`, `"data":[{"meaning":"instance","reference":{"reference":"Encounter/e"}}],"purpose"`, "", intermediate},
		{"what an encounter refers to", `"purpose"`, `"data":[{"meaning":"related","reference":{"reference":"Encounter/e"}}],"purpose"`, "", intermediate},
		{"what a note refers to", `"purpose"`, `"data":[{"meaning":"related","reference":{"reference":"DocumentReference/d"}}],"purpose"`, "", ""},
		{"what somebody wrote", `"purpose"`, `"data":[{"meaning":"authoredby","reference":{"reference":"Practitioner/x"}}],"purpose"`, "", intermediate},
		{"what refers to a record", `"purpose"`, `"data":[{"meaning":"dependents","reference":{"reference":"Encounter/e"}}],"purpose"`, "", ""},
		{"an exception", `"purpose"`, `"provision":[{"type":"deny","dataPeriod":{"start":"2026"}}],"purpose"`, "", intermediate},
		{"an untyped exception", `"purpose"`, `"provision":[{"dataPeriod":{"start":"2026"}}],"purpose"`, "", ""},
		{"an exception of an exception", `"purpose"`, `"provision":[{"type":"deny","provision":[{"type":"permit"}]}],"purpose"`, "", ""},
		{"a label", `"purpose"`, label("HIV"), "", advanced},
		{"a label of an exception", `"purpose"`, `"provision":[{"type":"deny",` + strings.TrimSuffix(label("SDV"), `,"purpose"`) + `}],"purpose"`, "", advanced},
		{"another label", `"purpose"`, label("MH"), "", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(signedForm, c.old) {
				t.Fatal("nothing is replaced")
			}
			got, ok := newEgress(t).Without(release(t, strings.Replace(signedForm, c.old, c.new, 1), fhir.Coding{Code: "N"}), goneAre(strings.Fields(c.gone)...))
			if !ok {
				t.Fatal("withheld")
			}
			want := []string{ours + "consent"}
			if c.want != "" {
				want = append(want, c.want)
			}
			if diff := cmp.Diff(want, got.Facts().Profiles); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A Consent that claims nothing is left as it is: the extract that a partner gets.
func TestAConsentThatClaimsNothingIsLeftAlone(t *testing.T) {
	r := release(t, strings.Replace(signedForm, `"meta":{"profile":["https://consentry.dev/fhir/StructureDefinition/consentry-consent"]},`, "", 1), fhir.Coding{Code: "N"})
	if got, ok := newEgress(t).Without(r, goneAre()); !ok || got.Digest() != r.Digest() {
		t.Error("it was changed")
	}
}
