package mapping

import (
	"slices"
	"strings"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release/stage"
)

// rowMap is a compiled map.
type rowMap struct {
	*header
	kind       string
	query      practice.Query
	all        *practice.Query // the keys of all clients with such a row; nil if the map has none
	withhold   []withholdRule
	resource   *plan
	provenance *plan
	inherits   []*reference
	tie        *tie
	origin     stage.Origin
}

// withholdRule withholds the rows for which its condition holds.
type withholdRule struct {
	reason    string
	condition condition
}

// tie is an identifier of an organisation that the practice's data tie to the client.
type tie struct {
	system string
	value  getter
}

// made is what became of one row.
type made struct {
	key      string
	results  []encoded
	tie      fhir.Identifier
	withheld string // the reason, "" if it is not withheld
	fault    *fault
}

// encoded is a resource before it is sealed.
type encoded struct {
	json       []byte
	securityAt int
	facts      *stage.Facts
	binaries   []binaryResource
}

// row maps the run's row, which must be of the run's client.
func (m *Maps) row(x *run, rm *rowMap) made {
	x.fault = nil
	out := made{key: textOf(&x.row[rm.key])}
	if rm.client >= 0 {
		if key, ok := practice.CanonicalClient(x.row[rm.client]); !ok || key != x.client {
			x.fail(rm.columns.list[rm.client].Name, "the row is of another client than was asked for")
		}
	}
	if out.key == "" {
		x.fail(rm.columns.list[rm.key].Name, "the key is empty")
	}
	for i := range rm.withhold {
		if x.fault == nil && rm.withhold[i].condition.holds(x) {
			out.withheld = rm.withhold[i].reason
			return out
		}
	}
	if x.fault == nil {
		m.resources(x, rm, &out)
		out.results = x.made.take()
	}
	if out.fault = x.fault; out.fault != nil {
		out.results, out.tie = nil, fhir.Identifier{}
	}
	return out
}

func (m *Maps) resources(x *run, rm *rowMap, out *made) {
	if rm.tie != nil {
		if v := rm.tie.value.value(x); !v.IsNull() && textOf(v) != "" {
			out.tie = fhir.Identifier{System: rm.tie.system, Value: textOf(v)}
		}
		return
	}
	key := out.key
	switch rm.kind {
	case kindPatient:
		key = string(x.client)
	case kindPractice:
		key = kindPractice
	}
	main, ok := m.encode(x, rm, rm.resource, key)
	if !ok {
		return
	}
	x.made.add(main)
	if rm.provenance == nil {
		return
	}
	x.target = fhir.Reference{Type: rm.resource.typ, ID: main.facts.ID}
	about, ok := m.encode(x, rm, rm.provenance, key)
	x.target = fhir.Reference{}
	if ok {
		x.facts.others.add(fhir.Reference{Type: main.facts.Type, ID: main.facts.ID})
		about.facts.Inherits = x.facts.others.take()
		x.made.add(about)
	}
}

// encode makes one resource of the row.
func (m *Maps) encode(x *run, rm *rowMap, p *plan, key string) (encoded, bool) {
	id, err := m.idOf(x, rm, p, key)
	if err != nil {
		x.fail(rm.columns.list[rm.key].Name, "its id cannot be made")
		return encoded{}, false
	}
	x.this = fhir.Reference{Type: p.typ, ID: id}
	x.kind, x.key, x.contents = rm.kind, key, x.contents[:0]
	x.buf, x.present, x.securityAt, x.lastUpdated = x.room.begin(), x.present[:0], 0, fhir.Interval{}
	if !p.root.run(x) || x.fault != nil {
		x.fail("", "no resource came of it")
		x.facts.drop()
		return encoded{}, false
	}
	e := encoded{json: x.room.keep(x.buf), securityAt: x.securityAt, facts: m.facts(x, rm, p)}
	for _, c := range x.contents {
		e.binaries = append(e.binaries, newBinary(e.facts, c))
	}
	return e, true
}

