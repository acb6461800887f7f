package main

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

func searchLines() []*line {
	in := func(l *line) *line { l.section = sectionSearch; return l }
	return []*line{
		in(&line{name: "include-rows", title: "rows that _include and _revinclude add are decided as any other", source: "MS fhir-server ADR-2607 #5683, AWS GHSA-vv7x, Firely v2, Aidbox",
			tries: "every _include and _revinclude of every type, wildcards, :iterate, _with, _assoc, and all next pages", run: includeRows}),
		in(&line{name: "include-is-linked", title: "nobody is included whom only a withheld record names", source: "Firely v2, Medplum #9973",
			tries: "every _include and _revinclude that the CapabilityStatement has, by GET, POST, compartment and page: each row is named by another, or names one", run: linkedIncludes}),
		in(&line{name: "revinclude-provenance", title: "_revinclude=Provenance:target brings no Provenance of what is withheld", source: "MS fhir-server ADR-2607",
			tries: "each type with its Provenances, compared with a search for Provenance, and their targets", run: revincludeProvenance}),
		in(&line{name: "include-beyond-scope", title: "no row of a type outside the token's scopes comes along", source: "AWS authz-smart GHSA-vv7x-7w4m-q72f",
			tries: "tokens for one type alone, with _include and _revinclude of others", run: includeBeyondScope}),
		in(&line{name: "page-token-is-no-proof", title: "a next link does not open for somebody else", source: "MS fhir-server ADR-2607",
			tries: "each partner's next links, of searches and operations, with every other partner's token, a narrower one, and none", run: pageTokens}),
		in(&line{name: "page-bounds", title: "pages are cut after the decision, not before", source: "MS fhir-server ADR-2607",
			tries: "pages of 1, 2, 3 and 7 of every type: each but the last is full, together they are the whole", run: pageBounds}),
		in(&line{name: "membership-by-reference", title: "an Observation's focus or another reference puts nobody into a chart", source: "MS fhir-server ADR-2607",
			tries: "every reference parameter of every type with a client who is a stranger", run: membership}),
		in(&line{name: "read-equals-search", title: "what a search withholds is withheld by every other way to the same resource", source: "MS fhir-server #2934",
			tries: "each withheld id by read, vread, history, _id, compartment, POST, Provenance:target and a batch; each released one by read and search", run: readEqualsSearch}),
		in(&line{name: "chains-and-has", title: "_has, chains, composites and _filter say nothing about what is withheld", source: "HAPI #6065, Medplum #9973, fhir-gateway",
			tries: "conditions that are true of a withheld resource, compared with conditions that are true of nothing", run: chains}),
		in(&line{name: "search-by-value", title: "searching for a withheld resource's own values finds what any made-up value finds", source: "HAPI #6065",
			tries: "date, code, type, status, author and encounter of withheld resources, with prefixes and by halving", run: searchByValue}),
		in(&line{name: "parameter-names", title: "no spelling of a parameter gets around the decision", source: "fhir-gateway",
			tries: "modifiers, percent-encoding, case, duplicates, unknown and internal names, on every type", run: parameterNames}),
		in(&line{name: "patient-path", title: "every search names its client, and a stranger is nobody in each of them", source: "fhir-gateway",
			tries: "every type by patient, subject, _id and the compartment, for strangers; searches that name nobody", run: patientPath}),
	}
}

