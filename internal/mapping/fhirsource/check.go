package fhirsource

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release/stage"
)

// Reasons for which `gateway check` counts lines that nobody can get.
const (
	whyApart   = "psychotherapy, not read"
	whyKind    = "kind of note"
	whyType    = "type that no rule knows"
	whyUnread  = "holds what cannot be read"
	whyNobody  = "about nobody known"
	whyUnnamed = "named by no chart"
	whyContent = "content of no one document"
)

// Check makes every chart and the directory, and says what became of the lines of each file and which kinds of note there are. No value of a
// line is in it but the codes of kinds.
func (f *Folder) Check(ctx context.Context) (*mapping.Checked, error) {
	s, err := f.current(ctx, nil)
	if err != nil {
		return nil, err
	}
	state := &State{s, &f.opts}
	c := &checker{State: state, charted: map[*entry]bool{}, unreadable: map[*entry]bool{}}
	for _, client := range append(state.Clients(), "") {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := c.chart(client); err != nil {
			return nil, err
		}
	}
	out := &mapping.Checked{Clients: len(s.clients)}
	kinds := map[string]*mapping.NoteKind{}
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		out.Maps = append(out.Maps, c.report(name, s.files[name], kinds))
	}
	for _, k := range kinds {
		out.NoteKinds = append(out.NoteKinds, *k)
	}
	slices.SortFunc(out.NoteKinds, func(a, b mapping.NoteKind) int {
		return cmp.Or(cmp.Compare(order(a), order(b)), cmp.Compare(a.Kind, b.Kind))
	})
	return out, nil
}

// order puts first what somebody has to decide about.
func order(k mapping.NoteKind) int {
	if k.Unlisted() {
		return 0
	}
	return 1
}

type checker struct {
	*State
	charted    map[*entry]bool // of which a Candidate was made
	unreadable map[*entry]bool // of which one was made that nobody gets
}

func (c *checker) chart(client practice.ClientKey) error {
	b, err := c.builder(client)
	if err != nil {
		return err
	}
	err = b.all(func(e *entry, made stage.Candidate) {
		c.charted[e] = true
		if e.verdict == listed && !made.Facts().Origin.Listed {
			c.unreadable[e] = true
		}
	})
	for _, e := range b.used {
		c.charted[e] = true
	}
	return err
}

// report says what became of the lines of one file.
func (c *checker) report(name string, f *fileIndex, kinds map[string]*mapping.NoteKind) mapping.MapReport {
	r := mapping.MapReport{Map: f.file.Type, Table: name, Read: f.lines, Withheld: map[string]int{}}
	if f.apart > 0 {
		r.Withheld[whyApart] = f.apart
	}
	for _, e := range f.entries {
		if e.kind != "" {
			countKind(kinds, e)
		}
		switch {
		case e.ref.Type == typeBinary && c.charted[e]:
			r.Mapped++
		case e.ref.Type == typeBinary:
			r.Withheld[whyContent]++
		case e.verdict != listed:
			r.Withheld[whyKind]++
		case !c.opts.Types.Lists(e.ref.Type):
			r.Withheld[whyType]++
		case c.nobody[e]:
			r.Withheld[whyNobody]++
		case c.unreadable[e]:
			r.Withheld[whyUnread]++
		case !c.charted[e]:
			r.Withheld[whyUnnamed]++
		default:
			r.Mapped++
		}
	}
	return r
}

func countKind(kinds map[string]*mapping.NoteKind, e *entry) {
	k := kinds[e.kind]
	if k == nil {
		k = &mapping.NoteKind{Kind: e.kind}
		switch e.verdict {
		case listed:
			k.Map = e.ref.Type
		case withheld:
			k.Withheld = "by the allow-list"
		}
		kinds[e.kind] = k
	}
	k.Rows++
}
