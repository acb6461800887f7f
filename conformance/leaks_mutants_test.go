package conformance

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// mutantAnswer is how a leaking gateway answers.
type mutantAnswer func(*backdoor, *asked) *answer

// mutant is a gateway with one leak of the list, and the line of the leak suite that is named after it.
type mutant struct {
	name, line string
	leak       mutantAnswer
	apart      bool // what it spoils is in the charts, or in raw requests, which no line has for itself
}

// answer gives the mutant without memories.
func (m mutant) answer() mutantAnswer {
	var own *backdoor
	return func(b *backdoor, r *asked) *answer {
		b.mu.Lock()
		if own == nil {
			own = b.fresh()
		}
		b.mu.Unlock()
		return m.leak(own, r)
	}
}

// leaking are the mutants: proxies in front of the gateway that know every partner's token.
var leaking = []mutant{
	{name: "totals count everything", line: "totals", leak: func(b *backdoor, r *asked) *answer {
		return b.real(r).edited(func(x object) {
			if x["total"] != nil {
				x["total"] = len(b.missing(r, x)) + int(x["total"].(float64))
			}
		})
	}},
	{name: "a read is kept for whoever asks next", line: "cache-key-requester", leak: func(b *backdoor, r *asked) *answer {
		if !r.reads() {
			return b.real(r)
		}
		return b.kept(r.target, time.Minute, r)
	}},
	{name: "the entity tag is the address", line: "etag-across-requesters", leak: func(b *backdoor, r *asked) *answer {
		h := fnv.New64a()
		h.Write([]byte(r.target))
		tag := fmt.Sprintf(`W/"%x"`, h.Sum64())
		if a := b.real(r); a.status != http.StatusOK {
			return a
		} else if r.header.Get("If-None-Match") != tag {
			return a.with("Etag", tag)
		}
		return &answer{status: http.StatusNotModified, header: http.Header{"Etag": {tag}}}
	}},
	{name: "what is withheld is forbidden", line: "withheld-is-not-found", leak: func(b *backdoor, r *asked) *answer {
		a := b.real(r)
		if a.status == http.StatusNotFound && len(b.everybody(r)) > 0 {
			a.status = http.StatusForbidden
		}
		return a
	}},
	{name: "a client who is a stranger is known to the errors", line: "stranger-is-nobody", leak: func(b *backdoor, r *asked) *answer {
		a := b.real(r)
		if _, id, _ := strings.Cut(r.path(), "/"); a.status == http.StatusNotFound && b.clients[id] != "" {
			return a.with("X-Reason", "no consent")
		}
		return a
	}},
	{name: "references to what is withheld stay", line: "references", apart: true, leak: func(b *backdoor, r *asked) *answer {
		return b.real(r).edited(func(x object) {
			gone := slices.DeleteFunc(b.missing(r.at("GET", "/fhir/Encounter?_count=200&patient="+url.QueryEscape(r.query().Get("patient"))), nil), func(e any) bool {
				return b.real(r.at("GET", "/fhir/"+entryID(e))).status == http.StatusOK
			})
			for _, e := range entries(x) {
				if resource, ok := e.(object)["resource"].(object); ok && resource["resourceType"] == "Condition" && len(gone) > 0 {
					resource["encounter"] = object{"reference": entryID(gone[0])}
				}
			}
		})
	}},
	{name: "a psychotherapy note stands in an error, in base64", line: "psychotherapy-text", leak: func(b *backdoor, r *asked) *answer {
		a := b.real(r)
		if a.status < 400 || !bytes.Contains(a.body, []byte(`"issue":[{`)) {
			return a
		}
		text := base64.StdEncoding.EncodeToString([]byte("row 17: " + b.canary + " was unexpected"))
		return a.change(bytes.Replace(a.body, []byte(`"issue":[{`), []byte(`"issue":[{"diagnostics":"`+text+`",`), 1))
	}},
	{name: "a good answer is kept for a minute", line: "revocation-next-request", leak: func(b *backdoor, r *asked) *answer {
		return b.kept(r.method+partnerOf(r.token())+r.target+r.header.Get("If-None-Match"), time.Minute, r)
	}},
	{name: "a form that is no longer active is as good as before", line: "consent-status", leak: func(b *backdoor, r *asked) *answer {
		a := b.real(r)
		key := partnerOf(r.token()) + r.target
		b.mu.Lock()
		defer b.mu.Unlock()
		if before := b.memory[key]; before != nil && (a.status == http.StatusNotFound || len(a.body) < len(before.body)/2) {
			return before
		}
		b.memory[key] = a
		return a
	}},
	{name: "_revinclude brings every Provenance", line: "revinclude-provenance", leak: func(b *backdoor, r *asked) *answer {
		return b.adding(r, r.query().Has("_revinclude"), func(id string) bool { return strings.HasPrefix(id, "Provenance/") })
	}},
	{name: "_include brings everything", line: "include-rows", leak: func(b *backdoor, r *asked) *answer {
		return b.adding(r, r.query().Has("_include"), func(string) bool { return true })
	}},
	{name: "a next link opens for everybody", line: "page-token-is-no-proof", leak: func(b *backdoor, r *asked) *answer {
		a := b.real(r)
		b.mu.Lock()
		for _, m := range pageToken.FindAllSubmatch(a.body, -1) {
			b.owners[string(m[1])] = r.header.Get("Authorization")
		}
		owner := b.owners[r.query().Get("_page")]
		b.mu.Unlock()
		if a.status != http.StatusBadRequest || owner == "" {
			return a
		}
		again := r.at(r.method, r.target)
		again.header = http.Header{"Authorization": {owner}}
		return b.real(again)
	}},
	{name: "a page is cut out of everything and filtered then", line: "page-bounds", leak: func(b *backdoor, r *asked) *answer {
		count, _ := strconv.Atoi(r.query().Get("_count"))
		a := b.real(r)
		if count == 0 || count > 10 || !r.query().Has("patient") {
			return a
		}
		return a.edited(func(x object) {
			if list := entries(x); len(list) > 1 && len(b.missing(r, x)) > 0 {
				x["entry"] = list[:len(list)-1]
			}
		})
	}},
	{name: "Last-Modified is of everything", line: "last-modified", leak: func(b *backdoor, r *asked) *answer {
		a := b.real(r)
		for _, other := range b.everybody(r) {
			theirs, err := http.ParseTime(other.header.Get("Last-Modified"))
			ours, err2 := http.ParseTime(a.header.Get("Last-Modified"))
			if err == nil && err2 == nil && theirs.After(ours) {
				a = a.with("Last-Modified", theirs.UTC().Format(http.TimeFormat))
			}
		}
		return a
	}},
	{name: "HEAD says the length of everything", line: "head-lengths", leak: func(b *backdoor, r *asked) *answer {
		a := b.real(r)
		if whole := b.best(r); r.method == http.MethodHead && a.status == http.StatusOK && whole.status == http.StatusOK {
			return a.with("Content-Length", whole.header.Get("Content-Length"))
		}
		return a
	}},
	{name: "a search is filtered and a read is not", line: "read-equals-search", leak: func(b *backdoor, r *asked) *answer {
		if r.reads() {
			return b.best(r)
		}
		return b.real(r)
	}},
	{name: "a search by POST is not filtered", line: "post-search", leak: func(b *backdoor, r *asked) *answer {
		if a := b.real(r); r.method != http.MethodPost || a.status == http.StatusUnauthorized {
			return a
		}
		return b.best(r)
	}},
	{name: "an old version is not filtered", line: "history", leak: func(b *backdoor, r *asked) *answer {
		if one, _, versions := strings.Cut(r.target, "/_history"); versions {
			return b.best(r.at("GET", one))
		}
		return b.real(r)
	}},
	{name: "$everything is everything", line: "everything", leak: func(b *backdoor, r *asked) *answer {
		if id, ok := strings.CutPrefix(strings.TrimSuffix(r.path(), "/$everything"), "Patient/"); ok && strings.HasSuffix(r.path(), "/$everything") {
			return b.best(r.at("GET", "/fhir/Encounter?_count=200&patient="+id))
		}
		return b.real(r)
	}},
	{name: "_has looks at everything", line: "chains-and-has", leak: hasLooksAtEverything},
	{name: "a path is tidied up behind the decision", line: "paths", apart: true, leak: func(b *backdoor, r *asked) *answer {
		written, query, _ := strings.Cut(r.target, "?")
		if plain, err := url.PathUnescape(written); err == nil && path.Clean(plain) != plain {
			return b.best(r.at("GET", path.Clean(plain)+"?"+query))
		}
		return b.real(r)
	}},
	{name: "a header opens everything", line: "method-override", leak: func(b *backdoor, r *asked) *answer {
		if r.header.Get("X-Consent-Override") != "" {
			return b.best(r)
		}
		return b.real(r)
	}},
	{name: "every token has all the partner's scopes", line: "include-beyond-scope", leak: widened},
	{name: "a scope's parameters are ignored", line: "granular-scope-oracle", leak: widened},
	{name: "a signature is not checked", line: "token-signature", leak: func(b *backdoor, r *asked) *answer {
		a := b.real(r)
		if own := b.tokens[partnerOf(r.token())]; a.status == http.StatusUnauthorized && own != "" {
			return b.as(partnerOf(r.token()), r)
		}
		return a
	}},
	{name: "the insurer gets every session", line: "self-paid-sessions", apart: true, leak: func(b *backdoor, r *asked) *answer {
		return b.adding(r, partnerOf(r.token()) == blueriver && r.path() == "Encounter", func(string) bool { return true })
	}},
	{name: "a stub stands for what is withheld", line: "stubs", leak: func(b *backdoor, r *asked) *answer {
		return b.real(r).edited(func(x object) {
			for _, e := range b.missing(r, x) {
				typ, id, _ := strings.Cut(entryID(e), "/")
				x["entry"] = append(entries(x), object{"fullUrl": e.(object)["fullUrl"], "resource": object{"resourceType": typ, "id": id}, "search": object{"mode": "match"}})
			}
		})
	}},
	{name: "an error is the database's own", line: "error-internals", leak: func(b *backdoor, r *asked) *answer {
		a := b.real(r)
		if a.status == http.StatusBadRequest {
			return a.change([]byte(`{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"exception","diagnostics":"SQL logic error: no such column: n.date (1)"}]}`))
		}
		return a
	}},
	{name: "the practice's keys stand beside the ids", line: "row-numbers", apart: true, leak: func(b *backdoor, r *asked) *answer {
		return b.real(r).edited(func(x object) {
			for i, e := range entries(x) {
				if resource, ok := e.(object)["resource"].(object); ok {
					resource["identifier"] = []any{object{"system": "urn:rows", "value": strconv.Itoa(1017 + i)}}
				}
			}
		})
	}},
	{name: "answers may be kept on the way", line: "cache-headers", leak: func(b *backdoor, r *asked) *answer {
		return b.real(r).with("Cache-Control", "public, max-age=60")
	}},
}

