package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"
)

// changeLines change the consents of one client, and put them back.
func changeLines() []*line {
	in := func(l *line) *line { l.section, l.alone = sectionConsent, true; return l }
	return []*line{
		in(&line{name: "revocation-next-request", title: "a revocation holds from the next request on", source: "MS fhir-proxy (60 h cache), b.well 17268e619, SEC-1580",
			tries: "a client's forms revoked; reads, searches, operations, compartments, includes, batches, next links, HEAD, entity tags and the reach that were good before", run: revocation}),
		in(&line{name: "revocation-race", title: "no request that begins after a revocation is answered from before it", source: "orca #612, b.well INC-331",
			tries: "a revocation while eight others ask for the same client all the time", run: revocationRace}),
		in(&line{name: "consent-status", title: "only an active form releases", source: "MS fhir-proxy (no status filter), LEAP",
			tries: "each other status, deleted, unsigned, and a form that is no release", run: consentStatus}),
		in(&line{name: "consent-period", title: "a form releases within its dates, and not a day longer", source: "b.well 41456ac59, LEAP (root period only)",
			tries: "expired yesterday, last month, last year (whole and partial dates), effective tomorrow and next year, signed tomorrow", run: consentPeriod}),
		in(&line{name: "consent-of-another", title: "a form for somebody else, or of somebody else's records, releases nothing", source: "b.well SEC-1586, CL-1",
			tries: "the recipient replaced by another organisation and by somebody unknown; another discloser; a signature that was found false, or is of somebody without authority", run: consentOfAnother}),
		in(&line{name: "deny-wins", title: "any deny withholds, in whatever order and on whatever page it stands", source: "ASU 156b23f (last wins), LEAP CDS (latest wins, undated), orca #612 (page 1 only)",
			tries: "an opt-out signed before and after the permits, undated, damaged, and behind 300 other forms", run: denyWins}),
		in(&line{name: "reclassified-note", title: "a note that becomes one that never leaves is gone from everywhere at once", source: "b.well SAE-1, EFS-1419, CMS BFD #2130",
			tries: "a released note made a psychotherapy note, a draft, unsigned, deleted or of a kind that nobody knows; then every way to it, with the tags of before", run: reclassified}),
	}
}

// change is a client whose forms a line changes.
type change struct {
	p        *probe
	who      *partner
	of       client
	c        *caller
	releases []int64
	seen     resource // something of the client that the partner sees
	visit    string
}

// begin finds a client whom a partner knows of by one form, and gives the function that puts the forms back.
func begin(p *probe) (x *change, restore func()) {
	if p.s.readOnly {
		p.notApplicable("--read-only")
	}
	for _, f := range p.focuses() {
		if found := f.own.ofType("Encounter"); len(found) > 1 {
			x = &change{p: p, who: f.who, of: f.of, c: p.as(f.who), seen: found[0], visit: found[0].ref()}
			break
		}
	}
	p.need(x != nil, "no client with sessions")
	x.releases = must(column[int64](p.ctx(), p.s.books.db, "SELECT f.id FROM releases f WHERE f.client_id=? AND f.status='active' AND f.deleted=0", x.of.Key))(p)
	undo := x.save("releases", "id") // what the lines change of it
	undoRecipients := x.save("release_recipients", "release_id")
	return x, func() {
		undo()
		undoRecipients()
	}
}

// save remembers the client's rows of a table and gives the function that puts them back.
func (x *change) save(table, key string) func() {
	all, _ := json.Marshal(x.releases)
	ctx := context.WithoutCancel(x.p.ctx())
	db := x.p.s.books.db
	var broken error
	rows, err := db.QueryContext(ctx, "SELECT * FROM "+table+" WHERE "+key+" IN (SELECT value FROM json_each(?))", string(all))
	if err != nil {
		x.p.broken("%v", err)
	}
	defer rows.Close()
	names, _ := rows.Columns()
	var kept [][]any
	for rows.Next() {
		row, into := make([]any, len(names)), make([]any, len(names))
		for i := range row {
			into[i] = &row[i]
		}
		broken = rows.Scan(into...)
		kept = append(kept, row)
	}
	if broken != nil || rows.Err() != nil || len(kept) == 0 {
		x.p.broken("the forms cannot be read")
	}
	return func() {
		marks := "?"
		for range names[1:] {
			marks += ",?"
		}
		for _, row := range kept {
			for i, v := range row { // times come back as text, as they are stored
				if t, ok := v.(time.Time); ok {
					row[i] = t.Format(time.DateTime)
				}
			}
			if _, err := db.ExecContext(ctx, "INSERT OR REPLACE INTO "+table+" VALUES ("+marks+")", row...); err != nil {
				panic(fmt.Sprintf("the practice's %s could not be put back: %v", table, err))
			}
		}
	}
}

