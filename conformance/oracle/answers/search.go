package answers

import (
	"maps"
	"slices"
	"strings"
)

// Page is one Bundle of a search.
type Page struct {
	Total    int // -1 if there is none
	Matches  []Object
	Includes []Object
	// Ignored are the parameters that the outcome entry names.
	Ignored []string
	// Notices are the issues of the outcome entry about anything else: what must go with Part 2 records.
	Notices []string
	Header  Headers
	Next    bool
	outcome bool
}

// Asker answers for one requester.
type Asker struct {
	*World
	Who *Requester
	// Claimed says whether the server has a search parameter: its own CapabilityStatement says so.
	Claimed func(resourceType, name string) bool
	// Served says whether the server has a resource type.
	Served func(resourceType string) bool
}

// whole computes the answer to a request without conditions. Parameters in the body of a POST go with those of the URL.
func (a *Asker) whole(q Question) Answer {
	path, rawQuery, _ := strings.Cut(q.Path, "?")
	pairs, ok := pairsOf(rawQuery)
	form, formOK := pairsOf(q.Form)
	if !ok || !formOK {
		return failed(400, "structure")
	}
	pairs = append(pairs, form...)
	if q.Method == "POST" {
		path = strings.TrimSuffix(path, "/_search")
	}
	parts := strings.Split(path, "/")
	if len(parts) == 2 && parts[0] == "Binary" {
		return a.binary(parts[1], q)
	}
	if !a.Served(parts[0]) || len(parts) > 3 {
		return failed(404, "not-supported")
	}
	switch {
	case len(parts) == 1:
		return a.search(parts[0], pairs, q.Strict)
	case len(parts) == 2 && path == "DocumentReference/$docref":
		return a.docref(pairs, q.Strict)
	case len(parts) == 2 && !strings.HasPrefix(parts[1], "$"):
		return a.read(parts[0], parts[1], pairs, q.Strict)
	case parts[0] == "Patient" && parts[2] == "$everything":
		return a.everything(parts[1], pairs, q.Strict)
	case parts[0] == "Patient" && a.Served(parts[2]) && Knows(parts[2], "patient"):
		return a.search(parts[2], append([][2]string{{"patient", parts[1]}}, pairs...), q.Strict)
	}
	return failed(404, "not-supported")
}

// covered says whether some scope gives the permission for the type, maybe for some of its resources only.
func (a *Asker) covered(resourceType string, p permission) bool {
	for _, one := range string(p) {
		if !slices.ContainsFunc(readScopes(scopesFor(a.Who.Scopes, string(one))), func(s scope) bool { return s.covers(resourceType) }) {
			return false
		}
	}
	return true
}

func (a *Asker) read(resourceType, id string, pairs [][2]string, strict bool) Answer {
	if !a.covered(resourceType, "r") {
		return failed(403, "")
	}
	pr, status := readProjection(resourceType, pairs, strict)
	if status != 0 {
		return failed(status, "")
	}
	r := a.find(resourceType+"/"+id, "r")
	if r == nil {
		return failed(404, "")
	}
	out := a.headed(Answer{Status: 200, Resource: pr.apply(r), isRead: true}, []Object{r})
	out.notice = a.noticeFor([]Object{r}, "r")
	out.notice.beside(a.Base, out.Header)
	return out
}

// find looks for a resource in the directory and in every view.
func (a *Asker) find(ref string, p permission) Object {
	if r := a.Directory[ref]; r != nil && a.allowed(a.Who, p, r) {
		return r
	}
	if typeOf(ref) == auditEvent {
		return a.events(text(a.Who.Who["patient"]), p)[ref]
	}
	for _, client := range a.clients(a.Who, p) {
		if r := a.View(a.Who, client, p).Records[ref]; r != nil {
			return r
		}
	}
	return nil
}

// inDirectory are the types of the practice's staff and sites.
func inDirectory(resourceType string) bool {
	return slices.Contains([]string{"Practitioner", "Organization", "Location", "PractitionerRole"}, resourceType)
}

// needsClient are the types of which every search names its client.
func needsClient(resourceType string) bool {
	return resourceType != "Patient" && !inDirectory(resourceType)
}

