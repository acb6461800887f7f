package answers

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// numberForm is that of the ledger's numbers.
var numberForm = regexp.MustCompile(`^[0-9A-Za-z-]{20,40}$`)

// CheckEvents compares the AuditEvents that a client sees, through an app that may see all, with those that there must be. What nobody outside can
// know, the ids, the instants and the numbers of the ledger's, it takes from them, but the instant must be one at which the answer was made.
func (a *Asker) CheckEvents(seen []Object) []string {
	_, differences := a.matchEvents(seen)
	return differences
}

// LearnEvents is CheckEvents, and keeps what it takes.
func (a *Asker) LearnEvents(seen []Object) []string {
	found, differences := a.matchEvents(seen)
	for d, r := range found {
		take(d, r)
	}
	return differences
}

// take takes from an AuditEvent what only the ledger knows.
func take(d *disclosure, r Object) {
	d.told, d.id, d.recorded = true, text(r["id"]), text(r["recorded"])
	for _, e := range list(r["entity"]) {
		if child(child(e, "type"), "code") == "XrequestId" {
			d.number = text(child(child(child(e, "what"), "identifier"), "value"))
		}
	}
}

// matchEvents finds the disclosure of which each AuditEvent tells.
func (a *Asker) matchEvents(seen []Object) (map[*disclosure]Object, []string) {
	client := text(a.Who.Who["patient"])
	found, ids, numbers := map[*disclosure]Object{}, map[string]bool{}, map[string]bool{}
	var differences []string
	say := func(format string, args ...any) { differences = append(differences, fmt.Sprintf(format, args...)) }
	all := a.disclosures[client]
	told := make([]*disclosure, len(all)) // as they would be, with what the ledger knows
	for i, d := range all {
		copied := *d
		told[i] = &copied
	}
	seen = slices.SortedStableFunc(slices.Values(seen), func(x, y Object) int { return strings.Compare(text(x["recorded"]), text(y["recorded"])) })
	for _, r := range seen { // the earliest answer has the earliest event: instants are told by the millisecond
		i := a.tells(all, found, client, r)
		if i < 0 {
			say("no answer is told of by an AuditEvent of a %s to %s", text(child(list(r["subtype"])[0], "code")), text(child(list(r["agent"])[0], "altId")))
			continue
		}
		found[all[i]] = r
		take(told[i], r)
		if ids[told[i].id] || numbers[told[i].number] || !numberForm.MatchString(told[i].number) {
			say("an AuditEvent has the id or the number of another, or none")
		}
		ids[told[i].id], numbers[told[i].number] = true, true
	}
	must := a.eventsOf(client, "rs", told)
	for i, d := range all {
		want, there := must[auditEvent+"/"+told[i].id]
		switch {
		case there && found[d] == nil:
			say("no AuditEvent tells of the %s by %s", d.kind, d.By.Who.Name)
		case found[d] != nil && !bytes.Equal(encode(want), encode(found[d])):
			say("an AuditEvent of the %s by %s is one that may not be seen", d.kind, d.By.Who.Name)
		}
	}
	return found, differences
}

// tells is which disclosure an AuditEvent is of, or -1.
func (a *Asker) tells(all []*disclosure, found map[*disclosure]Object, client string, r Object) int {
	v := a.throughAnyApp(client)
	at, err := time.Parse(time.RFC3339, text(r["recorded"]))
	if v == nil || err != nil {
		return -1
	}
	return slices.IndexFunc(all, func(d *disclosure) bool {
		if found[d] != nil || at.Before(d.Sent.Truncate(time.Millisecond)) || at.After(d.Received) {
			return false
		}
		copied := *d
		if take(&copied, r); d.told && (copied.id != d.id || copied.recorded != d.recorded || copied.number != d.number) {
			return false
		}
		shown := a.shown(d, v)
		return len(shown) > 0 && bytes.Equal(encode(a.event(&copied, client, shown)), encode(r))
	})
}