func pageTokens(p *probe) {
	found := 0
	for _, f := range p.focuses() {
		for _, t := range []string{"Encounter", "DocumentReference", "Observation", "Patient", "$everything", "$docref"} {
			path := strings.Replace(plain(t, f.of.ID), "_count=200", "_count=1", 1)
			switch t {
			case "Patient":
				path = "Patient?_count=1"
			case "$everything":
				t, path = "Patient", "Patient/"+f.of.ID+"/$everything?_count=1"
			case "$docref":
				t, path = "DocumentReference", "DocumentReference/$docref?_count=1&patient="+f.of.ID
			}
			first, _ := p.as(f.who).get(path).bundle()
			if first.next == "" {
				continue
			}
			found++
			others := []*caller{p.nobody()}
			if c, ok := p.scoped(f.who, "system/"+t+".rs"); ok && f.who.Scopes != "system/"+t+".rs" {
				others = append(others, c)
			}
			for _, o := range p.s.everybody() {
				if o != f.who {
					others = append(others, p.as(o))
				}
			}
			for _, c := range others {
				who := "nobody"
				if c.partner != nil {
					who = c.partner.ID
				}
				b, _ := c.get(first.next).bundle()
				for _, e := range b.entries {
					if e.typ != "OperationOutcome" {
						p.leak("the next link of %s for %s opens for %s", f.who.ID, t, who)
					}
				}
			}
		}
	}
	p.need(found > 0, "no second page")
}

func pageBounds(p *probe) {
	found := 0
	for _, f := range p.focuses() {
		c := p.as(f.who)
		for _, t := range p.s.clientTypes() {
			whole := len(f.own.ofType(t.name))
			for _, count := range []int{1, 2, 3, 7} {
				if whole <= count || whole > 20*count {
					continue
				}
				found++
				pages := must(c.pages(strings.Replace(plain(t.name, f.of.ID), "_count=200", "_count="+string(rune('0'+count)), 1)))(p)
				n := 0
				for i, b := range pages {
					n += len(b.matches())
					if i < len(pages)-1 && len(b.matches()) != count || i == len(pages)-1 && len(b.matches()) == 0 {
						p.leak("%s: a page of %d %s holds %d of them", f.who.ID, count, t.name, len(b.matches()))
					}
				}
				if n != whole {
					p.leak("%s: pages of %d %s hold %d, all at once %d", f.who.ID, count, t.name, n, whole)
				}
			}
		}
	}
	p.need(found > 0, "no second page")
}

func membership(p *probe) {
	for _, who := range p.s.machines() {
		strangers := p.s.strangers(who)
		if len(strangers) == 0 {
			continue
		}
		c := p.as(who)
		var requests []request
		for i, t := range p.s.clientTypes() {
			if i%3 != 0 && t.name != "Observation" && t.name != "Encounter" {
				continue
			}
			for _, param := range []string{"focus", "subject", "recorder", "asserter", "performer", "participant", "agent", "actor", "author", "related-ref", "link", "general-practitioner"} {
				requests = append(requests, get(t.name+"?"+param+"=Patient/{ID}"), get(t.name+"?patient="+invented()+"&"+param+"=Patient/{ID}"))
			}
		}
		p.same(c, "a client who is a stranger", strangers[0].ID, slices.DeleteFunc(requests, func(r request) bool { return strings.HasPrefix(r.path, "Patient?") })...)
	}
}

// ways are all ways to one resource of a client.
func ways(typ, patient string) []request {
	one := "{ID}"
	return []request{
		get(typ + "/" + one), get(typ + "/" + one + "/_history"), get(typ + "/" + one + "/_history/1"), get(typ + "?_id=" + one), get(typ + "?_id=" + one + "&patient=" + patient),
		get(typ + "?_id=" + one + "&_total=accurate"), get(typ + "?_id=" + one + "&_summary=count"), get(typ + "?_id=" + one + "&_elements=id"), get(typ + "?_id=" + one + "&_revinclude=Provenance:target"),
		get("Patient/" + patient + "/" + typ + "?_id=" + one), get("Patient/" + patient + "/" + typ + "/" + one), get("Patient/" + patient + "/*?_id=" + one),
		form(typ+"/_search", "_id="+one), form(typ+"/_search", "patient="+patient+"&_id="+one), form(typ+"/_search?_id="+one, ""),
		get("Patient/" + patient + "/$everything?_type=" + typ + "&_id=" + one), {method: http.MethodHead, path: typ + "/" + one}, batch(typ+"/"+one, typ+"?_id="+one),
		get("Provenance?target=" + typ + "/" + one), get("Provenance?patient=" + patient + "&target=" + typ + "/" + one), get("Binary/" + one), get(typ + "/" + one + "/$everything"), get(typ + "/" + one + "/$meta"),
	}
}

