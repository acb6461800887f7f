package mapping

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/google/fhir/go/fhirversion"
	"github.com/google/fhir/go/jsonformat"

	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release/facts"
	"github.com/consentry/gateway/internal/release/stage"
)

// Checked is what a check of the maps against the practice's real rows found. No value of a row is in it.
type Checked struct {
	Clients   int
	Maps      Report // the sums over all clients, in order of the maps
	NoteKinds []NoteKind
	// Uncounted says that maps take notes, and source.yaml does not say which kinds there are: one that no map lists would be noticed by nobody.
	Uncounted bool
}

// NoteKind is a kind of note that stands in the practice's records.
type NoteKind struct {
	Kind string
	Rows int64
	// Map is the map that takes it, Withheld why it is never mapped. Both empty: nobody has listed it, and it is withheld.
	Map      string
	Withheld string
}

// Unlisted tells whether nobody has decided about this kind.
func (k NoteKind) Unlisted() bool { return k.Map == "" && k.Withheld == "" }

// OK tells whether nothing is left to look at: no failed row, no kind of note that nobody has listed, or that nobody would notice.
func (c *Checked) OK() bool {
	failed := slices.ContainsFunc(c.Maps, func(r MapReport) bool { return len(r.Failed) > 0 })
	return !failed && !c.Uncounted && !slices.ContainsFunc(c.NoteKinds, NoteKind.Unlisted)
}

// Check proves the separation, runs every map over every client, and holds each resource against google/fhir: it must parse, validate,
// come back from jsonformat as the same bytes, and have the Facts that package facts defines. An error means that nothing could be checked:
// the separation is not proven, the maps do not fit (Problems), or the practice could not be read.
func (m *Maps) Check(ctx context.Context, src practice.Source) (*Checked, error) {
	if err := src.ProveSeparation(ctx); err != nil {
		return nil, err // nothing is read from a source that may hold psychotherapy notes
	}
	if err := m.Describe(ctx, src); err != nil {
		return nil, err
	}
	marshaller, err := jsonformat.NewMarshaller(false, "", "", fhirversion.R4)
	if err != nil {
		return nil, err
	}
	c := &checker{m: m, src: src, out: &Checked{}, byMap: map[string]*MapReport{}, marshaller: marshaller}
	if err := c.all(ctx); err != nil {
		return nil, err
	}
	for _, rm := range m.maps {
		c.out.Maps = append(c.out.Maps, *c.report(rm))
	}
	return c.out, c.noteKinds(ctx)
}

type checker struct {
	m          *Maps
	src        practice.Source
	out        *Checked
	byMap      map[string]*MapReport
	marshaller *jsonformat.Marshaller
}

func (c *checker) report(rm *rowMap) *MapReport {
	r := c.byMap[rm.kind]
	if r == nil {
		r = &MapReport{Map: rm.kind, Table: rm.table}
		c.byMap[rm.kind] = r
	}
	return r
}

func (c *checker) all(ctx context.Context) error {
	clients, err := c.m.Clients(ctx, c.src)
	if err != nil {
		return err
	}
	consenting, err := c.m.ConsentClients(ctx, c.src)
	if err != nil {
		return err
	}
	clients = slices.Compact(slices.Sorted(slices.Values(append(clients, consenting...))))
	c.out.Clients = len(clients)
	if err := c.chart(ctx, ""); err != nil {
		return err
	}
	for _, client := range clients {
		if err := c.chart(ctx, client); err != nil {
			return err
		}
	}
	return nil
}

// chart checks the maps of one client, or of the directory for "".
func (c *checker) chart(ctx context.Context, client practice.ClientKey) error {
	x, err := c.m.newRun(client)
	if err != nil {
		return err
	}
	var clients []practice.ClientKey
	if client != "" {
		clients = []practice.ClientKey{client}
	}
	for _, rm := range c.m.maps {
		if rm.directory() != (client == "") {
			continue
		}
		rows, report, err := c.m.read(ctx, c.src, x, rm, clients)
		if err != nil {
			return err
		}
		c.sum(c.report(rm), report)
		for _, r := range rows {
			for _, e := range r.results {
				if why := c.resource(e); why != "" {
					sum := c.report(rm)
					sum.Mapped--
					sum.Failed = append(sum.Failed, Failure{Key: r.key, Column: "", Why: why})
					break
				}
			}
		}
	}
	return nil
}

