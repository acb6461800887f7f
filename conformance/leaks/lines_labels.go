package main

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
)

func labelLines() []*line {
	in := func(l *line) *line { l.section = sectionLabels; return l }
	return []*line{
		in(&line{name: "psychotherapy-text", title: "no text of a psychotherapy note, and of no note that is not ready, is in any answer, however wrapped", source: "45 CFR 164.508(a)(2), HAPI #5952",
			tries: "all charts, directories and broken requests of every partner, and whatever the other lines heard: as it is, in base64, hex, percent, escapes, gzip, in bodies and headers", run: psychotherapyText}),
		in(&line{name: "psychotherapy-labels", title: "nothing that is labeled as a psychotherapy or SUD counseling note is there at all", source: "CMS BFD #2130",
			tries: "labels, types, categories and titles of every resource of every chart; searches for the labels", run: psychotherapyLabels}),
		in(&line{name: "sensitive-codes", title: "a withheld programme's codes stand in no element of any type", source: "CMS BFD #2130/#2444/#2778/#404",
			tries: "every text of every chart for the codes that only a Part 2 programme has recorded", run: sensitiveCodes}),
		in(&line{name: "titles-and-file-names", title: "no title or file name of the practice's is copied", source: "LEAP/ASU labelers (only coding)",
			tries: "every text of every chart against the titles and file names in the practice's database", run: titles}),
		in(&line{name: "linked-withheld-together", title: "what hangs on a withheld record is withheld with it", source: "CMS BFD #796",
			tries: "everything that points at a withheld resource, by every reference parameter; every Provenance's targets", run: linkedTogether}),
		in(&line{name: "no-label-no-release", title: "what carries no confidentiality label is not there", source: "ASU 156b23f, b.well (unclassified)",
			tries: "meta.security of every resource of every chart", run: labeled}),
		in(&line{name: "classification-is-not-the-clients", title: "no header or parameter changes how something is classified", source: "b.well X-Suppress-Unclassified-Tag, 2118ad1c0",
			tries: "tag, label and consent headers and parameters on every type", run: classification}),
	}
}

func psychotherapyText(p *probe) {
	for _, who := range p.s.machines() {
		c := p.as(who)
		p.licensed(who)
		patient := p.s.m.Clients[0].ID
		for _, r := range brokenRequests(patient) {
			c.do(r)
		}
		for _, t := range p.s.types {
			c.get(t.name + "?_count=200")
			c.get(t.name + "/" + invented())
		}
		for _, of := range p.s.m.Clients {
			c.get("DocumentReference?_count=200&_revinclude=Provenance:target&patient=" + of.ID)
		}
	}
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	for _, where := range p.s.spilled {
		p.leak("a text that must never leave went to %s", where)
	}
}

// never are codes of notes that no Consent releases.
var never = []string{"PSYTHPN", "HIPAAPsyNotes", "SUDCN", "psychotherapy-note", "sud-counseling-note", "psychotherapy_stub", "phone_message", "supervision"}

func psychotherapyLabels(p *probe) {
	for _, who := range p.s.machines() {
		for _, r := range p.licensed(who) {
			eachString(r.tree, "", func(name, text string) {
				if slices.Contains([]string{"code", "title", "description"}, name) && slices.Contains(never, text) {
					p.leak("%s gets a %s with the code %s", who.ID, r.typ, text)
				}
			})
		}
		c := p.as(who)
		for _, of := range p.reach(who)[:min(2, len(p.reach(who)))] {
			for _, code := range never {
				for _, q := range []string{"_security=", "security-label=", "type=", "category=", "_tag="} {
					r := get("DocumentReference?_count=200&patient=" + of.ID + "&" + q + code)
					p.within(c, r, c.do(r))
				}
			}
		}
	}
}

func sensitiveCodes(p *probe) {
	material := 0
	for _, who := range p.s.machines() {
		allowed := must(p.s.books.mayKnowPart2(p.ctx(), who))(p)
		for _, of := range p.reach(who) {
			codes := must(p.s.books.part2Codes(p.ctx(), of.Key))(p)
			if len(codes) == 0 || slices.Contains(allowed, of.Key) {
				continue
			}
			material++
			for _, r := range p.chart(who, of) {
				eachString(r.tree, "", func(name, text string) {
					if name == "data" {
						decoded, _ := base64.StdEncoding.DecodeString(text)
						text = string(decoded)
					}
					for _, code := range codes {
						if text == code || strings.Contains(text, "("+code+")") || strings.Contains(text, "|"+code) {
							p.leak("%s gets a %s with a code of a withheld programme, in %s", who.ID, r.typ, name)
						}
					}
				})
			}
		}
	}
	p.need(material > 0, "no client whose programme is withheld from somebody")
}

func titles(p *probe) {
	p.need(len(p.s.books.names) > 0, "no file name")
	for _, who := range p.s.machines() {
		for _, r := range p.licensed(who) {
			text, _ := json.Marshal(r.tree)
			for _, name := range p.s.books.names {
				if len(name) > 6 && strings.Contains(string(text), name) {
					p.leak("%s gets a %s with a title or file name of the practice's", who.ID, r.typ)
				}
			}
		}
	}
}

func linkedTogether(p *probe) {
	for _, f := range p.focuses() {
		c := p.as(f.who)
		for _, h := range f.some(3) {
			var requests []request
			for _, t := range p.s.clientTypes() {
				for _, param := range []string{"encounter", "target", "author", "agent", "related", "data", "source-reference", "location"} {
					if t.has(param) {
						requests = append(requests, get(t.name+"?patient="+f.of.ID+"&"+param+"="+h.typ+"/{ID}&_total=accurate"))
					}
				}
			}
			p.same(c, "a withheld "+h.typ, h.id, requests...)
		}
		gone := map[string]bool{}
		for _, h := range f.hidden {
			gone[h.ref()] = true
		}
		for _, r := range f.own {
			for _, ref := range r.references() {
				if gone[ref] {
					p.leak("%s gets a %s that points at a withheld %s", f.who.ID, r.typ, strings.SplitN(ref, "/", 2)[0])
				}
			}
		}
	}
}

func labeled(p *probe) {
	const system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
	for _, who := range p.s.machines() {
		for _, r := range p.licensed(who) {
			if !slices.Contains(r.texts("meta.security.system"), system) {
				p.leak("%s gets a %s without a confidentiality label", who.ID, r.typ)
			}
		}
	}
}

func classification(p *probe) {
	for _, f := range p.focuses() {
		c := p.as(f.who)
		for _, t := range p.s.clientTypes() {
			for _, x := range [][2]string{{"X-Suppress-Unclassified-Tag", "true"}, {"X-Security-Label", "N"}, {"X-Confidentiality", "U"}, {"X-Consent-Scope", "full"}, {"X-Data-Segmentation", "off"}, {"X-Sensitivity", "none"}, {"Category", "N"}, {"Meta-Security", "N"}, {"Slug", "N"}} {
				r := get(plain(t.name, f.of.ID)).with(x[0], x[1])
				p.within(c, r, c.do(r))
			}
			for _, q := range []string{"_security=N", "_security:not=R", "_security:below=V", "_tag=unclassified", "suppressUnclassified=true", "_storage=clickhouse", "_useHistory=1", "_enrich=false", "_label=N", "confidentiality=N"} {
				r := get(plain(t.name, f.of.ID) + "&" + q)
				p.within(c, r, c.do(r))
			}
		}
	}
}
