package fhirapi

import (
	"context"
	"encoding/hex"
	"errors"
	"net/url"
	"strings"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/outcome"
	"github.com/consentry/gateway/internal/release/egress"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/search"
)

// search answers GET [base]/[type]?[parameters] and POST [base]/[type]/_search (https://hl7.org/fhir/R4/http.html#search). It searches
// what the requester may see and nothing else, so that no count, order or page can depend on what is withheld. Every page decides anew.
func (a *API) search(ctx context.Context, r *Request) (egress.Response, error) {
	q, err := a.query(r)
	if err != nil {
		return nil, searchError(err)
	}
	var directory View
	if q.IncludesDirectory() {
		if directory, err = r.Directory(ctx); err != nil {
			return nil, err
		}
	}
	for range searchTries {
		page, err := a.found(ctx, r, q, directory)
		if !errors.Is(err, errChanged) {
			return page, err
		}
		r.disclosure = disclosure{}
	}
	return nil, unavailable(errChanged)
}

// searchTries is how often a search is made whose answer the records overtake, before it is given up.
const searchTries = 3

// found searches what the requester may see now.
func (a *API) found(ctx context.Context, r *Request, q *search.Query, directory View) (egress.Response, error) {
	of, err := a.searched(ctx, r, q)
	if err != nil {
		return nil, err
	}
	if len(of.views) != 1 {
		return response(a.page(ctx, r, q, q.Evaluate(together(of.views, r.Type)), of, directory))
	}
	return response(kept(of.views[0], directory, pageKey(r, q), func() (*egress.Page, error) {
		return a.page(ctx, r, q, remembered(of.views[0], q), of, directory)
	}))
}

// response keeps a nil *egress.Page from becoming a Response that is not nil.
func response(p *egress.Page, err error) (egress.Response, error) {
	if err != nil {
		return nil, err
	}
	return p, nil
}

// answered is a page that a view remembers. It follows from the view, from the directory if that is looked at, and from the request: all are immutable.
type answered struct {
	directory View
	page      *egress.Page
}

// kept makes a page, unless the view remembers it.
func kept(v, directory View, key string, compose func() (*egress.Page, error)) (*egress.Page, error) {
	if before, ok := v.Memo().Get(key); ok {
		if before := before.(*answered); before.directory == directory {
			return before.page, nil
		}
	}
	page, err := compose()
	if err != nil {
		return nil, err
	}
	v.Memo().Put(key, &answered{directory, page}, perPage+perMatch*len(page.Entries))
	return page, nil
}

// What a remembered answer takes in memory beside the bodies, about: for itself, and for each resource in it.
const (
	perPage  = 512
	perMatch = 192
)

// pageKey identifies a page among all that can be asked of one view.
func pageKey(r *Request, q *search.Query) string {
	return "page\n" + q.Key() + "\n" + r.Params.Get("_page") + "\n" + strings.Join(q.Ignored(), "\n")
}

// page makes one page of what was found.
func (a *API) page(ctx context.Context, r *Request, q *search.Query, found *search.Result, of charts, directory View) (*egress.Page, error) {
	page, err := q.Page(found)
	if err != nil {
		return nil, searchError(err)
	}
	included, err := a.included(ctx, r, q, page.Matches, of, directory)
	if err != nil {
		return nil, err
	}
	return a.bundle(r, q, page, included, of.views)
}

// query reads the request, or goes on where a page token says.
func (a *API) query(r *Request) (*search.Query, error) {
	if r.query != nil {
		return r.query, nil
	}
	q, err := a.parser.Parse(r.Type, r.Params, r.Strict)
	if err != nil {
		return nil, err
	}
	if q.PageToken() == "" {
		a.remember(r, q)
		return q, nil
	}
	payload, err := a.pages.Open(q.PageToken(), a.pageBinding(r)...)
	if err != nil {
		return nil, &search.Error{Param: "_page", Problem: search.BadPage}
	}
	return a.parser.Resume(r.Type, payload)
}

