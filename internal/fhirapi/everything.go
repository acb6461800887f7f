package fhirapi

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/outcome"
	"github.com/consentry/gateway/internal/release/egress"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/search"
)

// everything answers Patient/[id]/$everything (http://hl7.org/fhir/OperationDefinition/Patient-everything): all that the requester may both read
// and search of one client, the Patient first, with those of the practice's own staff and sites that it refers to. A client who is unknown,
// another's or withheld is not in the view, as for a read.
func (a *API) everything(ctx context.Context, r *Request) (egress.Response, error) {
	q, err := a.everythingQuery(r)
	if err != nil {
		return nil, searchError(err)
	}
	view, err := r.View(ctx, q.client)
	if err != nil {
		return nil, err
	}
	if _, ok := view.Get(q.client); !ok {
		return nil, outcome.New(outcome.NotFound, nil)
	}
	directory, err := r.Directory(ctx)
	if err != nil {
		return nil, err
	}
	key := "everything\n" + q.self + "\n" + q.token + "\n" + strings.Join(q.ignored, "\n")
	return response(kept(view, directory, key, func() (*egress.Page, error) { return a.everythingPage(r, q, view, directory) }))
}

// everythingQuery is what is asked of $everything.
type everythingQuery struct {
	client  fhir.Reference
	types   []string  // none for all
	since   time.Time // zero for all
	care    fhir.Interval
	dated   bool // care says something
	count   int
	self    string // the parameters, as they were used
	token   string // of the page, empty for the first
	after   fhir.Reference
	ignored []string
}

// keeps tells whether a resource is asked for, its type aside. What has no clinical date is in every period: it is what the dated is about.
// So is a Consent, which speaks of what is done while it holds, not of the day on which it was signed.
func (q *everythingQuery) keeps(f *stage.Facts) bool {
	if !q.since.IsZero() && (f.LastUpdated == (fhir.Interval{}) || f.LastUpdated.Start.Before(q.since)) {
		return false
	}
	undated := !f.When.Known || f.When.Timeless || f.Type == "Consent"
	return !q.dated || undated || f.When.Overlaps(q.care)
}

// of gives what is asked for, in order: the Patient first, then by type and id.
func (q *everythingQuery) of(view, directory View) []stage.Released {
	var all []stage.Released
	there := map[fhir.Reference]bool{}
	add := func(r stage.Released) {
		if ref := referenceTo(r); !there[ref] {
			there[ref] = true
			all = append(all, r)
		}
	}
	for _, r := range view.All() {
		if f := r.Facts(); f.Type != "Provenance" && q.keeps(f) {
			add(r)
		}
	}
	for _, p := range view.Resources("Provenance") {
		if slices.ContainsFunc(p.Facts().References, func(at stage.At[fhir.Reference]) bool { return at.Path == "target" && there[at.Value] }) {
			add(p)
		}
	}
	for i := 0; i < len(all); i++ { // what is added may refer to others
		for _, at := range all[i].Facts().References {
			if r, ok := directory.Get(at.Value); ok && q.keeps(r.Facts()) {
				add(r)
			}
		}
	}
	if len(q.types) > 0 {
		all = slices.DeleteFunc(all, func(r stage.Released) bool { return !slices.Contains(q.types, r.Facts().Type) })
	}
	slices.SortFunc(all, func(a, b stage.Released) int { return q.compare(referenceTo(a), referenceTo(b)) })
	return all
}

func referenceTo(r stage.Released) fhir.Reference {
	f := r.Facts()
	return fhir.Reference{Type: f.Type, ID: f.ID}
}

// unknownType tells whether a text cannot be the name of a resource type.
func unknownType(text string) bool {
	_, ok := fhir.ParseReference(text + "/x")
	return !ok
}

// everythingOperands are the parameters of $everything, without the page's.
var everythingOperands = map[string]occurs{"start": once, "end": once, "_since": once, "_type": repeated, "_count": once, "_page": once}

// everythingQuery reads the request, or goes on where a page token says.
func (a *API) everythingQuery(r *Request) (*everythingQuery, error) {
	given, err := operandsOf(r, everythingOperands)
	if err != nil {
		return nil, err
	}
	q := &everythingQuery{client: fhir.Reference{Type: r.Type, ID: r.ID}, ignored: given.ignored}
	if q.token = given.page(); q.token != "" {
		var position string
		if given, position, err = a.resumed(r, given, q.path()); err != nil {
			return nil, err
		}
		var ok bool
		if q.after, ok = fhir.ParseReference(position); !ok {
			return nil, errBadPage
		}
	}
	return q, q.read(a.parser, given)
}

func (q *everythingQuery) read(p *search.Parser, given operands) (err error) {
	if q.types = given.list("_type"); slices.ContainsFunc(q.types, unknownType) {
		return malformed("_type")
	}
	since, _, err := given.date(p, "_since")
	if err != nil {
		return err
	}
	if q.care, q.dated, err = given.period(p); err != nil {
		return err
	}
	q.count, err = given.count(maxEverything)
	q.since, q.self = since.Start, given.self()
	return err
}

// path is where the operation is asked for, below the base.
func (q *everythingQuery) path() string { return q.client.String() + "/$everything" }
