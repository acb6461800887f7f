package answers

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/consentry/gateway/conformance/oracle"
)

// Request is one that was made, and answered between two times. Of the pages that follow each other each is one.
type Request struct {
	By             *Asker
	Question       Question
	Page           int
	Sent, Received time.Time
}

// disclosure is what one answer gave away of one client's chart, and the AuditEvent that tells of it.
type disclosure struct {
	Request
	kind     string   // of http://hl7.org/fhir/restful-interaction
	given    []string // what stood in the answer
	told     bool     // what follows has been learned
	id       string
	recorded string
	number   string // under which the ledger has it
}

const auditEvent = "AuditEvent"

// mostEvents is how many AuditEvents a client has: the newest.
const mostEvents = 2000

// Make says that a request was made, in the order of the requests. Its answer discloses what stands in it, also where a HEAD or a 304 only vouches for
// that; to look at AuditEvents discloses nothing.
func (w *World) Make(r Request) {
	for client, d := range w.disclosedBy(r) {
		d.id = fmt.Sprintf("not-learned-%d", len(w.disclosures[client]))
		w.disclosures[client] = append(w.disclosures[client], d)
	}
}

// Alike says whether the AuditEvents of two entries of one batch would say the same, though they tell of other records: nobody could tell which is which.
func (a *Asker) Alike(one, other string) bool {
	first := a.disclosedBy(Request{By: a, Question: Question{Path: one, Accept: fhirType}})
	for client, y := range a.disclosedBy(Request{By: a, Question: Question{Path: other, Accept: fhirType}}) {
		x := first[client]
		if x == nil || slices.Equal(x.given, y.given) {
			continue
		}
		own := &Asker{World: a.World, Who: &Requester{Name: "in person " + client, Who: Object{"partnerId": "", "kind": "patient", "purpose": []any{}, "patient": client, "person": client}}}
		if v := own.throughAnyApp(client); v != nil && bytes.Equal(encode(a.event(x, client, append(a.shown(x, v), ""))), encode(a.event(y, client, append(a.shown(y, v), "")))) {
			return true
		}
	}
	return false
}

// disclosedBy is what the answer to a request gives away, by client.
func (w *World) disclosedBy(r Request) map[string]*disclosure {
	path, _, _ := strings.Cut(r.Question.Path, "?")
	parts := strings.Split(strings.TrimSuffix(path, "/_search"), "/")
	if parts[0] == auditEvent || parts[len(parts)-1] == auditEvent {
		return nil
	}
	if r.Page == 0 {
		w.newest = r.By.whole(r.Question) // the pages that follow are the same answer's
	}
	out := w.newest
	if out.Status >= 400 || parts[0] == "Binary" && r.By.Answer(r.Question).Status >= 400 {
		return nil
	}
	kind := "search-type"
	switch {
	case strings.Contains(path, "$"):
		kind = "operation"
	case len(parts) == 2:
		kind = "read"
	}
	var given []string
	switch {
	case parts[0] == "Binary":
		given = []string{path}
	case out.Resource != nil:
		given = []string{refOf(out.Resource)}
	case r.Page < len(out.Pages):
		for _, x := range slices.Concat(out.Pages[r.Page].Matches, out.Pages[r.Page].Includes) {
			given = append(given, refOf(x))
		}
	}
	disclosed := map[string]*disclosure{}
	for client := range w.Charts {
		his := slices.DeleteFunc(slices.Clone(given), func(ref string) bool { return w.Charts[client].Records[w.decidedBy(ref)] == nil })
		if len(his) > 0 {
			disclosed[client] = &disclosure{Request: r, kind: kind, given: his}
		}
	}
	return disclosed
}

// decidedBy is the record with which something is released: a Binary with its document.
func (w *World) decidedBy(ref string) string {
	if id, is := strings.CutPrefix(ref, "Binary/"); is {
		return w.contents[id].document
	}
	return ref
}

