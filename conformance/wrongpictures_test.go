package conformance

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/consentry/gateway/conformance/oracle/answers"
	"github.com/consentry/gateway/conformance/oracle/answers/charts"
)

// wrongPictures make what everybody gets wrong for all alike, as a mistake of what reads the records or labels them would. They change the first chart's records.
var wrongPictures = map[string]func(records []answers.Object, other []answers.Object) []answers.Object{
	"a record that is not there": func(records, _ []answers.Object) []answers.Object {
		return slices.DeleteFunc(records, func(r answers.Object) bool { return r["resourceType"] == "Goal" })
	},
	"another client's record": func(records, other []answers.Object) []answers.Object {
		i := slices.IndexFunc(other, func(r answers.Object) bool { return r["resourceType"] == "Condition" })
		return append(records, other[i])
	},
	"another value": changeOne("Observation", func(r answers.Object) { r["valueInteger"] = 8 }),
	"a label less": changeOne("Condition", func(r answers.Object) {
		meta := maps.Clone(r["meta"].(answers.Object))
		meta["security"] = slices.DeleteFunc(slices.Clone(meta["security"].([]any)), func(l any) bool {
			return slices.Contains([]any{"N", "R", "V"}, at(l, "code")[0])
		})
		r["meta"] = meta
	}),
	"a title": changeOne("DocumentReference", func(r answers.Object) { r["description"] = "a title of its own" }),
}

func changeOne(typ string, change func(answers.Object)) func(records, other []answers.Object) []answers.Object {
	return func(records, _ []answers.Object) []answers.Object {
		i := slices.IndexFunc(records, func(r answers.Object) bool { return r["resourceType"] == typ })
		records[i] = maps.Clone(records[i])
		change(records[i])
		return records
	}
}

// comparePicture holds what everybody gets against the source, and that the comparison would find what is wrong.
func comparePicture(t *testing.T, source []answers.Object, seen answers.Seen, clients []string) {
	t.Helper()
	rules := answers.Rules{Kinds: charts.Kinds, Labels: charts.Labels}
	for _, d := range answers.Picture(source, seen, sourceOf, rules) {
		t.Error(d)
	}
	for name, change := range wrongPictures {
		wrong := answers.Seen{Charts: maps.Clone(seen.Charts), Directory: seen.Directory}
		wrong.Charts[clients[0]] = change(slices.Clone(seen.Charts[clients[0]]), seen.Charts[clients[1]])
		if len(answers.Picture(source, wrong, sourceOf, rules)) == 0 {
			t.Error(fmt.Sprint("the picture does not show ", name))
		}
	}
}
