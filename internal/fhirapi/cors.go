package fhirapi

import "net/http"

// allowAnyOrigin lets pages of any origin read a public document, as SMART App Launch 2.2 asks for the two that we have. No other route has
// CORS headers.
func allowAnyOrigin(h http.Header) { h.Set("Access-Control-Allow-Origin", "*") }

// preflight answers OPTIONS on a public document.
func (x *exchange) preflight() {
	h := x.w.Header()
	h.Set("Access-Control-Allow-Methods", "GET, HEAD")
	h.Set("Access-Control-Allow-Headers", "Accept, If-None-Match, X-Request-Id")
	h.Set("Access-Control-Max-Age", "86400")
	x.written = true
	x.w.WriteHeader(http.StatusNoContent)
}
