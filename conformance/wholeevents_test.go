package conformance

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/consentry/gateway/conformance/oracle/answers"
)

// learned is an answer from before there was an oracle.
type learned struct {
	who string
	*answer
}

// heard keeps the answers that a caller gets, by who it is.
func (e *export) heard(c *caller, who string) *caller {
	c.heard = func(a *answer) {
		e.before = append(e.before, learned{who, a})
		a.passes()
	}
	return c
}

// replay tells the oracle of the requests by which it was taught: they are in the ledger like all others.
func (e *export) replay(w *answers.World, askers []asker) {
	of := map[string]*answers.Asker{}
	for _, a := range slices.Backward(askers) { // the first of each is the one with all scopes
		of[a.oracle.Who.Who["partnerId"].(string)] = a.oracle
		if person, is := a.oracle.Who.Who["person"].(string); is {
			of[person] = a.oracle
		}
	}
	last := map[string]answers.Request{}
	for _, l := range e.before {
		r := answers.Request{By: of[l.who], Question: answers.Question{Path: strings.TrimPrefix(l.asked, e.base+"/")}}
		if strings.Contains(l.asked, "_page=") {
			r = last[l.who]
			r.Page++
		}
		r.Sent, r.Received = l.sent, l.received
		last[l.who] = r
		w.Make(r)
	}
}

// made tells the oracle that a request was answered.
func (a asker) made(q answers.Question, page int, got *answer) {
	a.oracle.Make(answers.Request{By: a.oracle, Question: q, Page: page, Sent: got.sent, Received: got.received})
	got.passes()
}

// passes waits for the next millisecond: only by that is the instant of one answer told from that of the next.
func (a *answer) passes() {
	for time.Now().Truncate(time.Millisecond).Equal(a.received.Truncate(time.Millisecond)) {
		runtime.Gosched()
	}
}

// mostDisclosures is up to how many a client is asked for AuditEvents.
const mostDisclosures = 1500

// askForEvents compares the AuditEvents of all that was asked until now with those of the oracle, and then answers about them.
func (c *compared) askForEvents(t *testing.T, a *asking, askers []asker, questions int) {
	t.Helper()
	var people []asker
	ids := map[string][]string{}
	for _, who := range askers {
		client, own := who.oracle.Who.Who["patient"].(string)
		if !own || a.world.Disclosures(client) > mostDisclosures {
			continue
		}
		people = append(people, who)
		if ids[client] != nil || who.oracle.Who.Who["person"] != client || who.oracle.Who.Scopes != "patient/*.rs" {
			continue
		}
		found, _ := who.all(t, "AuditEvent?_count=200&patient="+idPart(client))
		var seen []answers.Object
		for _, r := range found {
			seen = append(seen, decodeObject(t, r.Raw))
			ids[client] = append(ids[client], r.ID)
		}
		if len(ids) == 1 {
			findsWrongEvents(t, who, seen)
		}
		for i, d := range who.oracle.LearnEvents(seen) {
			if i < 10 {
				t.Error(d)
			}
		}
		c.events += len(seen)
	}
	for range questions {
		if len(people) == 0 {
			return
		}
		who := pickOne(a.Rand, people...)
		client := who.oracle.Who.Who["patient"].(string)
		if a.IntN(8) == 0 {
			who = pickOne(a.Rand, askers...)
		}
		c.ask(t, who, a.asked(a.event(client, ids[client])))
	}
}

