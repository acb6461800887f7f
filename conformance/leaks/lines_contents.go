package main

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

func contentLines() []*line {
	in := func(l *line) *line { l.section = sectionContents; return l }
	return []*line{
		in(&line{name: "references", title: "no reference leads to what is withheld, and none leads nowhere", source: "HAPI #5952, CMS BFD #796",
			tries: "every literal reference of every chart, read by the one who got it; logical references and displays without one", run: references}),
		in(&line{name: "provenance-contents", title: "a Provenance names nothing that is withheld", source: "own",
			tries: "targets, entities, agents and signatures of every Provenance", run: provenances}),
		in(&line{name: "id-guessing", title: "no id can be guessed, built or carried over", source: "OpenEMR CVE-2026-27943/-25744 (IDOR)",
			tries: "the practice's own keys, neighbours, changed characters, other types' ids, case, padding and known widths", run: idGuessing}),
		in(&line{name: "row-numbers", title: "no key or row number of the practice's database is told", source: "own (gaps in numbers tell what is withheld)",
			tries: "ids, identifiers, versionIds and extensions of every chart", run: rowNumbers}),
		in(&line{name: "other-peoples-names", title: "nobody else's name, number or contact stands in a client's records", source: "HAPI #5275 (shared Group)",
			tries: "numbers, phones and addresses of every stranger in every text of every chart", run: otherPeople}),
		in(&line{name: "directory", title: "the directory is the practice's own staff and sites; others appear only where something visible names them", source: "design: rule 22",
			tries: "all Practitioners and Organizations, by search, by id and by _revinclude and _has", run: directory}),
		in(&line{name: "capability-statement", title: "what is public names no client, partner or count", source: "HAPI /metadata",
			tries: "metadata and the SMART configuration, with and without a token", run: capabilities}),
	}
}

func references(p *probe) {
	found := 0
	for _, f := range p.focuses() {
		c := p.as(f.who)
		checked := map[string]bool{}
		for _, r := range f.own {
			for _, ref := range r.references() {
				found++
				if _, ok := f.own[ref]; ok || checked[ref] {
					continue
				}
				checked[ref] = true
				if a := c.get(strings.TrimPrefix(ref, p.s.m.FHIRBase+"/")); a.status != 200 {
					p.leak("%s gets a %s that points at a %s which it cannot read (%d)", f.who.ID, r.typ, strings.SplitN(ref, "/", 2)[0], a.status)
				}
			}
			logical(p, f.who, r)
		}
	}
	p.need(found > 0, "no reference")
}

// logical reports references that name somebody or something without a literal reference.
func logical(p *probe, who *partner, r resource) {
	for _, path := range []string{"encounter", "context.encounter", "context.related", "entity.what", "relatesTo.target", "partOf", "basedOn", "reasonReference", "evidence.detail"} {
		for _, v := range at(r.tree, path) {
			if x, ok := v.(map[string]any); ok && x["reference"] == nil {
				p.leak("%s gets a %s whose %s has no reference, and still says something", who.ID, r.typ, path)
			}
		}
	}
}

func provenances(p *probe) {
	found := 0
	for _, who := range p.s.machines() {
		mine := p.licensed(who)
		for _, r := range mine.ofType("Provenance") {
			found++
			targets := r.texts("target.reference")
			if len(targets) == 0 {
				p.leak("%s gets a Provenance of nothing", who.ID)
			}
			for _, ref := range append(targets, r.texts("entity.what.reference")...) {
				if _, ok := mine[ref]; !ok {
					p.leak("%s gets a Provenance of a %s that it does not get", who.ID, strings.SplitN(ref, "/", 2)[0])
				}
			}
			if len(at(r.tree, "entity.what.identifier"))+len(at(r.tree, "target.identifier"))+len(at(r.tree, "entity.what.display")) > 0 {
				p.leak("%s gets a Provenance that identifies its sources", who.ID)
			}
		}
	}
	p.need(found > 0, "no Provenance")
}

func idGuessing(p *probe) {
	for _, f := range p.focuses() {
		c := p.as(f.who)
		want := map[string]*answer{}
		keys := must(column[string](p.ctx(), p.s.books.db, "SELECT CAST(id AS TEXT) FROM clients UNION SELECT id || '-' || client_id FROM notes WHERE client_id=? UNION SELECT session_id || '-' || client_id FROM session_participants WHERE client_id=?", f.of.Key, f.of.Key))(p)
		guesses := keys[:min(40, len(keys))]
		for _, h := range f.some(1) {
			guesses = append(guesses, h.id[:63], h.id+"a", strings.ToUpper(h.id), " "+h.id, h.id[:32]+f.of.ID[32:], f.of.ID[:32]+h.id[32:], flip(h.id, 3), flip(h.id, 40), flip(h.id, 63))
		}
		for _, r := range f.own {
			guesses = append(guesses, r.id) // of another type than the ones below, mostly
			if len(guesses) > 100 {
				break
			}
		}
		for _, id := range guesses {
			for _, t := range []string{"DocumentReference", "Encounter", "Patient", "Consent"} {
				ref := t + "/" + strings.ReplaceAll(id, " ", "%20")
				if _, own := f.own[ref]; own {
					continue
				}
				if want[t] == nil {
					want[t] = c.get(t + "/" + invented()).masked("")
				}
				if d := difference(want[t], c.get(ref).masked("")); d != "" {
					p.leak("%s: a guessed id of %s is not answered as one that never was: %s differs", f.who.ID, t, d)
				}
			}
		}
	}
}

