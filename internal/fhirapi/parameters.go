package fhirapi

import (
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/consentry/gateway/internal/outcome"
)

// The bounds of what a request may say.
const (
	maxForm  = 64 << 10
	maxQuery = 16 << 10
)

// parameters reads the parameters of the URL and, for a POST, of the form. Nothing else of a body is ever read.
func parameters(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if len(r.URL.RawQuery) > maxQuery {
		return nil, outcome.New(outcome.TooLarge, nil)
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, outcome.New(outcome.InvalidRequest, errQuery) // err repeats the query
	}
	if r.Method != http.MethodPost {
		return values, nil
	}
	if !isForm(r.Header) {
		return nil, outcome.New(outcome.UnsupportedMediaType, nil)
	}
	if r.ContentLength > maxForm {
		return nil, outcome.New(outcome.TooLarge, nil)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, outcome.New(outcome.TooLarge, nil)
	case err != nil:
		return nil, outcome.New(outcome.InvalidRequest, errBody)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, outcome.New(outcome.InvalidRequest, errBody)
	}
	for name, more := range form {
		values[name] = append(values[name], more...)
	}
	return values, nil
}

var (
	errQuery = errors.New("fhirapi: the query cannot be decoded")
	errBody  = errors.New("fhirapi: the form cannot be read")
)