func readEqualsSearch(p *probe) {
	for _, f := range p.focuses() {
		c := p.as(f.who)
		for _, h := range f.some(2) {
			p.same(c, "a withheld "+h.typ, h.id, ways(h.typ, f.of.ID)...)
			if c.get(h.ref()).status == 200 {
				p.leak("%s reads a %s that its search withholds", f.who.ID, h.typ)
			}
		}
		seen := map[string]int{}
		for ref, own := range f.own {
			if seen[own.typ]++; seen[own.typ] <= 3 && c.get(ref).status != 200 {
				p.leak("%s finds a %s that it cannot read", f.who.ID, own.typ)
			}
		}
	}
}

func chains(p *probe) {
	for _, f := range p.focuses() {
		c := p.as(f.who)
		for _, h := range f.some(1) {
			requests := []request{
				get("Patient?_id=" + f.of.ID + "&_has:" + h.typ + ":patient:_id={ID}"), get("Patient?_id=" + f.of.ID + "&_has:" + h.typ + ":subject:_id={ID}"),
				get("Patient?_has:" + h.typ + ":patient:_id={ID}"), get("Encounter?patient=" + f.of.ID + "&_has:" + h.typ + ":encounter:_id={ID}"),
				get("Provenance?patient=" + f.of.ID + "&target." + "_id={ID}"), get("Provenance?patient=" + f.of.ID + "&target:" + h.typ + "._id={ID}"), get("Provenance?patient=" + f.of.ID + "&target={ID}"),
				get("Patient?_id=" + f.of.ID + "&_has:Provenance:target:_has:" + h.typ + ":_id={ID}"), get(h.typ + "?patient=" + f.of.ID + "&_filter=_id eq {ID}"),
				get(h.typ + "?patient=" + f.of.ID + "&_content={ID}"), get(h.typ + "?patient=" + f.of.ID + "&_text={ID}"), get(h.typ + "?patient=" + f.of.ID + "&_query={ID}"),
				get(h.typ + "?patient=" + f.of.ID + "&_list={ID}"), get("DocumentReference?patient=" + f.of.ID + "&relatesto=DocumentReference/{ID}"),
			}
			for _, t := range p.s.clientTypes() {
				if t.has("encounter") && h.typ == "Encounter" {
					requests = append(requests, get(t.name+"?patient="+f.of.ID+"&encounter={ID}"), get(t.name+"?patient="+f.of.ID+"&encounter=Encounter/{ID}"), get(t.name+"?patient="+f.of.ID+"&encounter._id={ID}"), get(t.name+"?patient="+f.of.ID+"&encounter:not={ID}"))
				}
			}
			for i := range requests {
				requests[i].path = strings.ReplaceAll(requests[i].path, " ", "%20")
			}
			p.same(c, "a withheld "+h.typ, h.id, requests...)
		}
	}
}

// valuesOf are what a resource can be found by: parameter and path.
var valuesOf = map[string]string{"date": "date,period.start,effectiveDateTime,performedPeriod.start,performedDateTime", "code": "code.coding.code", "type": "type.coding.code", "status": "status",
	"authoredon": "authoredOn", "recorded-date": "recordedDate", "onset-date": "onsetDateTime", "recorded": "recorded", "description": "description", "target-date": "target.dueDate",
	"author": "author.reference", "encounter": "encounter.reference,context.encounter.reference", "agent": "agent.who.reference", "_lastUpdated": "meta.lastUpdated"}

