package conformance

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/demo"
)

// searches are those of one type, as searches.yaml has them.
type searches struct {
	Shall, Should  [][]string
	Values         map[string]map[string]string // parameter: how its values are read, from which path
	Empty, Missing map[string]string
}

// strictly asks that a parameter which is not known be refused.
var strictly = http.Header{"Prefer": {"handling=strict"}}

// searchValue is what a resource has for a parameter: how it is asked for, and what it is compared by.
type searchValue struct {
	ask  string
	kind string
	path string
}

// TestTheSearchesOfUSCoreFindWhatIsThere asks each search of US Core by GET and POST, with the values of resources of three charts or of the
// directory, and compares what is found with what this test finds itself in all that the caller gets of them.
func TestTheSearchesOfUSCoreFindWhatIsThere(t *testing.T) {
	var table map[string]searches
	readTestdata(t, "searches.yaml", &table)
	c := sharedClinic(t)
	served := map[string]bool{}
	for _, r := range readCapability(t, c.base).Rest[0].Resource {
		served[r.Type] = true
	}
	for _, typ := range slices.Sorted(maps.Keys(table)) {
		if !served[typ] {
			t.Errorf("%s is not served", typ)
		}
		s := &searcher{searches: table[typ], typ: typ}
		s.gather(t, c)
		for _, names := range slices.Concat(s.Shall, s.Should) {
			s.try(t, names)
		}
	}
}

// searcher asks the searches of one type.
type searcher struct {
	searches
	typ   string
	pools []pool
}

// pool is what a caller gets of one client, or of the directory.
type pool struct {
	*caller
	client string
	all    []resource
}

// gather takes a partner, and beside it the clients themselves, who see what no partner does.
func (s *searcher) gather(t *testing.T, c *clinic) {
	t.Helper()
	partner := c.as(t, newDawn)
	if slices.Contains([]string{"Organization", "Patient", "Practitioner"}, s.typ) {
		all, _ := partner.all(t, s.typ+"?_count=200")
		s.pools = []pool{{caller: partner, all: all}}
		return
	}
	for _, k := range c.practice.Clients {
		id := c.id(t, k)
		for _, ask := range []*caller{partner, c.person(t, id, "Patient/"+id)} {
			if all, _ := ask.all(t, s.typ+"?_count=200&patient="+id); len(all) > 0 {
				s.pools = append(s.pools, pool{caller: ask, client: id, all: all})
			}
		}
	}
	slices.SortStableFunc(s.pools, func(a, b pool) int { return cmp.Compare(len(b.all), len(a.all)) })
	if len(s.pools) == 0 {
		t.Fatalf("nobody has a %s", s.typ)
	}
}

// try asks for one combination of parameters.
func (s *searcher) try(t *testing.T, names []string) {
	t.Helper()
	label := s.typ + "?" + strings.Join(names, "&")
	for _, n := range names {
		if why := s.Missing[n]; why != "" {
			if r, ok := readCapabilityParam(t, s.pools[0].caller, s.typ, n); ok {
				t.Errorf("%s is listed as missing, and %v has it", label, r)
			}
			return
		}
	}
	asked := 0
	for _, p := range s.pools {
		if asked == 3 {
			break
		}
		if values := s.choose(p.all, names); values != nil {
			asked++
			for _, prefix := range prefixesFor(values) {
				s.ask(t, label, p, names, values, prefix)
			}
		}
	}
	excused := slices.ContainsFunc(names, func(n string) bool { return s.Empty[n] != "" })
	if asked == 0 && !excused || asked > 0 && excused {
		t.Errorf("%s was asked with the values of %d charts; listed as empty: %v", label, asked, excused)
	}
	if excused {
		s.askForNothing(t, label, names)
	}
}

// prefixesFor gives the comparators that US Core asks for of dates, and none for others.
func prefixesFor(values map[string]searchValue) []string {
	for _, v := range values {
		if v.kind == "date" {
			return []string{"", "ge", "gt", "le", "lt"}
		}
	}
	return []string{""}
}

// choose takes the values of the resource in the middle of those that have them all.
func (s *searcher) choose(all []resource, names []string) map[string]searchValue {
	var having []map[string]searchValue
	for _, r := range all {
		values := map[string]searchValue{}
		for _, n := range names {
			if n == "patient" {
				continue
			}
			for kind, path := range s.Values[n] {
				if list := askable(r, kind, path); len(list) > 0 {
					values[n] = searchValue{ask: list[0], kind: kind, path: path}
				}
			}
		}
		if len(values) == len(names) || len(values) == len(names)-1 && slices.Contains(names, "patient") {
			having = append(having, values)
		}
	}
	if len(having) == 0 {
		return nil
	}
	return having[len(having)/2]
}