// pageBinding is what a page token is bound to: with another requester, other scopes, another purpose or another type it does not open.
func (a *API) pageBinding(r *Request) []string {
	d := r.Requester.Digest()
	return []string{hex.EncodeToString(d[:]), r.Type}
}

// together gives the resources of a type in several views.
func together(views []View, resourceType string) []stage.Released {
	var all []stage.Released
	seen := map[string]bool{}
	for _, v := range views {
		for _, x := range v.Resources(resourceType) {
			if id := x.Facts().ID; !seen[id] { // several ids of one client give its view several times
				seen[id] = true
				all = append(all, x)
			}
		}
	}
	return all
}

// searched gives the views that the search runs over: those of the clients it names, or those of the requester's reach; for a type of the
// directory, the directory and the charts that the ids say, as a read of the same ids would. Of many charts the matches alone are held.
func (a *API) searched(ctx context.Context, r *Request, q *search.Query) (of charts, err error) {
	refs := q.Clients()
	switch {
	case len(refs) > 0:
	case search.InDirectory(r.Type):
		d, err := r.Directory(ctx)
		if err != nil {
			return charts{}, err
		}
		refs, of = ids(q), charts{[]View{d}, []fhir.Reference{{}}}
	default:
		if refs, err = r.Reach(ctx); err != nil {
			return charts{}, err
		}
	}
	of.refs = append(of.refs, refs...)
	if len(refs) == 1 { // the kept one, which remembers its answers
		v, err := r.View(ctx, refs[0])
		of.views = append(of.views, v)
		return of, err
	}
	more, err := r.Views(ctx, refs, q.Matches)
	of.views = append(of.views, more...)
	return of, err
}

// ids gives what the query asks for by `_id`.
func ids(q *search.Query) (refs []fhir.Reference) {
	used, _ := url.ParseQuery(q.Self()) // written by the query itself
	for _, values := range used["_id"] {
		for id := range strings.SplitSeq(values, ",") {
			refs = append(refs, fhir.Reference{Type: q.Type(), ID: id})
		}
	}
	return refs
}

// remembered evaluates a query over a view once: both are immutable.
func remembered(v View, q *search.Query) *search.Result {
	if before, ok := v.Memo().Get(q.Key()); ok {
		if result, ok := before.(*search.Result); ok {
			return result
		}
	}
	result := q.Evaluate(v.Resources(q.Type()))
	v.Memo().Put(q.Key(), result, perPage+perMatch*result.Total())
	return result
}

// bundle makes the page of an answer.
func (a *API) bundle(r *Request, q *search.Query, p search.Page, included []egress.Entry, views []View) (*egress.Page, error) {
	page := &egress.Page{Self: linkTo(r.Type, q.Self(), r.Params.Get("_page")), Total: p.Total, HasTotal: p.Total >= 0, Ignored: q.Ignored(), Subset: q.Subset()}
	page.Entries = make([]egress.Entry, 0, len(p.Matches)+len(included))
	page.Entries = appendEntries(page.Entries, p.Matches, egress.Match, views)
	page.Entries = append(page.Entries, included...)
	if p.Next == nil {
		return page, nil
	}
	token, err := a.pages.Seal(p.Next, a.pageBinding(r)...)
	if err != nil {
		return nil, outcome.New(outcome.Internal, err)
	}
	page.Next = linkTo(r.Type, "", token)
	return page, nil
}

// searchError gives an error of package search its kind.
func searchError(err error) error {
	var e *search.Error
	switch {
	case !errors.As(err, &e):
		return err
	case e.Problem == search.NamesNobody:
		return outcome.New(outcome.NoClientNamed, err)
	case e.Problem == search.UnknownType:
		return outcome.New(outcome.UnknownRoute, err)
	case e.Problem == search.TooCostly:
		return outcome.New(outcome.TooCostly, err)
	}
	return outcome.Parameter(e.Param, string(e.Problem), err)
}