func (a *Asker) search(resourceType string, pairs [][2]string, strict bool) Answer {
	if !a.covered(resourceType, "s") {
		return failed(403, "")
	}
	q, status := parse(resourceType, pairs, a.Zone, strict, a.Claimed)
	if status != 0 {
		return failed(status, "")
	}
	clients, issue := a.whose(q)
	if issue != "" {
		return failed(400, issue)
	}
	var found []hit
	for _, in := range clients {
		for _, ref := range slices.Sorted(maps.Keys(in.records)) {
			r := in.records[ref]
			if typeOf(ref) == resourceType && !slices.ContainsFunc(q.criteria, func(c criterion) bool { return !c.matches(a.Zone, r, in.client) }) {
				found = append(found, hit{r, in})
			}
		}
	}
	a.order(q, found)
	return a.pages(q, found, "s")
}

// place is where something was found: a client's view, or the directory.
type place struct {
	client  string
	records map[string]Object
}

// hit is a match, and where it stands.
type hit struct {
	r  Object
	in place
}

// whose are the places in which a search looks: the views of the client that it names, or of all that the requester may know of. issue says why there are none.
func (a *Asker) whose(q *query) (in []place, issue string) {
	var named []string
	byID := false
	for _, c := range q.criteria {
		switch {
		case c.modifier == "missing" || c.modifier == "not":
		case c.name == "patient" || c.name == "subject":
			for _, v := range c.values {
				if v = strings.TrimPrefix(v, "Patient/"); strings.Contains(v, "/") {
					v = "" // something that is no client
				}
				if !slices.Contains(named, v) {
					named = append(named, v)
				}
			}
		case c.name == "_id":
			byID = true
		}
	}
	if !needsClient(q.resourceType) {
		return a.everywhere(q.resourceType, byID), ""
	}
	switch {
	case len(named) > 1:
		return nil, "invalid"
	case len(named) == 0 && !byID:
		return nil, "required"
	case q.resourceType == auditEvent: // which stand in no chart, and are for one client
		client := text(a.Who.Who["patient"])
		if len(named) == 1 {
			client = "Patient/" + named[0]
		}
		return []place{{client, a.events(client, "s")}}, ""
	case len(named) == 1:
		if v := a.View(a.Who, "Patient/"+named[0], "s"); v != nil {
			return []place{{v.Client, v.Records}}, ""
		}
		return nil, ""
	}
	return a.everywhere(q.resourceType, byID), ""
}

// everywhere are the views of all clients. For staff and sites it is the directory, and others whom records name only by their ids.
func (a *Asker) everywhere(resourceType string, byID bool) (out []place) {
	if inDirectory(resourceType) {
		in := place{records: map[string]Object{}}
		for ref, r := range a.Directory {
			if a.allowed(a.Who, "s", r) {
				in.records[ref] = r
			}
		}
		if out = append(out, in); !byID {
			return out
		}
	}
	for _, client := range a.clients(a.Who, "s") {
		out = append(out, place{client, a.View(a.Who, client, "s").Records})
	}
	return out
}

// pages cuts what was found into pages, each with what it includes.
func (a *Asker) pages(q *query, found []hit, p permission) Answer {
	out := Answer{Status: 200, Tagged: true, Self: q.self}
	total := len(found)
	if q.projection.summary == "count" || q.countGiven && q.count == 0 {
		out.Pages = []Page{{Total: total, Ignored: q.ignored, Header: common()}}
		return out
	}
	if q.total == "none" {
		total = -1
	}
	for first := true; first || len(found) > 0; first = false {
		n := min(q.count, len(found))
		page := Page{Total: total, Next: n < len(found)}
		if first {
			page.Ignored = q.ignored
		}
		for _, h := range found[:n] {
			page.Matches = append(page.Matches, q.projection.apply(h.r))
		}
		for _, r := range a.included(q, found[:n]) {
			page.Includes = append(page.Includes, q.projection.applyToIncluded(r))
		}
		a.head(&page, p)
		out.Pages = append(out.Pages, page)
		found = found[n:]
	}
	return out
}

// head gives a page its headers, and what goes with Part 2 records.
func (a *Asker) head(page *Page, p permission) {
	all := slices.Concat(page.Matches, page.Includes)
	page.Header = a.headed(Answer{}, all).Header
	if n := a.noticeFor(all, p); n != nil {
		page.Header["Redisclosure-Notice"] = []string{shortNotice}
		page.Notices = n.inside(a.Base)
	}
}
