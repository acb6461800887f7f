package fhirapi

import (
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/consentry/gateway/internal/outcome"
)

// acceptable tells whether the requester takes FHIR R4 JSON (R4 3.1.0.1.9 and 3.1.0.1.10): `_format` goes before Accept. versioned says that the
// version of FHIR was asked for: then the answer states it, which R4 allows wherever the type stands.
func acceptable(format []string, h http.Header) (versioned bool, err error) {
	for _, f := range format {
		if f == "" {
			continue
		}
		// A plus sign in a query is a space unless it is escaped; everybody writes application/fhir+json with a plain one.
		ok, versioned := isJSON(strings.ReplaceAll(f, "application/fhir json", "application/fhir+json"), false)
		if !ok {
			return false, outcome.New(outcome.NotAcceptable, nil)
		}
		return versioned, nil
	}
	values := h.Values("Accept")
	if len(values) == 0 {
		return false, nil
	}
	any := false
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			if strings.TrimSpace(part) == "" {
				continue
			}
			any = true
			if ok, versioned := isJSON(part, true); ok {
				return versioned, nil
			}
		}
	}
	if !any {
		return false, nil
	}
	return false, outcome.New(outcome.NotAcceptable, nil)
}

// isJSON tells whether a media range or a short name covers FHIR R4 JSON, and whether it names the version.
func isJSON(text string, ranges bool) (ok, versioned bool) {
	t, params, err := mime.ParseMediaType(text)
	if err != nil {
		return false, false
	}
	version, versioned := params["fhirversion"]
	if versioned && version != "4.0" && version != "4.0.1" {
		return false, false
	}
	if q := params["q"]; ranges && q != "" && strings.Trim(q, "0.") == "" { // 0, 0.0, 0.000: not acceptable
		return false, false
	}
	switch t {
	case "application/fhir+json", "application/json":
		ok = true
	case "json", "text/json":
		ok = !ranges || t == "text/json"
	case "*/*", "application/*":
		ok = ranges
	}
	return ok, ok && versioned
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
