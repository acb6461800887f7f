package fhirapi

import (
	"context"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/outcome"
	"github.com/consentry/gateway/internal/release/egress"
)

// binary answers GET [base]/Binary/[id] (https://hl7.org/fhir/R4/binary.html): the content of an attachment, as it is or as FHIR JSON. It is there
// if the document is, with this attachment, in what the requester may read (design rule 22); else it is what an invented id is. A scope for
// Binary is neither needed nor enough: whether content stands in the document or goes by a URL is a matter of its size.
func (a *API) binary(ctx context.Context, r *Request) (egress.Response, error) {
	if _, err := operandsOf(r, nil); err != nil {
		return nil, searchError(err)
	}
	v, err := r.View(ctx, fhir.Reference{Type: "Binary", ID: r.ID})
	if err != nil {
		return nil, err
	}
	found, document, ok := v.Binary(r.ID)
	if !ok {
		return nil, outcome.New(outcome.NotFound, nil)
	}
	out := &egress.Binary{Released: found, Terms: v.Terms(document)}
	if n := r.native; n != nil && !n.prefersFHIR(found.Facts().Formats) {
		out.Native, out.Range, out.IfRange = true, n.ranged, n.ifRange
	}
	return out, nil
}

// native is what a request says of the form in which it wants content.
type native struct {
	accept          []mediaRange
	ranged, ifRange string
}

// mediaRange is one of an Accept header (RFC 9110 section 12.5.1).
type mediaRange struct {
	name  string
	fhir  bool // FHIR in some format or version
	right bool // FHIR R4 JSON
	q     float64
}

// wanted reads in which form the content is wanted; nil for FHIR JSON. Who takes FHIR only, and not as JSON, is refused before anything is known
// of the content.
func wanted(format []string, r *http.Request) (*native, error) {
	for _, f := range format {
		if f != "" {
			_, err := acceptable(format, r.Header)
			return nil, err
		}
	}
	n := &native{}
	if r.Method == http.MethodGet { // for any other method a Range says nothing (RFC 9110 section 14.2)
		n.ranged, n.ifRange = r.Header.Get("Range"), r.Header.Get("If-Range")
	}
	refused, other := false, false
	for _, header := range r.Header.Values("Accept") {
		for part := range strings.SplitSeq(header, ",") {
			m, ok := parseRange(part)
			if !ok || m.q == 0 {
				continue
			}
			n.accept = append(n.accept, m)
			refused = refused || m.fhir && !m.right
			other = other || m.right || !m.fhir
		}
	}
	if refused && !other {
		return nil, outcome.New(outcome.NotAcceptable, nil)
	}
	return n, nil
}

func parseRange(part string) (m mediaRange, ok bool) {
	name, params, err := mime.ParseMediaType(part)
	if err != nil {
		return m, false
	}
	m = mediaRange{name: name, q: 1, fhir: strings.HasPrefix(name, "application/fhir+")}
	_, right := asJSON(part, true)
	m.right = m.fhir && right
	if q := params["q"]; q != "" {
		if m.q, err = strconv.ParseFloat(q, 64); err != nil || m.q < 0 || m.q > 1 {
			return m, false
		}
	}
	return m, true
}

// prefersFHIR tells whether content of the given type is wanted as FHIR JSON: where that is named and nothing else is liked better. Plain JSON
// means FHIR only to who takes nothing else: browsers' libraries name it in every request.
func (n *native) prefersFHIR(formats []string) bool {
	own := ""
	if len(formats) > 0 {
		own, _, _ = mime.ParseMediaType(formats[0])
	}
	kind, _, _ := strings.Cut(own, "/")
	var fhir, plain, itself float64
	for _, m := range n.accept {
		switch m.name {
		case own, kind + "/*", "*/*":
			itself = max(itself, m.q)
		case "application/json", "text/json":
			plain = max(plain, m.q)
		}
		if m.right {
			fhir = max(fhir, m.q)
		}
	}
	return fhir > 0 && fhir >= itself || plain > 0 && itself == 0
}