var pageToken = regexp.MustCompile(`_page=([A-Za-z0-9_-]+)`)

// kept answers from memory for so long.
func (b *backdoor) kept(key string, long time.Duration, r *asked) *answer {
	b.mu.Lock()
	a := b.memory[key]
	b.mu.Unlock()
	if a != nil {
		return a
	}
	if a = b.real(r); a.status == http.StatusOK {
		b.mu.Lock()
		b.memory[key] = a
		b.mu.Unlock()
		time.AfterFunc(long, func() {
			b.mu.Lock()
			delete(b.memory, key)
			b.mu.Unlock()
		})
	}
	return a
}

// adding adds what others get for the same request, where a condition holds.
func (b *backdoor) adding(r *asked, where bool, which func(id string) bool) *answer {
	a := b.real(r)
	if !where {
		return a
	}
	return a.edited(func(x object) {
		for _, e := range b.missing(r, x) {
			if which(entryID(e)) {
				x["entry"] = append(entries(x), e)
			}
		}
	})
}

// widened answers with the scopes that the partner is registered for, whatever the token's are.
func widened(b *backdoor, r *asked) *answer {
	if who := partnerOf(r.token()); b.tokens[who] != "" && b.real(r).status != http.StatusUnauthorized {
		return b.as(who, r)
	}
	return b.real(r)
}

// hasLooksAtEverything evaluates _has as a sub-query without a filter.
func hasLooksAtEverything(b *backdoor, r *asked) *answer {
	own, condition := url.Values{}, ""
	target, _, _ := strings.Cut(r.target, "?")
	for name, values := range r.query() {
		if rest, ok := strings.CutPrefix(name, "_has:"); ok {
			typ, _, _ := strings.Cut(rest, ":")
			condition = typ + "/" + values[0]
			continue
		}
		own[name] = values
	}
	if condition == "" {
		return b.real(r)
	}
	a := b.real(r.at(r.method, target+"?"+own.Encode()))
	if len(b.everybody(r.at("GET", "/fhir/"+condition))) > 0 {
		return a
	}
	return a.edited(func(x object) {
		delete(x, "entry")
		x["total"] = 0
	})
}
