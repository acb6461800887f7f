package fhirapi

import (
	"cmp"
	"slices"
	"strings"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/egress"
	"github.com/consentry/gateway/internal/release/stage"
)

// everythingPage makes one page. Every page decides anew, and goes on after the last resource of the page before, whether that is still there or not.
func (a *API) everythingPage(r *Request, q *everythingQuery, view, directory View) (*egress.Page, error) {
	all := q.of(view, directory)
	page := &egress.Page{Self: linkTo(q.path(), q.self, q.token), Total: len(all), HasTotal: true, Ignored: q.ignored}
	rest := all
	if q.after != (fhir.Reference{}) {
		start := slices.IndexFunc(all, func(r stage.Released) bool { return q.compare(referenceTo(r), q.after) > 0 })
		if start < 0 {
			start = len(all)
		}
		rest = all[start:]
	}
	shown := rest[:fitting(rest, q.count)]
	page.Entries = make([]egress.Entry, len(shown))
	for i, x := range shown {
		page.Entries[i] = entry(x, egress.Match, []View{view})
	}
	if len(shown) == 0 || len(shown) == len(rest) {
		return page, nil
	}
	var err error
	page.Next, err = a.nextPage(r, q.path(), q.self, referenceTo(shown[len(shown)-1]).String())
	return page, err
}

// compare orders the answer: the Patient first, then by type and id.
func (q *everythingQuery) compare(a, b fhir.Reference) int {
	if a == b {
		return 0
	}
	if a == q.client {
		return -1
	}
	if b == q.client {
		return 1
	}
	return cmp.Or(strings.Compare(a.Type, b.Type), strings.Compare(a.ID, b.ID))
}

// The bounds of a page of $everything. R4 wants all in one Bundle where no page was asked for; what is greater goes on with a link.
const (
	maxEverything      = 5000
	maxEverythingBytes = 16 << 20
)

// fitting tells how many go on a page: so many at most, and at least one if any.
func fitting(all []stage.Released, count int) int {
	size := 0
	for i, r := range all[:min(count, len(all))] {
		if size += r.Size(); i > 0 && size > maxEverythingBytes {
			return i
		}
	}
	return min(count, len(all))
}