// Disclosures is how many answers told something of a client.
func (w *World) Disclosures(client string) int { return len(w.disclosures[client]) }

// events are the AuditEvents about a client that may be seen by who asks: the client, or who acts for the client. Each is made of those of the records that
// the person has the right to see, whatever the app may, and is decided like any record; what refers to something that the app may not see is then
// taken out.
func (a *Asker) events(client string, p permission) map[string]Object {
	all := a.disclosures[client]
	told := 0
	for _, d := range all {
		if d.told {
			told++
		}
	}
	key := fmt.Sprint(a.Who.Name, p, client, len(all), told)
	if a.eventViews[key] == nil {
		a.eventViews[key] = a.eventsOf(client, p, all)
	}
	return a.eventViews[key]
}

func (a *Asker) eventsOf(client string, p permission, all []*disclosure) map[string]Object {
	out, v := map[string]Object{}, a.throughAnyApp(client)
	if v == nil {
		return out
	}
	made := map[string]Object{}
	for _, d := range all[max(0, len(all)-mostEvents):] {
		if shown := a.shown(d, v); len(shown) > 0 {
			made[auditEvent+"/"+d.id] = a.event(d, client, shown)
		}
	}
	for ref := range a.ownEvents(client, p, made) {
		r, ok := strip(made[ref], func(to string) bool {
			of := v.Records[a.decidedBy(to)]
			return to == client || of != nil && a.given(a.Who, p, of, "patient")
		})
		if ok {
			out[ref] = unlessLess(made[ref], r)
		}
	}
	return out
}

// throughAnyApp is what who asks has the right to see of the client's chart, nil for anybody but the client and who acts for the client.
func (a *Asker) throughAnyApp(client string) *View {
	if a.Who.Who["kind"] != "patient" || a.Who.Who["patient"] != client {
		return nil
	}
	return a.View(&Requester{Name: a.Who.Name + ", through any app", Registered: a.Who.Registered, Who: a.Who.Who, Scopes: "patient/*.rs"}, client, "r")
}

// shown is what of a disclosure stands in a view.
func (w *World) shown(d *disclosure, v *View) []string {
	return slices.DeleteFunc(slices.Clone(d.given), func(ref string) bool { return v.Records[w.decidedBy(ref)] == nil })
}

// unlessLess lets an AuditEvent that does not say any more what was read claim only the profile that does not ask for it.
func unlessLess(before, left Object) Object {
	if len(encode(before)) != len(encode(left)) {
		meta := clone(left["meta"]).(Object)
		meta["profile"] = []any{eventProfile}
		left["meta"] = meta
	}
	return left
}

// ownEvents are those that the decision releases to who has a right of access. No Consent gives one to anybody.
func (a *Asker) ownEvents(client string, p permission, made map[string]Object) map[string]bool {
	var file []Object
	for _, r := range a.Charts[client].asDecided {
		if slices.Contains([]string{"Patient", "RelatedPerson"}, text(r["resourceType"])) { // who may act for the client
			file = append(file, r)
		}
	}
	for _, r := range made {
		r = maps.Clone(r)
		r["patient"] = Object{"reference": client} // in whose chart it stands
		file = append(file, r)
	}
	var raw [][]byte
	for _, r := range file {
		raw = append(raw, encode(r))
	}
	released := map[string]int{}
	for _, one := range string(p) {
		who := maps.Clone(a.Who.Who)
		who["scopes"] = scopesFor(a.Who.Scopes, string(one))
		lines, err := oracle.Decide(a.consents, messages(raw), encode(who), a.Now, a.Zone, a.Practice)
		if err != nil {
			panic(err)
		}
		for _, l := range lines {
			if l.Reason == "self-access" {
				released[l.Resource]++
			}
		}
	}
	out := map[string]bool{}
	for ref := range made {
		if released[ref] == len(p) {
			out[ref] = true
		}
	}
	return out
}
