package demo_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// The check of the maps holds every resource against google/fhir and the definition of its facts.
func TestTheCheckFindsOnlyWhatIsWrongOnPurpose(t *testing.T) {
	m := mapPractice(t, 60)
	checked, err := m.maps.Check(context.Background(), m.source)
	if err != nil {
		t.Fatal(err)
	}
	failed := map[string]int{}
	for _, r := range checked.Maps {
		if n := len(r.Failed); n > 0 {
			failed[r.Table] += n
		}
	}
	if diff := cmp.Diff(m.practice.Broken, failed); diff != "" {
		t.Errorf("failed rows (-broken on purpose +failed):\n%s", diff)
	}
	var unlisted, withheld []string
	for _, k := range checked.NoteKinds {
		if k.Unlisted() {
			unlisted = append(unlisted, k.Kind)
		}
		if k.Withheld != "" {
			withheld = append(withheld, k.Kind)
		}
	}
	sorted := cmpopts.SortSlices(func(a, b string) bool { return a < b })
	if diff := cmp.Diff([]string{"phone_message", "supervision"}, unlisted, sorted); diff != "" {
		t.Errorf("kinds of note that nobody listed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"psychotherapy_stub"}, withheld, sorted); diff != "" {
		t.Errorf("kinds of note that are never mapped (-want +got):\n%s", diff)
	}
}
