package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/search"
)

// including is a search of everything of a type, mostly of one of which something is released, with what goes with it.
func (x *asking) including() inquiry {
	r := search.Resources()[x.rng.IntN(len(search.Resources()))]
	if shown := slices.Sorted(maps.Keys(x.types())); len(shown) > 0 && x.clinic.chance(80) {
		known, _ := search.Lookup(shown[x.rng.IntN(len(shown))])
		r = *known
	}
	q := url.Values{}
	if !r.Open || r.Type == "Patient" && x.clinic.chance(50) {
		q.Set(map[bool]string{true: "_id", false: "patient"}[r.Type == "Patient"], x.patient(nonintClient).ID)
	}
	kind := "search of " + r.Type
	for range 1 + x.rng.IntN(3) {
		kind += x.include(r.Type, q)
	}
	if x.clinic.chance(20) {
		kind += x.subset(r.Type, q)
	}
	return inquiry{method: "GET", target: r.Type + "?" + q.Encode(), kind: kind}
}

// shape adds to a search what shapes its answer, and says so.
func (x *asking) shape(resourceType string, q url.Values) string {
	if x.clinic.chance(50) {
		return x.subset(resourceType, q)
	}
	return x.include(resourceType, q)
}

// include adds an inclusion: forwards or backwards, one reference or all, once or on and on.
func (x *asking) include(resourceType string, q url.Values) string {
	type way struct{ name, value string }
	ways := []way{{"_include", "*"}, {"_include:iterate", "*"}, {"_include", resourceType + ":*"}}
	if !isOwnStaff(resourceType) {
		ways = append(ways, way{"_revinclude", "*"}, way{"_revinclude:iterate", "*"})
	}
	for _, r := range search.Resources() {
		for _, p := range r.Parameters {
			if p.Kind != search.Reference {
				continue
			}
			value := r.Type + ":" + p.Name
			if r.Type == resourceType {
				ways = append(ways, way{"_include", value}, way{"_include", value + ":" + pick(x.clinic, p.Targets...)})
			}
			if slices.Contains(p.Targets, resourceType) && (!isOwnStaff(resourceType) || x.clinic.chance(10)) {
				ways = append(ways, way{"_revinclude", value}, way{"_revinclude", value + ":" + resourceType})
			}
			if !isOwnStaff(resourceType) && x.clinic.chance(20) {
				ways = append(ways, way{"_include:iterate", value}, way{"_revinclude:iterate", value})
			}
		}
	}
	w := pick(x.clinic, ways...)
	q.Add(w.name, w.value)
	return " with " + w.name + "=" + w.value
}

// isOwnStaff tells whether the type is one of the directory, from which nothing may be asked backwards.
func isOwnStaff(resourceType string) bool {
	return search.InDirectory(resourceType)
}

// subset asks for a part of what matches.
func (x *asking) subset(resourceType string, q url.Values) string {
	if x.clinic.chance(40) {
		value := pick(x.clinic, "true", "text", "data", "count", "false")
		q.Set("_summary", value)
		return " in summary " + value
	}
	elements := fhirjson.ShapeNamed(resourceType).Elements
	var names []string
	for range 1 + x.rng.IntN(3) {
		e := elements[x.rng.IntN(len(elements))]
		names = append(names, pick(x.clinic, e.Name, e.Key))
	}
	q.Set("_elements", strings.Join(names, ","))
	return " of some elements"
}

// includesOfEverything makes a proxy that decides about matches and not about what one parameter adds to them.
func includesOfEverything(parameter string) func(*house, http.Handler, http.Handler) http.Handler {
	return func(_ *house, real, whole http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			again := reread(r)
			right := answered(real, again())
			if !r.URL.Query().Has(parameter) || r.Method != http.MethodGet || right.Code != http.StatusOK {
				copyAnswer(w, right, right.Body.Bytes())
				return
			}
			all := answered(whole, again())
			var x, y map[string]json.RawMessage
			if all.Code != http.StatusOK || json.Unmarshal(right.Body.Bytes(), &x) != nil || json.Unmarshal(all.Body.Bytes(), &y) != nil {
				copyAnswer(w, right, right.Body.Bytes())
				return
			}
			x["entry"] = adding(x["entry"], y["entry"])
			body, err := json.Marshal(x)
			if err != nil {
				panic(err)
			}
			right.Header().Set("Content-Length", strconv.Itoa(len(body)))
			right.Header().Del("ETag")
			right.Header().Del("Last-Modified")
			right.Header().Del("Redisclosure-Notice")
			copyAnswer(w, right, body)
		})
	}
}

// adding gives entries with what others include besides.
func adding(entries, others json.RawMessage) json.RawMessage {
	type entry struct {
		FullURL string `json:"fullUrl"`
		Search  struct{ Mode string }
	}
	var mine, theirs []json.RawMessage
	if len(entries) > 0 && json.Unmarshal(entries, &mine) != nil || len(others) > 0 && json.Unmarshal(others, &theirs) != nil {
		panic("no entries")
	}
	read := func(text json.RawMessage) (e entry) {
		if json.Unmarshal(text, &e) != nil {
			panic("no entry")
		}
		return e
	}
	there := map[string]bool{}
	for _, m := range mine {
		there[read(m).FullURL] = true
	}
	for _, o := range theirs {
		if e := read(o); e.Search.Mode == "include" && !there[e.FullURL] {
			mine = append(mine, o)
		}
	}
	text, err := json.Marshal(mine)
	if err != nil {
		panic(err)
	}
	return text
}
