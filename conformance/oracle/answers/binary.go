package answers

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// content is that of an attachment which goes by the URL of a Binary.
type content struct {
	document, contentType string
	data                  []byte
}

// learnContents notes which Binaries a document leads to, and what the source has there.
func (w *World) learnContents(source, emitted Object) error {
	from := at(source, "content.attachment")
	for i, a := range at(emitted, "content.attachment") {
		_, id, is := strings.Cut(text(child(a, "url")), "/Binary/")
		if !is {
			continue
		}
		data, err := base64.StdEncoding.DecodeString(text(child(from[i], "data")))
		if err != nil {
			return fmt.Errorf("the content of a %s cannot be read", emitted["resourceType"])
		}
		w.contents[id] = content{refOf(emitted), text(child(from[i], "contentType")), data}
	}
	return nil
}

// Contents are the ids of the Binaries of a client's documents, in the order of the source.
func (w *World) Contents(client string) (out []string) {
	for _, ref := range w.Refs(client) {
		for _, a := range at(w.Charts[client].Records[ref], "content.attachment") {
			if _, id, is := strings.Cut(text(child(a, "url")), "/Binary/"); is {
				out = append(out, id)
			}
		}
	}
	return out
}

// binary is a read of a Binary. It goes where its document goes (rule 22), and so does the scope.
func (a *Asker) binary(id string, q Question) Answer {
	if !a.covered("DocumentReference", "r") {
		return failed(403, "")
	}
	c, known := a.contents[id]
	if !known {
		return failed(404, "")
	}
	var document Object
	for _, client := range a.clients(a.Who, "r") {
		if r := a.View(a.Who, client, "r").Records[c.document]; r != nil {
			document = r
		}
	}
	if document == nil {
		return failed(404, "")
	}
	out := a.headed(Answer{Status: 200}, nil) // no date: a file may be replaced without a new one, so only its entity tag counts
	out.notice = a.noticeFor([]Object{document}, "r")
	out.notice.beside(a.Base, out.Header)
	if q.Accept != "" { // FHIR, or JSON and nothing else: the contents here are none
		out.Resource = Object{"resourceType": "Binary", "id": id, "contentType": c.contentType, "data": base64.StdEncoding.EncodeToString(c.data),
			"securityContext": Object{"reference": c.document}, "meta": a.metaOfContent(document)}
		return out
	}
	a.native(&out, c, document)
	return out
}

// metaOfContent is that of the document, but for the profiles.
func (a *Asker) metaOfContent(document Object) Object {
	meta := Object{"profile": []any{"http://hl7.org/fhir/StructureDefinition/Binary"}, "security": child(document["meta"], "security")}
	if s, ok := dateSpan(text(child(document["meta"], "lastUpdated")), a.Zone); ok {
		meta["lastUpdated"] = s.from.UTC().Format("2006-01-02T15:04:05Z")
		if s.from.Nanosecond() > 0 {
			meta["lastUpdated"] = s.from.UTC().Format("2006-01-02T15:04:05.000Z")
		}
	}
	return meta
}

// native makes of the answer the content itself, which no browser is to run or to show.
func (a *Asker) native(out *Answer, c content, document Object) {
	out.Content = c.data
	h := out.Header
	h["Content-Type"] = []string{c.contentType}
	h["Content-Security-Policy"] = []string{"sandbox; default-src 'none'; frame-ancestors 'none'"}
	h["Cross-Origin-Resource-Policy"], h["X-Frame-Options"], h["X-Download-Options"] = []string{"same-origin"}, []string{"DENY"}, []string{"noopen"}
	h["Accept-Ranges"], h["Vary"], h["X-Security-Context"] = []string{"bytes"}, []string{"Accept"}, []string{c.document}
	name := "document"
	for _, t := range at(document, "type.coding") {
		if kind := a.Kinds[text(child(t, "system"))+"|"+text(child(t, "code"))]; kind != "" {
			name = kind
		}
	}
	if s, ok := a.when(document); ok && !s.from.IsZero() {
		name += s.from.In(a.Zone).Format("-" + time.DateOnly)
	}
	kind, _, _ := strings.Cut(c.contentType, ";")
	ending := map[string]string{"text/plain": ".txt", "text/html": ".html", "application/pdf": ".pdf"}[kind]
	if ending == "" {
		ending = ".bin"
	}
	h["Content-Disposition"] = []string{`attachment; filename="` + name + ending + `"`}
}

// part narrows the answer to one range of bytes (RFC 9110, 14.1.2). Several ranges and other units are answered with the whole.
func (a *Answer) part(asked string) {
	size := len(a.Content)
	list, is := strings.CutPrefix(asked, "bytes=")
	if !is || strings.Contains(list, ",") {
		return
	}
	first, last, _ := strings.Cut(list, "-")
	from, err1 := strconv.Atoi(first)
	to, err2 := strconv.Atoi(last)
	switch {
	case first == "" && err2 == nil && to > 0:
		from, to = max(0, size-to), size-1
	case err1 == nil && last == "":
		to = size - 1
	case err1 != nil || err2 != nil || to < from:
		from = size
	}
	if from >= size {
		*a = failed(416, "")
		a.Header["Content-Range"], a.Header["Accept-Ranges"] = []string{fmt.Sprintf("bytes */%d", size)}, []string{"bytes"}
		return
	}
	to = min(to, size-1)
	a.Status, a.Content = 206, a.Content[from:to+1]
	a.Header["Content-Range"] = []string{fmt.Sprintf("bytes %d-%d/%d", from, to, size)}
}
