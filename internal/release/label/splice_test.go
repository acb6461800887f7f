package label_test

import (
	"crypto/sha256"
	"testing"

	"github.com/consentry/gateway/internal/fhir/fhirjson"
)

const (
	act  = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
	conf = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
)

// The labels are spliced into meta where they belong in the alphabet, sorted, and codes that are for deciding only stay inside.
func TestLabelsAreWrittenIntoTheBody(t *testing.T) {
	security := `"security":[{"code":"42CFRPart2","system":"` + act + `"},{"code":"NORDSCLCD","system":"` + act + `"},{"code":"SUD","system":"` + act + `"},{"code":"R","system":"` + conf + `"}]`
	cases := []struct {
		name, meta, want string
		labels           []string
	}{
		{"a meta with all", `"meta":{"lastUpdated":"2026-01-01T00:00:00Z","profile":["p"],"source":"urn:s","tag":[{"code":"t"}],"versionId":"1"},`,
			`"meta":{"lastUpdated":"2026-01-01T00:00:00Z","profile":["p"],` + security + `,"source":"urn:s","tag":[{"code":"t"}],"versionId":"1"},`, nil},
		{"no meta", ``, `"meta":{"profile":["http://hl7.org/fhir/StructureDefinition/Organization"],` + security + `},`, nil},
		{"codes for deciding only", `"meta":{"profile":["p"]},`, `"meta":{"profile":["p"],` + security + `},`, []string{"HIPAASelfPay", "NOPAT", "NODSCLCD", "NOAUTH"}},
		{"a code that has to be escaped", `"meta":{"profile":["p"]},`,
			`"meta":{"profile":["p"],"security":[{"code":"42CFRPart2","system":"` + act + `"},{"code":"NORDSCLCD","system":"` + act + `"},{"code":"SUD","system":"` + act + `"},{"code":"R","system":"` + conf + `"},{"code":"x","system":"urn:\"q\""}]},`,
			[]string{`urn:"q"|x`}},
	}
	r := rules(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := r.Apply(chart(t, entry{json: `{"resourceType":"Organization","id":"o",` + c.meta + `"name":"N"}`, programme: "sud-part2", labels: c.labels}))[0]
			want := `{"id":"o",` + c.want + `"name":"N","resourceType":"Organization"}`
			if _, err := fhirjson.Parse([]byte(want)); err != nil {
				t.Fatal(err)
			}
			if got.Digest() != sha256.Sum256([]byte(want)) {
				t.Error("the body is another")
			}
			if len(c.labels) > 0 && len(got.Labels()) != 4+len(c.labels) {
				t.Errorf("the decision is to see all labels: %v", got.Labels())
			}
		})
	}
}
