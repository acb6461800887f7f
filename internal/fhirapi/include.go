package fhirapi

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/egress"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/search"
)

// charts are the views that a search runs over: one that is whole, or many that hold matches alone.
type charts struct {
	views []View
	refs  []fhir.Reference // what leads to each of views; none for the directory
}

// errChanged says that the records have changed since the matches were found.
var errChanged = errors.New("fhirapi: the records have changed meanwhile")

// chartsAtOnce is how many charts of a page are held at once with all that may be included.
const chartsAtOnce = 4

// included gives what `_include` and `_revinclude` add to the matches of a page, by type and id. What stands in no view of the requester's, and not in the
// directory as they may see it, cannot be included: it is withheld or does not exist, and nothing here knows which.
func (a *API) included(ctx context.Context, r *Request, q *search.Query, matches []stage.Released, of charts, directory View) (all []egress.Entry, err error) {
	if !q.Includes() || len(matches) == 0 {
		return nil, nil
	}
	g := q.Gather(matches, directory)
	from := func(v View, matches []stage.Released) error {
		found, err := g.From(search.Source{Chart: v, Matches: matches})
		if err != nil {
			return searchError(err)
		}
		all = appendEntries(all, found, egress.Include, []View{v})
		return nil
	}
	if len(of.views) == 1 {
		err = from(of.views[0], matches)
	} else {
		for some := range slices.Chunk(sources(matches, of), chartsAtOnce) {
			if err = a.around(ctx, r, q, some, from); err != nil {
				break
			}
		}
	}
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b egress.Entry) int {
		x, y := a.Released.Facts(), b.Released.Facts()
		return cmp.Or(strings.Compare(x.Type, y.Type), strings.Compare(x.ID, y.ID))
	})
	return all, nil
}

// source is a view with those of a page's matches that stand in it.
type source struct {
	view    View
	ref     fhir.Reference
	matches []stage.Released
}

// around takes what is included from the charts of a few clients. It is read again, since the views that were searched hold matches alone: where these
// have changed, so has the page.
func (a *API) around(ctx context.Context, r *Request, q *search.Query, some []source, from func(View, []stage.Released) error) error {
	refs := make([]fhir.Reference, len(some))
	for i, s := range some {
		refs[i] = s.ref
	}
	views, err := r.Views(ctx, refs, q.Shows)
	if err != nil {
		return err
	}
	for i, s := range some {
		v := views[i]
		if s.ref == (fhir.Reference{}) { // the directory is there, whole
			v = s.view
		}
		if !slices.EqualFunc(matched(q, s.view), matched(q, v), alike) {
			return errChanged
		}
		if err := from(v, s.matches); err != nil {
			return err
		}
	}
	return nil
}

func matched(q *search.Query, v View) []stage.Released {
	return slices.DeleteFunc(slices.Clone(v.Resources(q.Type())), func(r stage.Released) bool { return !q.Matches(r.Facts()) })
}

func alike(a, b stage.Released) bool { return a.Facts().ID == b.Facts().ID && a.Digest() == b.Digest() }

// sources gives each view with those of the matches that stand in it.
func sources(matches []stage.Released, of charts) (all []source) {
	taken := make(map[fhir.Reference]bool, len(matches))
	for i, v := range of.views {
		var his []stage.Released
		for _, m := range matches {
			ref := referenceTo(m)
			if _, ok := v.Get(ref); ok && !taken[ref] {
				taken[ref] = true
				his = append(his, m)
			}
		}
		if len(his) > 0 {
			all = append(all, source{v, of.refs[i], his})
		}
	}
	return all
}

// appendEntries makes entries of released resources.
func appendEntries(entries []egress.Entry, of []stage.Released, mode egress.Mode, views []View) []egress.Entry {
	for _, r := range of {
		entries = append(entries, entry(r, mode, views))
	}
	return entries
}
