package fhirsource_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Another system's "normal" on a scan may be its default: it is no person's judgement, so that the scan keeps the whole chart's labels. What it
// says above that holds, and so does what it says of a text.
func TestAScansLowConfidentialityIsNoJudgement(t *testing.T) {
	document := func(id, contentType, level string) string {
		return fmt.Sprintf(`{"resourceType":"DocumentReference","id":%q,"status":"current","subject":{"reference":"Patient/ann"},"meta":{"security":[`+
			`{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":%q},{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"SDV"}]},`+
			`"type":{"coding":[{"system":"http://loinc.org","code":"11506-3"}]},"content":[{"attachment":{"contentType":%q,"data":"eA=="}}]}`+"\n", id, level, contentType)
	}
	text := clinic()
	text["DocumentReference.ndjson"] = document("s1", "application/pdf", "N") + document("s2", "application/pdf", "V") + document("t1", "text/plain", "N")
	r := lay(t, text)
	for id, want := range map[string]struct {
		whole  bool
		labels map[string]bool
	}{"s1": {true, map[string]bool{"SDV": true}}, "s2": {true, map[string]bool{"SDV": true, "V": true}}, "t1": {false, map[string]bool{"N": true, "SDV": true}}} {
		f := named(r.chart("ann").Candidates)[r.id("DocumentReference", "ann", id)]
		if f == nil {
			t.Fatalf("%s is not in the chart", id)
		}
		if f.InheritsChart != want.whole {
			t.Errorf("%s takes the whole chart's labels: %t", id, f.InheritsChart)
		}
		got := map[string]bool{}
		for _, l := range f.SourceLabels {
			got[l.Code] = true
		}
		if diff := cmp.Diff(want.labels, got); diff != "" {
			t.Errorf("%s: %s", id, diff)
		}
	}
}
