package answers

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	"github.com/consentry/gateway/conformance/oracle"
)

// decided is what the decision says of a record: whether it is released, whether as the asker's own, and the Consents of its client that permit it,
// one for each purpose that is stated.
type decided struct {
	released, self bool
	grounds        []oracle.Ground
}

// decide decides about the records of all charts. What several permissions are asked for is released only by each of them.
func (w *World) decide(q *Requester, p permission) map[string]decided {
	count, out := map[string]int{}, map[string]decided{}
	var lines []oracle.Line
	for _, one := range string(p) {
		lines = w.lines(q.Who, scopesFor(q.Scopes, string(one)))
		for _, l := range lines {
			if l.Decision == "release" {
				count[l.Resource]++
			}
			out[l.Resource] = decided{released: count[l.Resource] == len(p), self: l.Reason == "self-access"}
		}
	}
	purposes := list(q.Who["purpose"])
	for _, purpose := range purposes {
		if len(purposes) > 1 {
			who := maps.Clone(q.Who)
			who["purpose"] = []any{purpose}
			lines = w.lines(who, scopesFor(q.Scopes, string(p[0])))
		}
		for _, l := range lines {
			if d := out[l.Resource]; d.released && l.Decision == "release" && !d.self {
				d.grounds = append(d.grounds, oracle.Ground{Place: w.firstOf(l), Purpose: text(purpose)})
				out[l.Resource] = d
			}
		}
	}
	return out
}

// firstOf is, of all provisions that permit a record, the first of the Consent whose id goes first, of those of the client in whose chart it stands.
func (w *World) firstOf(l oracle.Line) oracle.Place {
	own := slices.DeleteFunc(slices.Clone(l.Places), func(p oracle.Place) bool { return w.clientOf(p.Consent) != w.clientOf(l.Resource) })
	return slices.MinFunc(own, func(a, b oracle.Place) int { return cmp.Compare(a.Consent, b.Consent) })
}

// clientOf is the client in whose chart a record stands.
func (w *World) clientOf(ref string) string {
	for client, c := range w.Charts {
		if c.Records[ref] != nil {
			return client
		}
	}
	return ""
}

// lines are the decisions about all charts.
func (w *World) lines(who Object, scopes string) []oracle.Line {
	var file []json.RawMessage
	for _, client := range slices.Sorted(maps.Keys(w.Charts)) {
		records := w.Charts[client].asDecided
		for _, ref := range slices.Sorted(maps.Keys(records)) {
			file = append(file, encode(records[ref]))
		}
	}
	who = maps.Clone(who)
	who["scopes"], who["related"] = scopes, w.tiedTo(who)
	lines, err := oracle.Decide(w.consents, file, encode(who), w.Now, w.Zone, w.Practice)
	if err != nil {
		panic(err)
	}
	return lines
}