func (c *checker) sum(to *MapReport, r MapReport) {
	to.Read += r.Read
	to.Mapped += r.Mapped
	to.Failed = append(to.Failed, r.Failed...)
	for reason, n := range r.Withheld {
		if to.Withheld == nil {
			to.Withheld = map[string]int{}
		}
		to.Withheld[reason] += n
	}
}

// resource says what is wrong with a resource, "" if nothing is.
func (c *checker) resource(e encoded) string {
	msg, err := fhirjson.Parse(e.json)
	if err != nil {
		return fmt.Sprintf("not valid FHIR: %s", strings.TrimPrefix(err.Error(), "fhirjson: "))
	}
	again, err := c.marshaller.MarshalResource(msg)
	if err != nil || !bytes.Equal(again, e.json) {
		return "google/fhir writes it otherwise"
	}
	for i := range e.binaries {
		if why := c.binary(&e.binaries[i]); why != "" {
			return why
		}
	}
	f := e.facts
	want, err := facts.Extract(msg, facts.Options{Zone: c.m.zone, Types: c.m.types, Base: c.m.base, Subject: f.Subject, Clients: f.Clients, Origin: f.Origin,
		Labels: f.SourceLabels, Inherits: f.Inherits, InheritsChart: f.InheritsChart})
	if err != nil {
		return "its facts cannot be made"
	}
	if field := differs(want, f); field != "" {
		return "its facts differ in " + field
	}
	return ""
}

// binary says what is wrong with a Binary, without its data, "" if nothing is. Its facts are its document's.
func (c *checker) binary(b *binaryResource) string {
	msg, err := fhirjson.Parse(b.json)
	if err != nil {
		return fmt.Sprintf("its content is no valid FHIR: %s", strings.TrimPrefix(err.Error(), "fhirjson: "))
	}
	if again, err := c.marshaller.MarshalResource(msg); err != nil || !bytes.Equal(again, b.json) {
		return "google/fhir writes its content otherwise"
	}
	return ""
}

// differs names the first field in which two facts differ.
func differs(want, got *stage.Facts) string {
	a, b := reflect.ValueOf(*want), reflect.ValueOf(*got)
	for i := range a.NumField() {
		if !sameField(a.Field(i), b.Field(i)) {
			return a.Type().Field(i).Name
		}
	}
	return ""
}

// sameField compares times as instants, and an empty list with none.
func sameField(a, b reflect.Value) bool {
	if a.Kind() == reflect.Slice && a.Len() == 0 && b.Len() == 0 {
		return true
	}
	if m := a.MethodByName("Equal"); m.IsValid() {
		return m.Call([]reflect.Value{b})[0].Bool()
	}
	switch a.Kind() {
	case reflect.Struct:
		for i := range a.NumField() {
			if !sameField(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !sameField(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// noteKinds lists the kinds of note in the practice's records, those that nobody has listed first.
func (c *checker) noteKinds(ctx context.Context) error {
	if c.m.source.kindsSQL == "" {
		c.out.Uncounted = slices.ContainsFunc(c.m.maps, func(rm *rowMap) bool { return len(rm.noteTypes) > 0 })
		return nil
	}
	listed := map[string]string{}
	for _, rm := range c.m.maps {
		for _, t := range rm.noteTypes {
			listed[t] = rm.kind
		}
	}
	var broken bool
	err := c.src.Rows(ctx, c.m.source.kindsQuery(), nil, func(row practice.Row) error {
		k := NoteKind{Kind: row[0].Text, Rows: row[1].Int}
		k.Map, k.Withheld = listed[k.Kind], c.m.source.withheld[k.Kind]
		c.out.NoteKinds = append(c.out.NoteKinds, k)
		return nil
	}, func(*practice.BrokenRow) { broken = true })
	if err == nil && broken {
		err = errors.New("a kind that cannot be read")
	}
	if err != nil {
		return fmt.Errorf("mapping: note-kinds: %w", err)
	}
	slices.SortStableFunc(c.out.NoteKinds, func(a, b NoteKind) int {
		switch {
		case a.Unlisted() == b.Unlisted():
			return strings.Compare(a.Kind, b.Kind)
		case a.Unlisted():
			return -1
		}
		return 1
	})
	return nil
}