// escaped writes a text as one value (FHIR R4 3.1.1.4.1): the name of a site may have a comma.
var escaped = strings.NewReplacer(`\`, `\\`, ",", `\,`, "$", `\$`, "|", `\|`)

func (s *searcher) ask(t *testing.T, label string, p pool, names []string, values map[string]searchValue, prefix string) {
	t.Helper()
	form := url.Values{"_count": {"200"}}
	for _, n := range names {
		if n == "patient" {
			form.Set(n, p.client)
			continue
		}
		if v := values[n]; v.kind == "date" {
			form.Set(n, prefix+v.ask)
		} else if v.kind == "string" {
			form.Set(n, escaped.Replace(v.ask))
		} else {
			form.Set(n, v.ask)
		}
	}
	if s.typ == "RelatedPerson" || p.client != "" && slices.Equal(names, []string{"_id"}) {
		form.Set("patient", p.client)
	}
	var want []resource
	for _, r := range p.all {
		if s.matches(r, values, prefix) {
			want = append(want, r)
		}
	}
	if len(want) == 0 && (prefix == "ge" || prefix == "le") {
		t.Errorf("%s: the test finds nothing itself", label)
	}
	got := p.do(t, http.MethodGet, s.typ+"?"+form.Encode(), nil, strictly).bundle(t)
	if diff := gocmp.Diff(refs(want), refs(got.Matches)); diff != "" {
		t.Errorf("%s, %q (-want +got)\n%s", label, prefix, diff)
	}
	if posted := p.post(t, s.typ+"/_search", form).bundle(t); !slices.Equal(refs(posted.Matches), refs(got.Matches)) {
		t.Errorf("%s, %q: by POST it finds others", label, prefix)
	}
}

// askForNothing asks with values that nothing has.
func (s *searcher) askForNothing(t *testing.T, label string, names []string) {
	t.Helper()
	form := url.Values{}
	for _, n := range names {
		for kind := range s.Values[n] {
			form.Set(n, map[string]string{"date": "1800-01-01", "reference": "Location/" + stranger()}[kind])
			if form.Get(n) == "" {
				form.Set(n, "nothing")
			}
		}
		if n == "patient" {
			form.Set(n, s.pools[0].client)
		}
	}
	if got := s.pools[0].do(t, http.MethodGet, s.typ+"?"+form.Encode(), nil, strictly).bundle(t); len(got.Matches) > 0 {
		t.Errorf("%s: %d matches for values that nothing has", label, len(got.Matches))
	}
}

// matches tells whether a resource has all the values.
func (s *searcher) matches(r resource, values map[string]searchValue, prefix string) bool {
	for _, v := range values {
		var ok bool
		switch v.kind {
		case "date":
			ok = slices.ContainsFunc(days(r, v.path), func(d span) bool { return d.meets(prefix, v.ask) })
		case "string":
			ok = slices.ContainsFunc(askable(r, v.kind, v.path), func(text string) bool {
				return strings.HasPrefix(strings.ToLower(text), strings.ToLower(v.ask))
			})
		default:
			ok = slices.Contains(askable(r, v.kind, v.path), v.ask)
		}
		if !ok {
			return false
		}
	}
	return true
}

// askable are the values of a resource as a query says them.
func askable(r resource, kind, path string) []string {
	switch kind {
	case "id":
		return []string{r.ID}
	case "token":
		if codes := texts(r.Tree, path); len(codes) > 0 {
			return codes // a code by itself
		}
		return codedAs(at(r.Tree, path+".coding"), "code")
	case "coding":
		return codedAs(at(r.Tree, path), "code")
	case "identifier":
		return codedAs(at(r.Tree, path), "value")
	case "reference":
		return texts(r.Tree, path+".reference")
	case "string":
		var out []string
		for p := range strings.FieldsSeq(path) {
			out = append(out, leaves(at(r.Tree, p))...)
		}
		return out
	case "date":
		var out []string
		for _, d := range days(r, path) {
			out = append(out, cmp.Or(d.first, d.last))
		}
		return out
	}
	return nil
}

func codedAs(list []any, member string) (out []string) {
	for _, v := range list {
		if code := strings.Join(texts(v, member), ""); code != "" {
			out = append(out, strings.Join(texts(v, "system"), "")+"|"+code)
		}
	}
	return out
}

// leaves are the texts below, but for codes that are no part of a name or an address.
func leaves(values []any) (out []string) {
	for _, v := range values {
		switch x := v.(type) {
		case string:
			out = append(out, x)
		case []any:
			out = append(out, leaves(x)...)
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(x)) {
				if !slices.Contains([]string{"use", "type", "period"}, name) {
					out = append(out, leaves([]any{x[name]})...)
				}
			}
		}
	}
	return out
}

// span is the first and the last day of a date, an instant or a period in the practice's zone; "" is an open end.
type span struct{ first, last string }

func days(r resource, path string) (out []span) {
	zone, err := time.LoadLocation(demo.Zone)
	if err != nil {
		return nil
	}
	day := func(text string) string {
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			return at.In(zone).Format(time.DateOnly)
		}
		return text
	}
	for _, v := range at(r.Tree, path) {
		switch x := v.(type) {
		case string:
			out = append(out, span{day(x), day(x)})
		case map[string]any:
			out = append(out, span{day(strings.Join(texts(x, "start"), "")), day(strings.Join(texts(x, "end"), ""))})
		}
	}
	return out
}

// meets compares by whole days (FHIR R4 3.1.1.4.5). Equal is: within the day that is asked for.
func (d span) meets(prefix, day string) bool {
	switch prefix {
	case "ge":
		return d.last == "" || d.last >= day
	case "gt":
		return d.last == "" || d.last > day
	case "le":
		return d.first == "" || d.first <= day
	case "lt":
		return d.first == "" || d.first < day
	}
	return d.first == day && d.last == day
}

// readCapabilityParam tells whether the CapabilityStatement has a search parameter.
func readCapabilityParam(t *testing.T, c *caller, typ, name string) (string, bool) {
	t.Helper()
	statement := c.get(t, "metadata").resource(t)
	for _, r := range at(statement.Tree, "rest.resource") {
		if texts(r, "type")[0] == typ && slices.Contains(texts(r, "searchParam.name"), name) {
			return typ, true
		}
	}
	return "", false
}