// set changes the client's forms that release something.
func (x *change) set(assignments string, args ...any) {
	all, _ := json.Marshal(x.releases)
	if _, err := x.p.s.books.db.ExecContext(x.p.ctx(), "UPDATE releases SET "+assignments+" WHERE form NOT IN ('npp_ack','restriction','self_pay_restriction','opt_out') AND id IN (SELECT value FROM json_each(?))", append(args, string(all))...); err != nil {
		x.p.broken("%v", err)
	}
}

// knows tells whether the partner gets anything of the client.
func (x *change) knows() bool {
	return x.c.get("Patient/"+x.of.ID).status == 200 || x.c.get(x.visit).status == 200
}

// gone reports whatever still comes of the client.
func (x *change) gone(when string) {
	p := x.p
	p.same(x.c, "a client, "+when+",", x.of.ID, get("Patient/{ID}"), get("Patient?_id={ID}"), get("Encounter?patient={ID}&_count=200"), get("DocumentReference?patient={ID}&_revinclude=Provenance:target"), form("Observation/_search", "patient={ID}"),
		get("Patient/{ID}/$everything"), get("DocumentReference/$docref?patient={ID}"), get("Patient/{ID}/Encounter"), batch("Patient/{ID}", "Encounter?patient={ID}", "Patient/{ID}/$everything"))
	p.same(x.c, "a session, "+when+",", x.seen.id, get("Encounter/{ID}"), get("Encounter?_id={ID}"))
}

// each tries changes that must leave nothing.
func (x *change) each(restore func(), changes map[string]func()) {
	if !x.knows() {
		x.p.broken("%s does not get the client before anything is changed", x.who.ID)
	}
	for name, f := range changes {
		f()
		x.gone(name)
		restore()
		if !x.knows() {
			x.p.broken("%s does not get the client after the forms were put back", x.who.ID)
		}
	}
}

const ended = "status='ended', revoked_at=strftime('%Y-%m-%d %H:%M:%S','now','-1 day')"

func revocation(p *probe) {
	x, restore := begin(p)
	defer restore()
	if !x.knows() {
		p.broken("%s does not get the client", x.who.ID)
	}
	var before []request
	for _, path := range []string{"Patient/" + x.of.ID, "Patient?_id=" + x.of.ID, x.visit, "Encounter?patient=" + x.of.ID, "DocumentReference?_count=200&patient=" + x.of.ID, "Provenance?_count=200&patient=" + x.of.ID, "Observation?_count=1&patient=" + x.of.ID, "Patient?_count=200", "Encounter?_count=1&patient=" + x.of.ID,
		"Patient/" + x.of.ID + "/$everything", "Patient/" + x.of.ID + "/$everything?_count=2", "DocumentReference/$docref?_count=1&patient=" + x.of.ID, "Patient/" + x.of.ID + "/Encounter", "Patient?_revinclude=Encounter:patient&_id=" + x.of.ID} {
		a := x.c.get(path)
		if b, ok := a.bundle(); ok && len(b.entries) == 0 {
			continue // it stays as empty as it is
		}
		before = append(before, get(path), get(path).with("Cache-Control", "max-stale=9999"), request{method: "HEAD", path: path})
		if tag := a.header.Get("Etag"); tag != "" {
			before = append(before, get(path).with("If-None-Match", tag), get(path).with("If-Modified-Since", time.Now().Add(time.Hour).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")))
		}
		if b, ok := a.bundle(); ok && b.next != "" {
			before = append(before, get(b.next))
		}
	}
	never := x.c.get("Patient/" + invented()).masked("")
	x.set(ended)
	for _, r := range before {
		a := x.c.do(r)
		if a.status == 304 && r.path != "metadata" {
			p.leak("%s says after a revocation that nothing has changed", r.name())
		}
		if b, ok := a.bundle(); ok {
			for _, e := range b.entries {
				if e.id == x.of.ID || e.text("subject.reference") == "Patient/"+x.of.ID || e.text("patient.reference") == "Patient/"+x.of.ID || e.typ == "Provenance" {
					p.leak("%s gives a %s after a revocation", r.name(), e.typ)
				}
			}
			if b.total != nil && *b.total > 0 && r.path != "Patient?_count=200" {
				p.leak("%s counts something after a revocation", r.name())
			}
		} else if r.method == "" && a.status != 304 && a.status != 400 {
			if d := difference(never, a.masked("")); d != "" {
				p.leak("%s differs after a revocation from what never was, in %s", r.name(), d)
			}
		}
	}
	x.gone("revoked")
}

func revocationRace(p *probe) {
	x, restore := begin(p)
	defer restore()
	paths := []string{"Patient/" + x.of.ID, "Encounter?patient=" + x.of.ID, x.visit}
	for range 5 {
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						_, _ = x.c.try(get(paths[i%len(paths)]))
					}
				}
			})
		}
		time.Sleep(20 * time.Millisecond)
		x.set(ended)
		var late []*answer
		for _, path := range paths {
			a, err := x.c.try(get(path))
			if err == nil {
				late = append(late, a)
			}
		}
		close(stop)
		wg.Wait()
		for _, a := range late {
			if b, ok := a.bundle(); a.status == 200 && (!ok || len(b.entries) > 0) {
				p.leak("%s gets the client by a request that began after the revocation", x.who.ID)
			}
		}
		restore()
		if len(late) != len(paths) || !x.knows() {
			p.broken("the client is not there again")
		}
	}
}

