package fhirapi

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/egress"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/search"
)

// docref answers DocumentReference/$docref (http://hl7.org/fhir/us/core/OperationDefinition/docref, US Core 6.1): the references to one client's
// documents, as a search finds them. No document is made because somebody asks for it: US Core wants an empty Bundle then.
func (a *API) docref(ctx context.Context, r *Request) (egress.Response, error) {
	q, err := a.docrefQuery(r)
	if err != nil {
		return nil, searchError(err)
	}
	of, err := a.searched(ctx, r, q.search)
	if err != nil {
		return nil, err
	}
	asked := slices.DeleteFunc(together(of.views, r.Type), func(d stage.Released) bool { return !q.keeps(d.Facts()) })
	found, err := q.search.Page(q.search.Evaluate(asked))
	if err != nil {
		return nil, searchError(err)
	}
	page := &egress.Page{Self: linkTo(docrefPath, q.self, q.token), Total: found.Total, HasTotal: true, Ignored: q.ignored}
	for _, m := range found.Matches {
		page.Entries = append(page.Entries, entry(m, egress.Match, of.views))
	}
	if found.Next != nil {
		page.Next, err = a.nextPage(r, docrefPath, q.self, string(found.Next))
	}
	return page, err
}

const docrefPath = "DocumentReference/$docref"

var docrefOperands = map[string]occurs{"patient": once, "start": once, "end": once, "type": repeated, "on-demand": once, "profile": repeated,
	"_count": once, "_page": once}

// docrefQuery is what is asked of $docref: a search, and what no search parameter says.
type docrefQuery struct {
	search   *search.Query
	care     fhir.Interval
	dated    bool
	profiles []string
	onDemand bool // only what would be made for the asking: nothing is
	self     string
	token    string
	ignored  []string
}

// keeps tells whether a document is of the care, and claims a profile, that is asked for.
func (q *docrefQuery) keeps(f *stage.Facts) bool {
	ofTheCare := func(at stage.At[fhir.Interval]) bool {
		return (at.Path == "date" || at.Path == "context.period") && at.Value.Overlaps(q.care)
	}
	claims := func(profile string) bool { return slices.Contains(q.profiles, profile) }
	return !q.onDemand && (!q.dated || slices.ContainsFunc(f.Dates, ofTheCare)) && (len(q.profiles) == 0 || slices.ContainsFunc(f.Profiles, claims))
}

// docrefQuery reads the request, or goes on where a page token says.
func (a *API) docrefQuery(r *Request) (*docrefQuery, error) {
	given, err := operandsOf(r, docrefOperands)
	if err != nil {
		return nil, err
	}
	q := &docrefQuery{ignored: given.ignored}
	if q.token = given.page(); q.token == "" {
		if q.search, err = a.parser.Parse(r.Type, given.documents(), true); err != nil {
			return nil, err
		}
	} else {
		var position string
		if given, position, err = a.resumed(r, given, docrefPath); err != nil {
			return nil, err
		}
		if q.search, err = a.parser.Resume(r.Type, []byte(position)); err != nil {
			return nil, err
		}
	}
	return q, q.read(a.parser, given)
}

func (q *docrefQuery) read(p *search.Parser, given operands) (err error) {
	switch given.given.Get("on-demand") {
	case "", "false":
	case "true":
		q.onDemand = true
	default:
		return malformed("on-demand")
	}
	if q.care, q.dated, err = given.period(p); err != nil {
		return err
	}
	q.profiles = given.given["profile"]
	if given.given.Has("_count") {
		given.given.Set("_count", strconv.Itoa(q.search.Count()))
	}
	slices.Sort(given.given["type"])
	slices.Sort(q.profiles)
	q.self = given.self()
	return nil
}

// documents is the search among a client's documents: all that are current, if nothing is said of which.
func (o operands) documents() map[string][]string {
	values := map[string][]string{}
	for _, name := range []string{"patient", "_count"} {
		if o.given.Has(name) {
			values[name] = o.given[name]
		}
	}
	if types := strings.Join(o.given["type"], ","); types != "" {
		values["type"] = []string{types}
	}
	if !slices.ContainsFunc([]string{"start", "end", "type", "profile"}, o.given.Has) {
		values["status"] = []string{"current"}
	}
	return values
}