// idOf seals the id of a row's own resource; it is remembered only where another map may refer to it.
func (m *Maps) idOf(x *run, rm *rowMap, p *plan, key string) (string, error) {
	if p == rm.resource && rm.referenced {
		return x.ids.id(p.typ, rm.kind, key, rm.directory())
	}
	return m.sealer.Seal(p.typ, string(x.client), rm.kind, key)
}

func (m *Maps) facts(x *run, rm *rowMap, p *plan) *stage.Facts {
	g, last := &x.facts, &x.last[0]
	if p == rm.provenance {
		last = &x.last[1]
	}
	f := x.newFacts()
	f.Type, f.ID, f.Profiles, f.LastUpdated = p.typ, x.this.ID, p.profiles, x.lastUpdated
	f.Origin, f.InheritsChart = rm.origin, rm.inheritsChart
	f.References, f.Codings, f.Identifiers, f.Dates = g.references.take(), takeAlike(&g.codings, &last.codings), g.identifiers.take(), g.dates.take()
	f.Unnamed = g.unnamed.take()
	f.Strings, f.Quantities, f.Formats = g.strings.take(), g.quantities.take(), takeAlike(&g.formats, &last.formats)
	if !rm.directory() {
		f.Subject = x.ids.patient
		f.Clients = m.clients(x, rm)
	}
	if rm.programme >= 0 {
		f.Origin.Programme = textOf(&x.row[rm.programme])
	}
	if rm.labels >= 0 {
		f.SourceLabels = sourceLabels(x, rm)
	}
	for _, r := range rm.inherits {
		if ref, ok := r.resolve(x); ok {
			g.others.add(ref)
		}
	}
	f.Inherits = g.others.take()
	f.When = m.types.When(f, func(path string) bool { return slices.Contains(x.present, path) })
	g.authors = m.types.Authors(g.authors[:0], f)
	g.others.addAll(g.authors)
	f.Authors = takeAlike(&g.others, &last.authors)
	return f
}

// clients are all whom the row is about, the client of its chart among them, sorted.
func (m *Maps) clients(x *run, rm *rowMap) []fhir.Reference {
	if rm.clients < 0 {
		return x.ids.alone
	}
	all := []fhir.Reference{x.ids.patient}
	for _, text := range x.row[rm.clients].List {
		key, ok := practice.CanonicalClient(practice.Value{Type: practice.Text, Text: text})
		id, err := "", error(nil)
		if ok {
			id, err = m.sealer.Seal("Patient", string(key), kindPatient, string(key))
		}
		if !ok || err != nil {
			x.fail(rm.columns.list[rm.clients].Name, "a client whose id cannot be made")
			return nil
		}
		all = append(all, fhir.Reference{Type: "Patient", ID: id})
	}
	slices.SortFunc(all, func(a, b fhir.Reference) int { return strings.Compare(a.ID, b.ID) })
	return slices.Compact(all)
}

// sourceLabels reads the labels that the practice itself set: "system|code", or a bare code of v3-Confidentiality or v3-ActCode.
func sourceLabels(x *run, rm *rowMap) []fhir.Coding {
	var labels []fhir.Coding
	for _, text := range x.row[rm.labels].List {
		system, code, full := strings.Cut(text, "|")
		if !full {
			system, code = fhir.SystemActCode, text
			if len(text) == 1 && strings.ContainsRune(confidentialities, rune(text[0])) {
				system = fhir.SystemConfidentiality
			}
		}
		if !isCode(code) {
			x.fail(rm.columns.list[rm.labels].Name, "a label without a code")
			return nil
		}
		if l := (fhir.Coding{System: system, Code: code}); !slices.Contains(labels, l) {
			labels = append(labels, l)
		}
	}
	return labels
}

// drop forgets what was gathered of a resource that came to nothing.
func (g *gathered) drop() {
	g.references.cut(0)
	g.unnamed.cut(0)
	g.codings.cut(0)
	g.identifiers.cut(0)
	g.dates.cut(0)
	g.strings.cut(0)
	g.quantities.cut(0)
	g.formats.cut(0)
}

// confidentialities are the codes of v3-Confidentiality, each a letter.
const confidentialities = "ULMNRV"