func consentStatus(p *probe) {
	x, restore := begin(p)
	defer restore()
	changes := map[string]func(){}
	for _, status := range []string{"draft", "sent", "declined", "ended", "void", "proposed", "entered-in-error", "", "ACTIVE"} {
		changes["with forms that are "+status] = func() { x.set("status=?", status) }
	}
	changes["with deleted forms"] = func() { x.set("deleted=1") }
	changes["with unsigned forms"] = func() { x.set("signed_at=NULL") }
	changes["with a privacy notice only"] = func() { x.set("form='npp_ack'") }
	changes["with a form that nobody knows"] = func() { x.set("form='wish'") }
	x.each(restore, changes)
}

func consentPeriod(p *probe) {
	x, restore := begin(p)
	defer restore()
	day := func(days int) string { return time.Now().In(p.s.m.zone).AddDate(0, 0, days).Format(time.DateOnly) }
	changes := map[string]func(){}
	for _, expired := range []string{day(-1), day(-40)[:7], day(-400)[:4], "1999"} {
		changes["with forms that expired "+expired] = func() { x.set("effective_on='1998', expires_on=?", expired) }
	}
	for _, from := range []string{day(1), day(40)[:7], day(400)[:4], "2999"} {
		changes["with forms effective from "+from] = func() { x.set("effective_on=?, expires_on=NULL", from) }
	}
	changes["with forms signed tomorrow"] = func() { x.set("signed_at=?", day(1)+" 23:59:59") }
	x.each(restore, changes)
}

func consentOfAnother(p *probe) {
	x, restore := begin(p)
	defer restore()
	all, _ := json.Marshal(x.releases)
	recipients := func(assignments string) func() {
		return func() {
			if _, err := p.s.books.db.ExecContext(p.ctx(), "UPDATE release_recipients SET "+assignments+" WHERE release_id IN (SELECT value FROM json_each(?1))", string(all), x.who.organization); err != nil {
				p.broken("%v", err)
			}
		}
	}
	const other = "(SELECT id FROM organizations WHERE code NOT IN (?2, 'harbor-fm', 'new-dawn', 'blueriver') ORDER BY id LIMIT 1)"
	x.each(restore, map[string]func(){
		"whose forms name another organisation":      recipients("person_id=NULL, npi=NULL, organization_id=" + other),
		"whose forms name somebody who is not known": recipients("organization_id=NULL, person_id=NULL, npi='1234567893', described_as=nullif(?2,?2)"),
		"whose forms are for another discloser":      func() { x.set("discloser_organization=(SELECT max(id) FROM organizations)") },
		"whose signature was found to be false":      func() { x.set("identity_verified=0") },
		"whose forms somebody without authority has signed": func() {
			x.set("signed_by_contact=(SELECT id FROM client_contacts WHERE is_legal_representative=0 AND client_id<>? ORDER BY id LIMIT 1)", x.of.Key)
		},
	})
}

// jsonList is a list for json_each.
func jsonList(list []string) string {
	text, _ := json.Marshal(slices.Clone(list))
	return string(text)
}
