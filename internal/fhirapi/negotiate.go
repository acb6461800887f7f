package fhirapi

import (
	"mime"
	"net/http"
	"strings"

	"github.com/consentry/gateway/internal/outcome"
)

// acceptable tells whether the requester takes FHIR R4 JSON (R4 3.1.0.1.9 and 3.1.0.1.10): `_format` goes before Accept.
func acceptable(format []string, h http.Header) error {
	for _, f := range format {
		if f == "" {
			continue
		}
		// A plus sign in a query is a space unless it is escaped; everybody writes application/fhir+json with a plain one.
		if !isJSON(strings.ReplaceAll(f, "application/fhir json", "application/fhir+json"), false) {
			return outcome.New(outcome.NotAcceptable, nil)
		}
		return nil
	}
	values := h.Values("Accept")
	if len(values) == 0 {
		return nil
	}
	any := false
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			if strings.TrimSpace(part) == "" {
				continue
			}
			any = true
			if isJSON(part, true) {
				return nil
			}
		}
	}
	if !any {
		return nil
	}
	return outcome.New(outcome.NotAcceptable, nil)
}

// isJSON tells whether a media range or a short name covers FHIR R4 JSON.
func isJSON(text string, ranges bool) bool {
	t, params, err := mime.ParseMediaType(text)
	if err != nil {
		return false
	}
	if v, ok := params["fhirversion"]; ok && v != "4.0" && v != "4.0.1" {
		return false
	}
	if q := params["q"]; ranges && q != "" && strings.Trim(q, "0.") == "" { // 0, 0.0, 0.000: not acceptable
		return false
	}
	switch t {
	case "application/fhir+json", "application/json":
		return true
	case "json", "text/json":
		return !ranges || t == "text/json"
	case "*/*", "application/*":
		return ranges
	}
	return false
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
