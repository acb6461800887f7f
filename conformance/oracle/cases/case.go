// Package cases makes small inputs of the Consent decision, in the file formats of `gateway explain`: at random by seed (Case) and by walking a
// finite space (Exhaustive). It knows the words of FHIR but nothing of how a decision is made, and imports nothing below internal/.
package cases

import (
	"encoding/json"
	"math/rand/v2"
	"time"
)

// Input is one case: everything that `gateway explain` is given.
type Input struct {
	Consents  []json.RawMessage
	Resources []json.RawMessage
	Requester json.RawMessage
	At        time.Time
	Zone      *time.Location
	Practice  string // "" where the rule on who discloses is not applied
}

// object is a JSON object that is being built.
type object = map[string]any

// Now is the day around which all cases are set.
var Now = time.Date(2026, 11, 21, 15, 0, 0, 0, time.UTC)

// Fixed offsets, so that a case does not depend on the machine's zone files.
var zones = []*time.Location{time.UTC, time.FixedZone("west", -5*3600), time.FixedZone("east", 13*3600)}

// maker draws one case. It keeps what later parts must fit: who asks, for what, and which clients there are.
type maker struct {
	*rand.Rand
	who      object
	kind     string
	purposes []string
	chart    []object
	guardian bool
	parent   bool
}

// PerScene is how many cases in a row have one scene: who asks, when, and the chart. Only their Consents differ.
const PerScene = 16

// Case is the case of a seed, the same on every machine. About one in fifty holds a Consent that cannot be parsed on purpose (see Unreadable).
func Case(seed uint64) Input {
	in, _ := draw(seed)
	return in
}

// TokenCase is the case of a seed, asked with a token that takes something away.
func TokenCase(seed uint64) Input {
	in, m := draw(seed)
	m.Rand = rand.New(rand.NewPCG(seed, 0x746f6b656e))
	m.token()
	in.Requester = encode(m.who)
	return in
}

func draw(seed uint64) (Input, *maker) {
	m := &maker{Rand: rand.New(rand.NewPCG(seed/PerScene, 0x436f6e73656e7472))}
	in := m.scene()
	m.Rand = rand.New(rand.NewPCG(seed, 0x636f6e73656e74))
	for i := range weighted(m, 70, 22, 8) + 1 {
		in.Consents = append(in.Consents, m.consent(i))
	}
	return in, m
}

// scene draws everything but the Consents.
func (m *maker) scene() Input {
	in := Input{At: Now, Zone: pick(m, zones...)}
	if m.chance(10) {
		in.At = pick(m, time.Date(2026, 11, 20, 23, 59, 59, 0, in.Zone), time.Date(2026, 11, 21, 0, 0, 0, 0, in.Zone), time.Date(2026, 12, 1, 0, 0, 0, 0, in.Zone))
	}
	if m.chance(25) {
		in.Practice = "Organization/practice"
	}
	m.who = m.requester()
	in.Requester = encode(m.who)
	m.makeChart()
	for _, r := range m.chart {
		in.Resources = append(in.Resources, encode(r))
	}
	return in
}

func encode(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic("cases: a case cannot be encoded") // only maps, lists and strings are
	}
	return b
}

// chance is true in so many of a hundred cases.
func (m *maker) chance(percent int) bool { return m.IntN(100) < percent }

func pick[T any](m *maker, from ...T) T { return from[m.IntN(len(from))] }

// weighted draws an index, each as often as its weight says.
func weighted(m *maker, weights ...int) int {
	total := 0
	for _, w := range weights {
		total += w
	}
	n := m.IntN(total)
	for i, w := range weights {
		if n -= w; n < 0 {
			return i
		}
	}
	return 0
}

func ref(to string) object { return object{"reference": to} }

func code(system, code string) object { return object{"system": system, "code": code} }

func concept(codings ...object) object {
	l := make([]any, len(codings))
	for i, c := range codings {
		l[i] = c
	}
	return object{"coding": l}
}

func some(values ...any) []any { return values }
