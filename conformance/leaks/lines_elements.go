package main

import "slices"

// adds gives a member that the projected resource has and the plain one has not.
func adds(plain, projected any, name string) string {
	switch x := projected.(type) {
	case map[string]any:
		whole, ok := plain.(map[string]any)
		if !ok {
			return name
		}
		for n, v := range x {
			if n == "tag" || n == "meta" && whole["meta"] == nil { // SUBSETTED
				continue
			}
			inner, ok := whole[n]
			if !ok {
				return name + "." + n
			}
			if found := adds(inner, v, name+"."+n); found != "" {
				return found
			}
		}
	case []any:
		whole, ok := plain.([]any)
		if !ok || len(x) > len(whole) {
			return name
		}
		for i := range x {
			if found := adds(whole[i], x[i], name); found != "" {
				return found
			}
		}
	default:
		if plain != projected {
			return name
		}
	}
	return ""
}

func projections(p *probe) {
	queries := []string{"_elements=id", "_elements=identifier,contact,telecom,note,text,photo", "_elements=subject,encounter,author,context,relatesTo", "_elements=content,description,extension,meta", "_summary=true", "_summary=text", "_summary=data", "_summary=false"}
	for _, f := range p.focuses() {
		c := p.as(f.who)
		for _, t := range p.s.clientTypes() {
			for _, q := range queries {
				url := plain(t.name, f.of.ID) + "&" + q
				batch := request{method: "POST", header: jsonBody, body: `{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"` + url + `"}}]}`}
				for _, r := range []request{get(url), batch} {
					a := c.do(r)
					p.within(c, r, a)
					tree, _ := a.resource()
					eachResource(any(tree.tree), func(x resource) {
						if whole, ok := f.own[x.ref()]; ok {
							if found := adds(whole.tree, x.tree, x.typ); found != "" {
								p.leak("%s: %s brings %s, which the plain answer has not", f.who.ID, q, found)
							}
						}
					})
				}
			}
		}
	}
}

// labelsStay compares the security labels of whatever is cut with those of the whole.
func labelsStay(p *probe) {
	cut := 0
	for _, f := range p.focuses() {
		c := p.as(f.who)
		for _, t := range p.s.clientTypes() {
			own := f.own.ofType(t.name)
			if len(own) == 0 {
				continue
			}
			for _, q := range []string{"_elements=id", "_summary=true", "_summary=text"} {
				one := own[0].ref() + "?" + q
				for _, r := range []request{get(plain(t.name, f.of.ID) + "&" + q), get(one), batch(plain(t.name, f.of.ID)+"&"+q, one), form(t.name+"/_search?"+q, "_id="+own[0].id), get("Patient/" + f.of.ID + "/$everything?_type=" + t.name + "&" + q)} {
					tree, _ := c.do(r).resource()
					eachResource(any(tree.tree), func(x resource) {
						whole, ok := f.own[x.ref()]
						if !ok {
							return
						}
						cut++
						if !slices.Equal(whole.texts("meta.security.code"), x.texts("meta.security.code")) {
							p.leak("%s gets a %s with other security labels than it has, by %s", f.who.ID, x.typ, r.name())
						}
					})
				}
			}
		}
	}
	p.need(cut > 0, "nothing that can be cut")
}
