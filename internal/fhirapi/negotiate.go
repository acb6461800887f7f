package fhirapi

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/consentry/gateway/internal/outcome"
	"github.com/consentry/gateway/internal/release/egress"
)

// acceptable tells whether the requester takes FHIR R4 JSON (R4 3.1.0.1.9 and 3.1.0.1.10), and how it is to be named: by its own type, unless a general
// one is liked better; with the version of FHIR if that was asked for, which R4 allows wherever the type stands. `_format` goes before Accept, and
// whatever it calls JSON is FHIR's own.
func acceptable(format []string, h http.Header) (egress.Form, error) {
	for _, f := range format {
		if f == "" {
			continue
		}
		// A plus sign in a query is a space unless it is escaped; everybody writes application/fhir+json with a plain one.
		asked, ok := asJSON(strings.ReplaceAll(f, "application/fhir json", "application/fhir+json"), false)
		if !ok {
			return egress.Form{}, outcome.New(outcome.NotAcceptable, nil)
		}
		return egress.Form{Versioned: asked.Versioned}, nil
	}
	any, found, best := false, false, jsonRange{}
	for _, v := range h.Values("Accept") {
		for part := range strings.SplitSeq(v, ",") {
			if strings.TrimSpace(part) == "" {
				continue
			}
			any = true
			if r, ok := asJSON(part, true); ok && (!found || r.before(best)) {
				found, best = true, r
			}
		}
	}
	if any && !found {
		return egress.Form{}, outcome.New(outcome.NotAcceptable, nil)
	}
	return best.Form, nil
}

// jsonRange is a media range that covers FHIR R4 JSON.
type jsonRange struct {
	egress.Form
	q float64
}

// before tells whether a range is liked better than one that stands before it. Of two that are liked alike FHIR's own type goes first.
func (r jsonRange) before(other jsonRange) bool {
	return r.q > other.q || r.q == other.q && r.General == "" && other.General != ""
}

// asJSON tells whether a media range or a short name covers FHIR R4 JSON, and how it calls it.
func asJSON(text string, ranges bool) (r jsonRange, ok bool) {
	t, params, err := mime.ParseMediaType(text)
	if err != nil {
		return r, false
	}
	version, versioned := params["fhirversion"]
	if versioned && version != "4.0" && version != "4.0.1" {
		return r, false
	}
	r.q, r.Versioned = 1, versioned
	if q, err := strconv.ParseFloat(params["q"], 64); ranges && err == nil && q <= 1 {
		if r.q = q; q <= 0 { // not acceptable (RFC 9110 section 12.4.2)
			return r, false
		}
	}
	switch t {
	case "application/fhir+json":
		ok = true
	case "application/json", "text/json":
		r.General, ok = t, true
	case "json":
		ok = !ranges
	case "*/*", "application/*":
		ok = ranges
	}
	return r, ok
}

// isFHIRJSON tells whether the body is FHIR R4 JSON, as it is.
func isFHIRJSON(h http.Header) bool {
	if len(h.Values("Content-Type")) != 1 || h.Get("Content-Encoding") != "" {
		return false
	}
	t, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || t != "application/fhir+json" && t != "application/json" {
		return false
	}
	version, versioned := params["fhirversion"]
	charset, named := params["charset"]
	return (!versioned || version == "4.0" || version == "4.0.1") && (!named || strings.EqualFold(charset, "utf-8"))
}

// modifiedSince gives the time of If-Modified-Since, zero where it does not count: beside If-None-Match, or if it is no HTTP date (RFC 9110, 13.1.3).
func modifiedSince(h http.Header) time.Time {
	values := h.Values("If-Modified-Since")
	if len(values) != 1 || h.Values("If-None-Match") != nil {
		return time.Time{}
	}
	t, err := http.ParseTime(values[0])
	if err != nil {
		return time.Time{}
	}
	return t
}

// isForm tells whether the body of a search is a form, as it is.
func isForm(h http.Header) bool {
	if len(h.Values("Content-Type")) != 1 || h.Get("Content-Encoding") != "" {
		return false
	}
	t, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || t != "application/x-www-form-urlencoded" {
		return false
	}
	charset, ok := params["charset"]
	return !ok || strings.EqualFold(charset, "utf-8")
}

// isStrict tells whether unknown parameters are errors (R4 3.1.1.1, `Prefer: handling=strict`).
func isStrict(h http.Header) bool {
	for _, v := range h.Values("Prefer") {
		for part := range strings.FieldsFuncSeq(v, func(r rune) bool { return r == ',' || r == ';' }) {
			name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			if strings.EqualFold(strings.TrimSpace(name), "handling") && strings.EqualFold(strings.Trim(strings.TrimSpace(value), `"`), "strict") {
				return true
			}
		}
	}
	return false
}
