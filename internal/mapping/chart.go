package mapping

import (
	"context"
	"fmt"
	"slices"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release/stage"
)

// Chart is everything that the gateway may read about one client.
type Chart struct {
	Candidates []stage.Candidate
	Ties       []Tie
	Report     Report
}

// Tie is an organisation that the practice's data tie to a client (referral, care team, coverage), by one of its identifiers, and while they do.
// The zero During is all of time.
type Tie struct {
	To     fhir.Identifier
	During fhir.Interval
}

// Report says what became of the rows, map by map.
type Report []MapReport

// MapReport says what became of the rows of one map. Every row that was read is mapped, withheld or failed.
type MapReport struct {
	Map      string
	Table    string
	Read     int
	Mapped   int
	Withheld map[string]int // by the map's own reasons
	Failed   []Failure
}

// Failure is a row that could not be mapped, and why, without any value.
type Failure struct {
	Key    string
	Column string
	Why    string
}

func (r *MapReport) fail(key string, f *fault) {
	r.Failed = append(r.Failed, Failure{Key: key, Column: f.column, Why: f.why})
}

func (r *MapReport) withhold(reason string) {
	if r.Withheld == nil {
		r.Withheld = map[string]int{}
	}
	r.Withheld[reason]++
}

// Chart reads and maps everything about one client. An error means that nothing is known: an incomplete chart is never given.
func (m *Maps) Chart(ctx context.Context, src practice.Source, client practice.ClientKey) (*Chart, error) {
	if client == "" {
		return nil, fmt.Errorf("mapping: no client")
	}
	x, err := m.newRun(client)
	if err != nil {
		return nil, err
	}
	c := &Chart{}
	for _, rm := range m.maps {
		if rm.directory() {
			continue
		}
		rows, report, err := m.read(ctx, src, x, rm, []practice.ClientKey{client})
		if err != nil {
			return nil, err
		}
		c.Report = append(c.Report, report)
		c.Candidates = slices.Grow(c.Candidates, 2*len(rows))
		for _, r := range rows {
			if r.tie != (fhir.Identifier{}) {
				c.Ties = append(c.Ties, Tie{To: r.tie})
			}
			if c.Candidates, err = appendCandidates(c.Candidates, r.results); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// Directory reads and maps the practice's own staff and sites.
func (m *Maps) Directory(ctx context.Context, src practice.Source) ([]stage.Candidate, Report, error) {
	x, err := m.newRun("")
	if err != nil {
		return nil, nil, err
	}
	var all []stage.Candidate
	var report Report
	for _, rm := range m.maps {
		if !rm.directory() {
			continue
		}
		rows, mr, err := m.read(ctx, src, x, rm, nil)
		if err != nil {
			return nil, nil, err
		}
		report = append(report, mr)
		for _, r := range rows {
			if all, err = appendCandidates(all, r.results); err != nil {
				return nil, nil, err
			}
		}
	}
	return all, report, nil
}

func appendCandidates(all []stage.Candidate, results []encoded) ([]stage.Candidate, error) {
	for _, e := range results {
		var binaries []stage.Candidate
		for i := range e.binaries {
			b, err := e.binaries[i].candidate()
			if err != nil {
				return nil, fmt.Errorf("mapping: %s: %w", e.facts.Origin.Map, err)
			}
			binaries = append(binaries, b)
		}
		c, err := stage.New(e.json, e.securityAt, e.facts, binaries...)
		if err != nil {
			return nil, fmt.Errorf("mapping: %s: %w", e.facts.Origin.Map, err)
		}
		all = append(all, c)
	}
	return all, nil
}

func (m *Maps) newRun(client practice.ClientKey) (*run, error) {
	ids, err := m.newIDs(client)
	if err != nil {
		return nil, fmt.Errorf("mapping: the client's id cannot be made: %w", err)
	}
	return &run{client: client, ids: ids, zone: m.zone}, nil
}

// read maps the rows of one map. Rows with one key fail together: nobody knows which of them is the record.
func (m *Maps) read(ctx context.Context, src practice.Source, x *run, rm *rowMap, clients []practice.ClientKey) ([]made, MapReport, error) {
	report := MapReport{Map: rm.kind, Table: rm.table}
	p := m.newMapper(x, rm)
	defer p.close()
	err := src.Rows(ctx, rm.query, clients, p.add, func(b *practice.BrokenRow) {
		report.Failed = append(report.Failed, Failure{Key: b.Key, Column: b.Column, Why: rm.columns.misfit(b.Column)})
	})
	if err != nil {
		return nil, report, fmt.Errorf("mapping: %s: %w", rm.kind, err)
	}
	p.finish()
	keys := newKeys(rm.kind == kindPractice || rm.kind == kindPatient, len(p.made))
	for i := range p.made {
		keys.add(p.made[i].key, i)
	}
	for _, f := range report.Failed {
		keys.broken(f.Key)
	}
	report.Read = len(p.made) + len(report.Failed)
	good := p.made[:0]
	for i, r := range p.made {
		if r.fault == nil && r.withheld == "" && keys.twice(r.key, i) {
			r.fault = &fault{column: rm.columns.list[rm.key].Name, why: "the key stands twice"}
		}
		switch {
		case r.fault != nil:
			report.fail(r.key, r.fault)
		case r.withheld != "":
			report.withhold(r.withheld)
		default:
			report.Mapped++
			good = append(good, r)
		}
	}
	return good, report, nil
}

// keys tells which keys stand twice.
type keys struct {
	seen   map[string]int // the row that has the key, or doubled
	single bool           // the map may make one row only, under one key
}

const doubled = -1

// newKeys has room for the keys of so many rows, if that is known.
func newKeys(single bool, rows int) *keys {
	return &keys{seen: make(map[string]int, rows), single: single}
}

func (k *keys) add(key string, row int) {
	if k.single {
		key = ""
	}
	if _, dup := k.seen[key]; dup {
		row = doubled
	}
	k.seen[key] = row
}

// broken notes the key of a row that could not be read: a second row with that key is no more to be trusted.
func (k *keys) broken(key string) {
	if key != "" || k.single {
		k.add(key, doubled)
	}
}

func (k *keys) twice(key string, row int) bool {
	if k.single {
		key = ""
	}
	return k.seen[key] != row
}
