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
	views, err := a.searched(ctx, r, q)
	if err != nil {
		return nil, err
	}
	if len(views) != 1 {
		return a.page(ctx, r, q, q.Evaluate(together(views, r.Type)), views)
	}
	// Both the view and the query are immutable, and so is the page that follows from them.
	memo, key := views[0].Memo(), pageKey(r, q)
	if kept, ok := memo.Get(key); ok {
		return kept.(*egress.Page), nil
	}
	page, err := a.page(ctx, r, q, remembered(views[0], q), views)
	if err != nil {
		return nil, err
	}
	memo.Put(key, page, perPage+perMatch*len(page.Entries))
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
func (a *API) page(ctx context.Context, r *Request, q *search.Query, found *search.Result, views []View) (*egress.Page, error) {
	page, err := q.Page(found)
	if err != nil {
		return nil, searchError(err)
	}
	included, err := a.included(ctx, r, q, page.Matches, views)
	if err != nil {
		return nil, err
	}
	return a.bundle(r, q, page, included, views)
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
// directory, the directory and the charts that the ids say, as a read of the same ids would.
func (a *API) searched(ctx context.Context, r *Request, q *search.Query) ([]View, error) {
	refs, views := q.Clients(), make([]View, 0, 1)
	switch {
	case len(refs) > 0:
	case isDirectoryType(r.Type):
		d, err := r.Directory(ctx)
		if err != nil {
			return nil, err
		}
		refs, views = ids(q), append(views, d)
	default:
		var err error
		if refs, err = r.Reach(ctx); err != nil {
			return nil, err
		}
	}
	if len(refs) == 1 { // the kept one, which remembers its answers
		v, err := r.View(ctx, refs[0])
		return append(views, v), err
	}
	more, err := r.Views(ctx, refs, q.Shows)
	return append(views, more...), err
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
	if kept, ok := v.Memo().Get(q.Key()); ok {
		if result, ok := kept.(*search.Result); ok {
			return result
		}
	}
	result := q.Evaluate(v.Resources(q.Type()))
	v.Memo().Put(q.Key(), result, perPage+perMatch*result.Total())
	return result
}

// bundle makes the page of an answer.
func (a *API) bundle(r *Request, q *search.Query, p search.Page, included []stage.Released, views []View) (*egress.Page, error) {
	page := &egress.Page{Self: linkTo(r.Type, q.Self(), r.Params.Get("_page")), Total: p.Total, HasTotal: p.Total >= 0, Ignored: q.Ignored(), Subset: q.Subset()}
	page.Entries = make([]egress.Entry, 0, len(p.Matches)+len(included))
	page.Entries = appendEntries(page.Entries, p.Matches, egress.Match, views)
	page.Entries = appendEntries(page.Entries, included, egress.Include, views)
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
