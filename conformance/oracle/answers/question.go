package answers

import (
	"slices"
	"time"
)

// Question is a request for Path, below the base. The zero value of everything else is a plain GET.
type Question struct {
	Path string
	// Method is GET, HEAD or POST; Form are the parameters in the body of a POST.
	Method, Form string
	// Parameters says that the form is sent as a Parameters resource, as operations take it. It means the same.
	Parameters bool
	Strict     bool
	// Accept is empty, or one type of JSON.
	Accept string
	// NoneMatch are the entity tags of If-None-Match: "*", "own" for that of the answer itself, or "other". IfRange is one of the last two.
	NoneMatch []string
	IfRange   string
	// ModifiedSince is that of If-Modified-Since, in whole seconds.
	ModifiedSince time.Time
	Range         string
}

// Headers are the headers of an answer by their names, each with its values. How long an answer is, when it was written and its entity tag, of
// which a World knows only whether there is one, are not among them.
type Headers map[string][]string

// Answer is what must come back. A search's pages are all there, as they follow each other.
type Answer struct {
	Status   int
	Header   Headers
	Tagged   bool // there is an entity tag
	Resource Object
	// Content is that of a Binary as it is.
	Content []byte
	Pages   []Page
	Self    [][2]string
	// Issue is the code of an error.
	Issue string
	// Noticed is what goes with a Part 2 record in a batch, whose entries have no headers.
	Noticed []string

	modified time.Time
	isRead   bool
	notice   *notice
}

// fhirType is how an entry of a batch is answered.
const fhirType = "application/fhir+json"

const fhirJSON = "application/fhir+json; charset=utf-8"

// failed is an error: its code is that of the status, if none is given.
func failed(status int, code string) Answer {
	h := common()
	if status == 403 {
		h["Www-Authenticate"] = []string{`Bearer realm="fhir", error="insufficient_scope"`}
	}
	if code == "" {
		code = map[int]string{400: "invalid", 403: "forbidden", 404: "not-found", 405: "not-supported", 406: "not-supported", 416: "invalid"}[status]
	}
	return Answer{Status: status, Issue: code, Header: h}
}

func common() Headers {
	return Headers{"Content-Type": {fhirJSON}, "Cache-Control": {"no-store"}, "X-Content-Type-Options": {"nosniff"}}
}

// headed gives an answer the headers that follow from the resources in it.
func (a *Asker) headed(out Answer, records []Object) Answer {
	out.Header, out.Tagged = common(), true
	for _, r := range records {
		if s, ok := dateSpan(text(child(r["meta"], "lastUpdated")), a.Zone); ok && s.from.After(out.modified) {
			out.modified = s.from
		}
	}
	if !out.modified.IsZero() {
		out.Header["Last-Modified"] = []string{out.modified.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")}
	}
	return out
}

// Answer computes the answer.
func (a *Asker) Answer(q Question) Answer {
	out := a.whole(q)
	if q.Accept != "" && out.Status != 403 && !(out.Status == 404 && out.Issue == "not-supported") { // without the scopes, or to nowhere, a request is read no further
		for _, h := range append([]Headers{out.Header}, headersOf(out.Pages)...) {
			if h["Content-Type"] != nil && h["Content-Type"][0] == fhirJSON {
				h["Content-Type"] = []string{q.Accept + "; charset=utf-8"} // as it was asked for
			}
		}
	}
	if out = out.under(q); out.Status == 200 && out.Content != nil && q.Method != "HEAD" && q.IfRange != "other" { // conditions go first (RFC 9110, 13.2.2)
		out.part(q.Range)
	}
	return out
}

func headersOf(pages []Page) (out []Headers) {
	for _, p := range pages {
		out = append(out, p.Header)
	}
	return out
}

// under makes of the whole answer that to a conditional request, and to one without a body. An entity tag goes before a date, and a date counts for
// reads only.
func (a Answer) under(q Question) Answer {
	named := slices.Contains(q.NoneMatch, "*") || slices.Contains(q.NoneMatch, "own")
	if len(q.NoneMatch) == 0 && !q.ModifiedSince.IsZero() && a.isRead && !a.modified.IsZero() {
		named = !a.modified.Truncate(time.Second).After(q.ModifiedSince)
	}
	h := a.Header
	if len(a.Pages) > 0 {
		h = a.Pages[0].Header
	}
	if named && a.Status == 200 {
		left := Headers{}
		for name, v := range h {
			if !slices.Contains([]string{"Content-Type", "Redisclosure-Notice", "Consent-Scope", "Link", "Content-Range"}, name) {
				left[name] = v
			}
		}
		return Answer{Status: 304, Header: left, Tagged: true}
	}
	if q.Method == "HEAD" {
		return Answer{Status: a.Status, Header: h, Tagged: a.Tagged}
	}
	return a
}

// InBatch is the answer to a GET that is an entry of a batch: the first page, of the headers only that of the last change, and the notice beside a read.
func (a *Asker) InBatch(path string) Answer {
	out := a.whole(Question{Path: path, Accept: fhirType})
	if out.Pages = out.Pages[:min(1, len(out.Pages))]; len(out.Pages) > 0 {
		out.Header, out.Pages[0].Header = out.Pages[0].Header, nil
	}
	if out.Resource != nil {
		out.Noticed = out.notice.inside(a.Base)
	}
	modified := out.Header["Last-Modified"]
	if out.Header = nil; modified != nil {
		out.Header = Headers{"Last-Modified": modified}
	}
	return out
}
