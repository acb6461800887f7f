package main

import (
	"slices"
	"time"
)

// Conditions on a session s: one that is not in the record; one of a couple or family; one that the client paid; one of a programme.
const (
	deletedSession = "s.deleted=1"
	selfPaid       = "s.self_pay=1"
	inProgramme    = "s.programme='sud-part2'"
	withSomebody   = "s.kind IN ('couple','family') AND EXISTS (SELECT 1 FROM session_participants q WHERE q.session_id=s.id AND CAST(q.client_id AS TEXT) NOT IN (SELECT value FROM json_each(?2)))"
)

func consentLines() []*line {
	in := func(l *line) *line { l.section = sectionConsent; return l }
	return []*line{
		in(&line{name: "self-paid-sessions", title: "what the client paid themselves stays from the insurer", source: "MS fhir-proxy (named denies), 45 CFR 164.522",
			tries: "Encounters, Procedures and notes of every client of a payer's reach against the sessions that are marked as self-paid", run: selfPaidSessions}),
		in(&line{name: "joint-sessions", title: "a session of two is released only if both release it", source: "Firely 4.10.2, HAPI #5275 (shared Group)",
			tries: "Encounters, Procedures and notes against the sessions of couples and families of whom one has not signed", run: jointSessions}),
		in(&line{name: "part2-records", title: "records of a Part 2 programme need a form that names them", source: "ASU 156b23f, LEAP",
			tries: "Encounters, Procedures and notes against the programme's sessions, for partners without such a form", run: part2Records}),
		in(&line{name: "purpose", title: "a purpose that is stated opens nothing", source: "LEAP CDS (missing purpose = any purpose), ASU 82d1ddc",
			tries: "tokens that state unregistered, odd, several and break-glass purposes: refused, or nothing more than without", run: purposes}),
		in(&line{name: "client-writes", title: "nobody grants themselves a Consent", source: "b.well SAE-6, CL-1",
			tries: "create, update, conditional and batched writes of Consent, Patient and Provenance by every partner, and the reach afterwards", run: clientWrites}),
	}
}

// sessions reports what a partner gets that belongs to sessions which a condition tells, by when they began or notes were written. It gives how
// many there are, and how many resources belong to other sessions: without one the comparison of the times would prove nothing.
func (p *probe) sessions(who *partner, of client, what, condition string, args ...any) (hidden, others int) {
	books := p.s.books
	began, wrote := must(books.sessionsOf(p.ctx(), of.Key, condition, args...))(p), must(books.notesOf(p.ctx(), of.Key, condition, args...))(p)
	all := append(must(books.sessionsOf(p.ctx(), of.Key, "1=1"))(p), must(books.notesOf(p.ctx(), of.Key, "1=1"))(p)...)
	for _, r := range p.chart(who, of) {
		forbidden, paths := began, []string{"period.start", "performedPeriod.start", "performedDateTime"}
		if r.typ == "DocumentReference" {
			forbidden, paths = wrote, []string{"date"}
		}
		for _, path := range paths {
			t, err := time.Parse(time.RFC3339, r.text(path))
			if err != nil {
				continue
			}
			local := t.In(p.s.m.zone).Format(time.DateTime)
			if slices.Contains(forbidden, local) {
				p.leak("%s gets a %s of %s", who.ID, r.typ, what)
			} else if slices.Contains(all, local) {
				others++
			}
		}
	}
	return len(began) + len(wrote), others
}

// comparable ends the line unless there were such sessions, and others whose times were found.
func (p *probe) comparable(hidden, others int, what string) {
	p.need(hidden > 0, "no "+what)
	p.need(others > 0, "no session whose time is found in an answer")
}

func selfPaidSessions(p *probe) {
	hidden, others := 0, 0
	add := func(h, o int) { hidden, others = hidden+h, others+o }
	for _, who := range p.s.machines() {
		for _, of := range p.reach(who) {
			restricted := must(column[string](p.ctx(), p.s.books.db, `SELECT f.form FROM releases f JOIN release_recipients x ON x.release_id=f.id JOIN organizations o ON o.id=x.organization_id
				WHERE f.client_id=? AND o.code=? AND f.form='self_pay_restriction' AND f.status='active' AND f.deleted=0`, of.Key, who.organization))(p)
			if who.Kind == "payer" && len(restricted) > 0 {
				add(p.sessions(who, of, "a session that the client paid", selfPaid))
			}
		}
	}
	p.comparable(hidden, others, "session that a client paid")
}

