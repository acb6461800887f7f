package fhirapi

import (
	"net/url"
	"strings"

	"github.com/consentry/gateway/internal/outcome"
	"github.com/consentry/gateway/internal/search"
)

var errBadPage = &search.Error{Param: "_page", Problem: search.BadPage}

// linkTo is the link of a page to itself: by its token, or by the parameters that were used.
func linkTo(path, self, token string) string {
	switch {
	case token != "":
		return path + "?_page=" + token
	case self != "":
		return path + "?" + self
	}
	return path
}

// nextPage is the link to the page after a position. The token carries the parameters and the position, so that the link states neither, and opens
// for the same requester and path only.
func (a *API) nextPage(r *Request, path, self, position string) (string, error) {
	token, err := a.pages.Seal([]byte(self+"\n"+position), append(a.pageBinding(r), path)...)
	if err != nil {
		return "", outcome.New(outcome.Internal, err)
	}
	return linkTo(path, "", token), nil
}

// resumed gives the parameters and the position that the token of a page carries. A `_count` beside it is let pass, as in a search; the count that the
// first page was asked with holds.
func (a *API) resumed(r *Request, given operands, path string) (operands, string, error) {
	for name := range given.given {
		if name != "_page" && name != "_count" {
			return operands{}, "", &search.Error{Param: "_page", Problem: search.PageAndOthers}
		}
	}
	payload, err := a.pages.Open(given.page(), append(a.pageBinding(r), path)...)
	if err != nil {
		return operands{}, "", errBadPage
	}
	self, position, _ := strings.Cut(string(payload), "\n")
	used, err := url.ParseQuery(self)
	if err != nil {
		return operands{}, "", errBadPage
	}
	return operands{given: used, ignored: given.ignored}, position, nil
}