// flip changes one character of an id.
func flip(id string, i int) string {
	c := "a"
	if id[i:i+1] == c {
		c = "b"
	}
	return id[:i] + c + id[i+1:]
}

var rowNumber = regexp.MustCompile(`^\d{1,7}(-\d{1,7})?$`)

func rowNumbers(p *probe) {
	for _, who := range p.s.machines() {
		for _, r := range p.licensed(who) {
			if !sealedID.MatchString(r.id) {
				p.leak("%s gets a %s whose id is not sealed", who.ID, r.typ)
			}
			for _, path := range []string{"meta.versionId", "identifier.value", "masterIdentifier.value", "meta.source", "extension.valueString", "extension.valueInteger"} {
				for _, v := range r.texts(path) {
					if rowNumber.MatchString(v) || strings.Contains(path, "meta.") && strings.ContainsAny(v, "#") {
						p.leak("%s gets a %s with a row number, in %s", who.ID, r.typ, path)
					}
				}
			}
		}
	}
}

func otherPeople(p *probe) {
	for _, who := range p.s.machines() {
		var theirs []string
		for _, stranger := range p.s.strangers(who) {
			x := must(p.s.books.person(p.ctx(), stranger.Key))(p)
			for _, v := range []string{x.mrn, x.phone, x.email, stranger.ID} {
				if len(v) > 6 {
					theirs = append(theirs, v)
				}
			}
		}
		for _, r := range p.licensed(who) {
			text, _ := json.Marshal(r.tree)
			for _, v := range theirs {
				if strings.Contains(string(text), v) {
					p.leak("%s gets a %s with a detail of a client who is a stranger", who.ID, r.typ)
				}
			}
		}
	}
}

func directory(p *probe) {
	outside := must(column[string](p.ctx(), p.s.books.db, "SELECT npi FROM outside_people WHERE npi IS NOT NULL UNION SELECT npi FROM organizations WHERE npi IS NOT NULL UNION SELECT naic FROM organizations WHERE naic IS NOT NULL UNION SELECT ein FROM organizations WHERE ein IS NOT NULL"))(p)
	for _, who := range p.s.machines() {
		c := p.as(who)
		named := map[string]bool{}
		for _, r := range p.licensed(who) {
			for _, ref := range r.references() {
				named[ref] = true
			}
		}
		for _, t := range []string{"Practitioner", "Organization"} {
			pages := must(c.pages(t + "?_count=200"))(p)
			for _, b := range pages {
				for _, e := range b.entries {
					for _, v := range e.texts("identifier.value") {
						if slices.Contains(outside, v) && !named[e.ref()] {
							p.leak("%s finds a %s of other people's, which nothing that it sees names", who.ID, t)
						}
					}
				}
			}
			for _, q := range []string{"_revinclude=Provenance:agent", "_revinclude=Encounter:participant", "_has:Encounter:participant:status=finished", "_has:DocumentReference:author:patient=" + p.s.m.Clients[0].ID, "_revinclude=*", "_include=*"} {
				r := get(t + "?_count=200&" + q)
				a := c.do(r)
				p.within(c, r, a)
				plainly, _ := c.get(t + "?_count=200").bundle()
				if b, ok := a.bundle(); ok && strings.HasPrefix(q, "_has") && len(b.matches()) < len(plainly.matches()) {
					p.leak("%s learns by %s who treats whom", who.ID, r.name())
				}
			}
		}
		for _, v := range outside {
			for _, t := range []string{"Practitioner", "Organization"} {
				b, _ := c.get(t + "?identifier=" + v).bundle()
				for _, e := range b.entries {
					if e.typ == t && !named[e.ref()] {
						p.leak("%s finds a %s of other people's by number", who.ID, t)
					}
				}
			}
		}
	}
}

func capabilities(p *probe) {
	f := p.focuses()[0]
	for _, path := range []string{"metadata", ".well-known/smart-configuration", "metadata?mode=full", "metadata?mode=terminology", "$versions"} {
		alone := p.nobody().get(path)
		known := p.as(f.who).get(path)
		if d := difference(alone.masked(""), known.masked("")); d != "" {
			p.leak("%s says other things to a partner: %s differs", path, d)
		}
		for _, secret := range append(partnerNames(p), f.of.ID, f.of.Key) {
			if len(secret) > 5 && strings.Contains(string(alone.body), secret) {
				p.leak("%s names a client or partner", path)
			}
		}
	}
}

func partnerNames(p *probe) []string {
	var out []string
	for _, x := range p.s.m.Partners {
		out = append(out, x.ID)
	}
	return out
}
