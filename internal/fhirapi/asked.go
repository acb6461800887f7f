package fhirapi

import (
	"net/http"
	"net/url"

	"github.com/maypok86/otter/v2"

	"github.com/consentry/gateway/internal/search"
)

// asked is a search as a URL asks for it. It follows from the URL alone, so that what is asked for again and again is read once.
type asked struct {
	params url.Values // not to be changed
	query  *search.Query
}

type askedKey struct {
	path, query string
	strict      bool
}

// askedBytes bounds what is remembered of URLs.
const askedBytes = 8 << 20

func newAsked() *otter.Cache[askedKey, asked] {
	return otter.Must(&otter.Options[askedKey, asked]{
		MaximumWeight: askedBytes, Weigher: func(k askedKey, _ asked) uint32 { return uint32(8*(len(k.path)+len(k.query)) + 1024) },
	})
}

// recall gives what is remembered of the request's URL. A request with a body says more than its URL.
func (x *exchange) recall() (asked, bool) {
	if x.r.Method == http.MethodPost {
		return asked{}, false
	}
	x.request.asked = askedKey{path: x.r.URL.EscapedPath(), query: x.r.URL.RawQuery, strict: x.request.Strict}
	return x.api.asked.GetIfPresent(x.request.asked)
}

// remember keeps the search that the request's URL asks for.
func (a *API) remember(r *Request, q *search.Query) {
	if r.asked != (askedKey{}) {
		a.asked.Set(r.asked, asked{params: r.Params, query: q})
	}
}