func jointSessions(p *probe) {
	hidden, others := 0, 0
	add := func(h, o int) { hidden, others = hidden+h, others+o }
	for _, who := range p.s.machines() {
		for _, of := range p.reach(who) {
			add(p.sessions(who, of, "a session with somebody who has not signed", withSomebody, jsonList(p.s.known[who.ID])))
			add(p.sessions(who, of, "a deleted session", deletedSession))
		}
	}
	p.comparable(hidden, others, "session of two of whom one has signed")
}

func part2Records(p *probe) {
	hidden, others := 0, 0
	add := func(h, o int) { hidden, others = hidden+h, others+o }
	for _, who := range p.s.machines() {
		allowed := must(p.s.books.mayKnowPart2(p.ctx(), who))(p)
		for _, of := range p.reach(who) {
			if !slices.Contains(allowed, of.Key) {
				add(p.sessions(who, of, "a programme under Part 2", inProgramme))
			}
		}
	}
	p.comparable(hidden, others, "client whose programme is withheld from somebody")
}

func purposes(p *probe) {
	type purpose = map[string]any
	const system = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
	state := func(codes ...any) any {
		return map[string]any{"hl7-b2b": map[string]any{"version": "1", "subject_name": "x", "purpose_of_use": codes}}
	}
	for _, who := range p.s.machines() {
		for _, extensions := range map[string]any{
			"break-glass": state("urn:oid:2.16.840.1.113883.5.8#BTG"), "an emergency": state(purpose{"system": system, "code": "ETREAT"}), "treatment": state(purpose{"system": system, "code": "TREAT"}),
			"payment": state(purpose{"system": system, "code": "HPAYMT"}), "the client's request": state(purpose{"system": system, "code": "PATRQT"}), "another system": state(purpose{"system": "http://x.example", "code": "TREAT"}),
			"the root": state(purpose{"system": system, "code": "PurposeOfUse"}), "any": state("*"), "two": state(purpose{"system": system, "code": "TREAT"}, purpose{"system": system, "code": "HMARKT"}), "none": state(), "a number": state(1),
		} {
			claims := p.s.m.assertionClaims(who)
			claims["extensions"] = extensions
			p.asked.Add(1)
			g := must(p.s.m.ask(p.ctx(), must(p.s.m.assertion(who, claims))(p), who.Scopes))(p)
			if g.Access == "" {
				continue
			}
			c := &caller{p: p, partner: who, token: g.Access}
			for _, t := range p.s.clientTypes() {
				for _, of := range p.reach(who)[:min(2, len(p.reach(who)))] {
					r := get(plain(t.name, of.ID))
					p.within(c, r, c.do(r))
				}
			}
			r := get("Patient?_count=200")
			p.within(c, r, c.do(r))
		}
	}
}

func clientWrites(p *probe) {
	for _, who := range p.s.machines() {
		c := p.as(who)
		strangers := p.s.strangers(who)
		if len(strangers) == 0 {
			continue
		}
		id := strangers[0].ID
		consent := `{"resourceType":"Consent","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},"category":[{"coding":[{"system":"http://loinc.org","code":"59284-0"}]}],"patient":{"reference":"Patient/` + id + `"},"policyRule":{"coding":[{"code":"OPTIN"}]},"provision":{"type":"permit"}}`
		for _, r := range []request{{method: "POST", path: "Consent", body: consent}, {method: "PUT", path: "Consent/1", body: consent}, {method: "PUT", path: "Consent?patient=" + id, body: consent}, {method: "PATCH", path: "Consent/1", body: `[{"op":"replace","path":"/status","value":"active"}]`},
			{method: "DELETE", path: "Consent?patient=" + id}, {method: "POST", body: `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":` + consent + `,"request":{"method":"POST","url":"Consent"}}]}`},
			{method: "PUT", path: "Patient/" + id, body: `{"resourceType":"Patient","id":"` + id + `"}`}, {method: "POST", path: "Provenance", body: `{"resourceType":"Provenance"}`}, {method: "POST", path: "Consent/_search", body: consent}} {
			r.header = jsonBody
			if a := c.do(r); a.status == 201 || a.status == 204 || a.status == 200 && r.path != "" {
				p.leak("%s: %s answers %d", who.ID, r.name(), a.status)
			}
		}
		if c.get("Patient/"+id).status == 200 {
			p.leak("%s has granted itself a client", who.ID)
		}
	}
}