// searchByValue asks for values of withheld resources: what comes must be resources that are visible and have the value themselves.
func searchByValue(p *probe) {
	asked := 0
	for _, f := range p.focuses() {
		c := p.as(f.who)
		for _, h := range f.some(2) {
			for _, t := range p.s.types {
				for param, paths := range valuesOf {
					if t.name != h.typ || !t.has(param) {
						continue
					}
					for path := range strings.SplitSeq(paths, ",") {
						value := h.text(path)
						if value == "" {
							continue
						}
						for _, prefix := range []string{"", "eq", "ge", "le", "gt", "lt", "sa", "eb", "ap", "ne"} {
							if prefix != "" && !strings.Contains(param, "date") && param != "authoredon" && param != "recorded" {
								continue
							}
							asked++
							r := get(t.name + "?_count=200&_total=accurate&patient=" + f.of.ID + "&" + param + "=" + prefix + url.QueryEscape(value))
							a := c.do(r)
							p.within(c, r, a)
							if b, ok := a.bundle(); ok && b.total != nil && *b.total != len(b.matches()) {
								p.leak("%s: %s counts %d and gives %d", f.who.ID, r.name(), *b.total, len(b.matches()))
							}
						}
					}
				}
			}
		}
	}
	p.need(asked > 0, "no value of a withheld resource")
}

func parameterNames(p *probe) {
	for _, f := range p.focuses() {
		c := p.as(f.who)
		for _, t := range p.s.clientTypes() {
			base := plain(t.name, f.of.ID)
			for _, q := range []string{"_ID=x", "PATIENT=x", "%70atient=" + f.of.ID, "patient:Patient=" + f.of.ID, "patient:identifier=x", "patient:missing=true", "patient:not=x", "_id:not=x", "_id:missing=false",
				"_security=PSYTHPN", "_security:not=R", "_tag=x", "_profile=x", "_source=x", "_contained=both", "_containedType=contained", "_type=DocumentReference,Observation", "_list=$all", "_elements=*", "_summary=false",
				"_summary=data", "_maxresults=999", "_offset=1", "_skip=1", "offset=0", "page=2", "_getpages=x", "_getpagesoffset=0", "_page=x", "ct=x", "_cursor=x", "_after=x", "_pretty=true", "_format=json", "_deleted=true",
				"_includeDeleted=true", "_withheld=true", "_filter=true", "_where=1=1", "_sql=1", "_scope=all", "_bypass=true", "_consent=off", "purpose=TREAT", "_purpose=BTG", "_cache=no", "_meta=true", "_debug=1", "_explain=analyze",
				"status=' OR 1=1 --", "_sort=_security", "_sort=-subject.name", "_count=-1", "_count=99999999", "_total=estimate", "_has:Provenance:target:_id=x", "_id=*", "_id=" + strings.Repeat("a,", 50) + "a"} {
				r := get(base + "&" + strings.ReplaceAll(strings.ReplaceAll(q, " ", "%20"), "'", "%27"))
				p.within(c, r, c.do(r))
			}
		}
	}
}

func patientPath(p *probe) {
	tried := 0
	for _, who := range p.s.machines() {
		c := p.as(who)
		for i, stranger := range p.s.strangers(who) {
			if i == 2 {
				break
			}
			tried++
			var requests []request
			for _, t := range p.s.clientTypes() {
				requests = append(requests, get(t.name+"?_id={ID}"), get(t.name+"/{ID}"))
				if t.name != "Patient" { // a Patient is not searched by patient: without a name of one it is the partner's reach
					requests = append(requests, get(t.name+"?patient={ID}"), get(t.name+"?patient=Patient/{ID}&_count=1&_revinclude=Provenance:target"), get(t.name+"?subject=Patient/{ID}"), get("Patient/{ID}/"+t.name))
				}
			}
			p.same(c, "a client who is a stranger", stranger.ID, requests...)
		}
		for _, t := range p.s.clientTypes() {
			if t.name == "Patient" {
				continue
			}
			for _, q := range []string{"", "?_count=200", "?_lastUpdated=gt2000", "?patient=", "?patient=,", "?patient=*", "?subject=", "?_id=", "?patient:missing=false", "?status=active,final,current,completed"} {
				r := get(t.name + q)
				p.within(c, r, c.do(r))
			}
		}
	}
	p.need(tried > 0, "no stranger")
}
