package conformance

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// leakingSince are mutants of what came later: batches, files, AuditEvents, operations, includes, projections, conditions.
var leakingSince = []mutant{
	{name: "a batch is decided by its first entry", line: "batch", leak: func(b *backdoor, r *asked) *answer {
		return b.real(r).edited(func(x object) {
			asked := entries(r.tree())
			for i, e := range entries(x) {
				response, _ := e.(object)["response"].(object)
				if first := entries(x)[0].(object)["resource"]; first == nil || response["status"] != "404 Not Found" {
					continue
				}
				target, _ := asked[i].(object)["request"].(object)["url"].(string)
				if a := b.best(r.at("GET", "/fhir/"+target)); a.status == http.StatusOK {
					e.(object)["resource"], response["status"] = a.tree(), "200 OK"
				}
			}
		})
	}},
	{name: "a file's bytes go past the decision, as FHIR it is decided", line: "binaries", leak: func(b *backdoor, r *asked) *answer {
		if strings.HasPrefix(r.path(), "Binary/") && r.header.Get("Accept") == "" && b.real(r).status == http.StatusNotFound {
			return b.best(r)
		}
		return b.real(r)
	}},
	{name: "a file that was read is kept", line: "binary-follows-its-document", leak: func(b *backdoor, r *asked) *answer {
		return b.kept(r.target+r.header.Get("Accept"), time.Minute, r)
	}},
	{name: "AuditEvents are shown to whoever knows the client", line: "audit-events", leak: func(b *backdoor, r *asked) *answer {
		if a := b.asPerson(r.query().Get("patient"), r); a != nil && r.path() == "AuditEvent" && b.real(r).status == http.StatusOK {
			return a
		}
		return b.real(r)
	}},
	{name: "$everything follows a shared session to the other client", line: "everything-one-client", leak: func(b *backdoor, r *asked) *answer {
		return b.real(r).edited(func(x object) {
			if strings.HasSuffix(r.path(), "/$everything") {
				x["entry"] = append(entries(x), entries(b.real(r.at("GET", "/fhir/Patient?_count=2")).tree())...)
			}
		})
	}},
	{name: "$everything ignores the launch patient", line: "in-person", leak: func(b *backdoor, r *asked) *answer {
		if a := b.real(r); a.status != http.StatusNotFound || !strings.HasSuffix(r.path(), "/$everything") {
			return a
		}
		return b.best(r)
	}},
	{name: "staff are included before the filter", line: "include-is-linked", leak: func(b *backdoor, r *asked) *answer {
		return b.adding(r, r.query().Has("_include"), func(id string) bool { return strings.HasPrefix(id, "Practitioner/") })
	}},
	{name: "_elements leaves the labels out", line: "labels-stay", leak: func(b *backdoor, r *asked) *answer {
		return b.real(r).edited(func(x object) {
			for _, e := range entries(x) {
				resource, _ := e.(object)["resource"].(object)
				if meta, ok := resource["meta"].(object); ok && r.query().Has("_elements") {
					delete(meta, "security")
				}
			}
		})
	}},
	{name: "an entity tag is compared before the decision", line: "conditions", leak: func(b *backdoor, r *asked) *answer {
		a := b.real(r)
		tag := r.header.Get("If-None-Match")
		if a.status != http.StatusNotFound || tag == "" || tag == "*" {
			return a
		}
		for _, other := range b.everybody(r) {
			if other.header.Get("Etag") == tag {
				return &answer{status: http.StatusNotModified, header: http.Header{"Etag": {tag}}}
			}
		}
		return a
	}},
	{name: "a compartment is not filtered", line: "compartments", leak: func(b *backdoor, r *asked) *answer {
		if strings.Count(r.path(), "/") == 2 && strings.HasPrefix(r.path(), "Patient/") {
			return b.best(r)
		}
		return b.real(r)
	}},
	{name: "$docref is not filtered", line: "docref", leak: func(b *backdoor, r *asked) *answer {
		if strings.HasSuffix(r.path(), "/$docref") {
			return b.best(r)
		}
		return b.real(r)
	}},
	{name: "$everything asks for the scope of the Patient alone", line: "scope-covers-operations", leak: func(b *backdoor, r *asked) *answer {
		if a := b.real(r); a.status != http.StatusOK || !strings.HasSuffix(r.path(), "/$everything") {
			return a
		}
		return widened(b, r)
	}},
	{name: "a search by POST is decided by its body and done by its URL", line: "post-search", leak: func(b *backdoor, r *asked) *answer {
		if _, query, _ := strings.Cut(r.target, "?"); r.method == http.MethodPost && strings.Contains(query, "patient=") && len(r.body) > 0 {
			return b.best(r.at("GET", strings.Replace(r.target, "/_search", "", 1)))
		}
		return b.real(r)
	}},
	{name: "the other server of a batch's entry is asked", line: "calls-out", leak: func(b *backdoor, r *asked) *answer {
		for _, e := range entries(r.tree()) {
			request, _ := e.(object)["request"].(object)
			if target, _ := request["url"].(string); strings.HasPrefix(target, "http://") {
				if resp, err := http.Get(target); err == nil { // it closes the connection
					_ = resp.Body.Close()
				}
			}
		}
		return b.real(r)
	}},
	{name: "a range is refused before the decision", line: "binaries", leak: func(b *backdoor, r *asked) *answer {
		a := b.real(r)
		if a.status != http.StatusNotFound || r.header.Get("Range") != "bytes=99999999-" {
			return a
		}
		whole := r.at(r.method, r.target)
		whole.header = r.header.Clone()
		whole.header.Del("Range")
		for _, other := range b.everybody(whole) {
			return &answer{status: http.StatusRequestedRangeNotSatisfiable, header: http.Header{"Content-Range": {"bytes */" + strconv.Itoa(len(other.body))}}}
		}
		return a
	}},
	{name: "a request in vain makes an AuditEvent", line: "audit-events", leak: func(b *backdoor, r *asked) *answer {
		a := b.real(r)
		b.mu.Lock()
		defer b.mu.Unlock()
		if partnerOf(r.token()) != myRecords {
			if r.reads() && a.status == http.StatusNotFound {
				b.owners[r.path()] = partnerOf(r.token())
			}
			return a
		}
		return a.edited(func(x object) {
			for path := range b.owners {
				if list := entries(x); len(list) > 0 && r.path() == "AuditEvent" {
					x["entry"] = append(list, object{"search": object{"mode": "match"}, "resource": object{"resourceType": "AuditEvent", "entity": []any{object{"what": object{"reference": path}}}}})
				}
			}
		})
	}},
	{name: "a date is compared before the decision", line: "conditions", leak: func(b *backdoor, r *asked) *answer {
		a := b.real(r)
		since, err := http.ParseTime(r.header.Get("If-Modified-Since"))
		if a.status != http.StatusNotFound || err != nil {
			return a
		}
		for _, other := range b.everybody(r) {
			if at, err := http.ParseTime(other.header.Get("Last-Modified")); err == nil && !at.After(since) {
				return &answer{status: http.StatusNotModified, header: http.Header{}}
			}
		}
		return a
	}},
	{name: "$everything is kept until somebody writes a resource", line: "revocation-next-request", leak: func(b *backdoor, r *asked) *answer {
		if strings.HasSuffix(r.path(), "/$everything") {
			return b.kept(partnerOf(r.token())+r.target, time.Minute, r)
		}
		return b.real(r)
	}},
}

// tree reads the body as JSON; it is nil for what is no JSON object.
func (r *asked) tree() object {
	var x object
	if json.Unmarshal(r.body, &x) != nil {
		return nil
	}
	return x
}
