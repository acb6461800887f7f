package fhirapi

import (
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/outcome"
)

// The bounds of what a request may say.
const (
	maxBody  = 64 << 10
	maxQuery = 16 << 10
)

// parameters reads the parameters of the URL and, for a POST, of the form, or of the Parameters resource where that is allowed. Nothing else of a
// body is ever read.
func parameters(w http.ResponseWriter, r *http.Request, resource bool) (url.Values, error) {
	if len(r.URL.RawQuery) > maxQuery {
		return nil, outcome.New(outcome.QueryTooLong, nil)
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, outcome.New(outcome.InvalidRequest, errQuery) // err repeats the query
	}
	if r.Method != http.MethodPost {
		return values, nil
	}
	form, err := posted(w, r, resource)
	if err != nil {
		return nil, err
	}
	for name, more := range form {
		values[name] = append(values[name], more...)
	}
	return values, nil
}

// posted reads the parameters in the body of a POST.
func posted(w http.ResponseWriter, r *http.Request, resource bool) (url.Values, error) {
	if r.ContentLength == 0 && r.Header["Content-Type"] == nil {
		return nil, nil // all that is asked for stands in the URL
	}
	asResource := resource && isFHIRJSON(r.Header)
	if !asResource && !isForm(r.Header) {
		return nil, outcome.New(outcome.UnsupportedMediaType, nil)
	}
	text, err := body(w, r)
	if err != nil {
		return nil, err
	}
	var form url.Values
	if asResource {
		form, err = fhirjson.ParseParameters(text)
	} else {
		form, err = url.ParseQuery(string(text))
	}
	if err != nil {
		return nil, outcome.New(outcome.InvalidRequest, errBody) // err may repeat the body
	}
	return form, nil
}

// body reads the whole body, within its bound.
func body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > maxBody {
		return nil, outcome.New(outcome.TooLarge, nil)
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, outcome.New(outcome.TooLarge, nil)
	case err != nil:
		return nil, outcome.New(outcome.InvalidRequest, errBody)
	}
	return text, nil
}

var (
	errQuery = errors.New("fhirapi: the query cannot be decoded")
	errBody  = errors.New("fhirapi: the body cannot be read")
)