// event is a question about AuditEvents.
func (a *asking) event(client string, ids []string) string {
	id := strings.Repeat("a", 64)
	if len(ids) > 0 && a.IntN(10) > 0 {
		id = pickOne(a.Rand, ids...)
	}
	if a.IntN(4) == 0 {
		return "AuditEvent/" + id + a.projectedEvent("?")
	}
	parts := []string{"patient=" + pickOne(a.Rand, idPart(client), idPart(client), client)}
	path := "AuditEvent?"
	switch a.IntN(10) {
	case 0:
		parts = []string{"_id=" + id + "," + strings.Repeat("b", 64)}
	case 1:
		path, parts = client+"/AuditEvent?", nil
	case 2:
		parts = nil
	}
	for range pickOne(a.Rand, 0, 0, 1, 1, 2) {
		parts = append(parts, pickOne(a.Rand, "agent-name=harbor", "agent-name:contains=family", "agent-name:exact=New Dawn", "agent-name:missing=true", "subtype=read", "subtype=operation,search-type", "subtype:not=search-type",
			"subtype=http://hl7.org/fhir/restful-interaction%7Cread", "action=R", "action=E", "action=http://hl7.org/fhir/audit-event-action%7CE", "action=D", "entity-type=Condition", "entity-type=http://hl7.org/fhir/resource-types%7CEncounter",
			"entity-type=2", "entity-type:not=Patient", "entity-type:missing=false", "date=ge2020", "date=lt2020", "date:missing=false", "_lastUpdated=gt2020-01-01", "_lastUpdated=lt2020", "shoe=1", "agent-name:fuzzy=a"))
	}
	if a.IntN(2) == 0 {
		parts = append(parts, "_count="+pickOne(a.Rand, "15", "40", "50", "0", "200", "x"))
	}
	if a.IntN(3) == 0 {
		parts = append(parts, "_sort="+pickOne(a.Rand, "date", "-date", "agent-name", "-subtype", "entity-type,-date", "_id", "action,-_lastUpdated", "shoe"))
	}
	if a.IntN(6) == 0 {
		parts = append(parts, pickOne(a.Rand, "_include=AuditEvent:patient", "_include=*", "_revinclude=Provenance:target", "_include:iterate=*", "_revinclude=AuditEvent:patient", "_total=none"))
	}
	if p := a.projectedEvent(""); p != "" {
		parts = append(parts, p)
	}
	return path + strings.Join(parts, "&")
}

func (a *asking) projectedEvent(before string) string {
	if a.IntN(5) > 0 {
		return ""
	}
	return before + pickOne(a.Rand, "_summary=true", "_summary=text", "_summary=data", "_summary=count", "_summary=false", "_elements=entity", "_elements=purposeOfEvent,outcome", "_elements=id", "_elements=shoe")
}

// wrongEvents make what a client sees of the disclosures wrong.
var wrongEvents = map[string]func(seen []answers.Object) []answers.Object{
	"an AuditEvent less":   func(seen []answers.Object) []answers.Object { return seen[1:] },
	"one AuditEvent twice": func(seen []answers.Object) []answers.Object { return append(seen, seen[0]) },
	"an AuditEvent of what nobody asked": func(seen []answers.Object) []answers.Object {
		more := maps.Clone(seen[0])
		more["id"] = strings.Repeat("c", 64)
		return append(seen, more)
	},
	"another recipient": changedEvent("agent"),
	"another kind":      changedEvent("entity"),
	"another purpose":   changedEvent("purposeOfEvent"),
	"another time":      changedEvent("recorded"),
	"no label":          changedEvent("meta"),
}

// changedEvent puts something else into one AuditEvent.
func changedEvent(element string) func(seen []answers.Object) []answers.Object {
	return func(seen []answers.Object) []answers.Object {
		r := maps.Clone(seen[len(seen)/2])
		switch was := r[element].(type) {
		case []any:
			r[element] = append(slices.Clone(was), answers.Object{"display": "somebody"})
		case string:
			r[element] = "2026-01-01T00:00:00.000Z"
		case map[string]any:
			r[element] = answers.Object{"lastUpdated": was["lastUpdated"], "profile": was["profile"]}
		default:
			r[element] = []any{answers.Object{"text": "another"}}
		}
		seen[len(seen)/2] = r
		return seen
	}
}

// findsWrongEvents holds that the comparison finds what is wrong.
func findsWrongEvents(t *testing.T, who asker, seen []answers.Object) {
	t.Helper()
	if len(seen) == 0 {
		t.Error("a client sees no AuditEvent")
		return
	}
	for name, change := range wrongEvents {
		if len(who.oracle.CheckEvents(change(slices.Clone(seen)))) == 0 {
			t.Error(fmt.Sprint("the comparison does not find ", name))
		}
	}
}
