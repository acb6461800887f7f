package fhirapi

import (
	"context"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/egress"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/search"
)

// included gives what `_include` and `_revinclude` add to the matches of a page. What stands in no view of the requester's, and not in the directory
// as they may see it, cannot be included: it is withheld or does not exist, and nothing here knows which.
func (a *API) included(ctx context.Context, r *Request, q *search.Query, matches []stage.Released, views []View) ([]stage.Released, error) {
	if !q.Includes() || len(matches) == 0 {
		return nil, nil
	}
	var directory search.Chart
	if q.IncludesDirectory() {
		d, err := r.Directory(ctx)
		if err != nil {
			return nil, err
		}
		directory = d
	}
	found, err := q.Include(sources(matches, views), directory)
	if err != nil {
		return nil, searchError(err)
	}
	return found, nil
}

// sources gives each view with those of the matches that stand in it.
func sources(matches []stage.Released, views []View) []search.Source {
	if len(views) == 1 {
		return []search.Source{{Chart: views[0], Matches: matches}}
	}
	var all []search.Source
	taken := make(map[fhir.Reference]bool, len(matches))
	for _, v := range views {
		var his []stage.Released
		for _, m := range matches {
			ref := fhir.Reference{Type: m.Facts().Type, ID: m.Facts().ID}
			if _, ok := v.Get(ref); ok && !taken[ref] {
				taken[ref] = true
				his = append(his, m)
			}
		}
		if len(his) > 0 {
			all = append(all, search.Source{Chart: v, Matches: his})
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
