package answers

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// query is a search that has been understood.
type query struct {
	resourceType string
	criteria     []criterion
	sort         []string
	count        int
	countGiven   bool
	total        string
	includes     []include
	projection   projection
	ignored      []string // as they were written
	self         [][2]string
}

const (
	defaultCount = 50
	mostCount    = 200
)

var modifiers = map[string][]string{"token": {"missing", "not"}, "string": {"missing", "exact", "contains"}, "date": {"missing"}, "reference": {"missing"}}

// parse reads a search of a type. The status is 400 if it cannot be understood.
func parse(resourceType string, pairs [][2]string, zone *time.Location, strict bool, claimed func(resourceType, name string) bool) (*query, int) {
	q := &query{resourceType: resourceType, count: defaultCount}
	given := map[string]bool{}
	for _, pair := range pairs {
		name, value := pair[0], pair[1]
		if value == "" || name == "_format" || name == "_pretty" {
			continue
		}
		if slices.Contains([]string{"_sort", "_count", "_total", "_summary", "_elements"}, name) && given[name] {
			return nil, 400
		}
		given[name] = true
		ok, known := q.take(name, value, zone, claimed)
		if !ok || !known && strict {
			return nil, 400
		}
		if !known {
			if strings.HasPrefix(name, "_include") || strings.HasPrefix(name, "_revinclude") {
				name += "=" + value
			}
			if !slices.Contains(q.ignored, name) {
				q.ignored = append(q.ignored, name)
			}
			continue
		}
		q.self = append(q.self, [2]string{name, value})
	}
	if q.projection.summary == "count" {
		q.self = slices.DeleteFunc(q.self, func(p [2]string) bool { return strings.Contains(p[0], "include") })
	}
	if !q.elements() && strict {
		return nil, 400
	}
	return q, q.projection.status(q)
}

// elements keeps the names of _elements that the type has, and names the others.
func (q *query) elements() (all bool) {
	var known []string
	for _, name := range q.projection.elements {
		if hasElement(q.resourceType, name) {
			known = append(known, name)
		} else if name = "_elements=" + name; !slices.Contains(q.ignored, name) {
			q.ignored = append(q.ignored, name)
		}
	}
	all = len(known) == len(q.projection.elements)
	if len(known) == 0 && len(q.projection.elements) > 0 {
		known = []string{"id"} // a part was asked for: the least
	}
	q.projection.elements = known
	q.self = slices.DeleteFunc(q.self, func(p [2]string) bool { return p[0] == "_elements" })
	if len(known) > 0 {
		q.self = append(q.self, [2]string{"_elements", strings.Join(known, ",")})
	}
	return all
}

// take understands one parameter.
func (q *query) take(name, value string, zone *time.Location, claimed func(resourceType, name string) bool) (ok, known bool) {
	switch name {
	case "_count":
		n, err := strconv.Atoi(value)
		q.count, q.countGiven = min(n, mostCount), true
		return err == nil && n >= 0, true
	case "_total":
		q.total = value
		return slices.Contains([]string{"none", "estimate", "accurate"}, value), true
	case "_sort":
		q.sort = strings.Split(value, ",")
		return !slices.ContainsFunc(q.sort, func(s string) bool {
			_, is := knows(q.resourceType, strings.TrimPrefix(s, "-"))
			return !is || !claimed(q.resourceType, strings.TrimPrefix(s, "-"))
		}), true
	case "_summary":
		q.projection.summary = value
		return slices.Contains([]string{"true", "text", "data", "count", "false"}, value), true
	case "_elements":
		q.projection.elements = strings.Split(value, ",")
		return true, true
	}
	if base, iterate := strings.CutSuffix(name, ":iterate"); base == "_include" || base == "_revinclude" {
		if base == "_revinclude" && inDirectory(q.resourceType) {
			return false, true // rule 22: never from the directory to the charts
		}
		i, is := readInclude(q.resourceType, base, value, iterate, claimed)
		if is {
			q.includes = append(q.includes, i)
		}
		return true, is
	}
	base, modifier, _ := strings.Cut(name, ":")
	p, is := knows(q.resourceType, base)
	if !is || !claimed(q.resourceType, base) {
		return true, false
	}
	c := criterion{name: base, modifier: modifier, values: split(value)}
	q.criteria = append(q.criteria, c)
	return c.valid(p, zone), true
}

var idForm = regexp.MustCompile(`^[A-Za-z0-9.-]{1,64}$`)

// valid says whether a condition has a modifier and values that its kind of parameter has.
func (c criterion) valid(p parameter, zone *time.Location) bool {
	if c.modifier != "" && !slices.Contains(modifiers[p.kind], c.modifier) && !(p.kind == "reference" && slices.Contains(p.targets, c.modifier)) {
		return false
	}
	for _, v := range c.values {
		switch {
		case c.modifier == "missing":
			if len(c.values) != 1 || v != "true" && v != "false" {
				return false
			}
		case p.kind == "date":
			_, date := datePrefix(v)
			if _, ok := dateSpan(date, zone); !ok {
				return false
			}
		case c.name == "_id":
			if !idForm.MatchString(v) {
				return false
			}
		}
	}
	return true
}

// split cuts a value at the commas that are not escaped.
func split(value string) (out []string) {
	start := 0
	for i := 0; i < len(value); i++ {
		switch value[i] {
		case '\\':
			i++
		case ',':
			out = append(out, value[start:i])
			start = i + 1
		}
	}
	return append(out, value[start:])
}

// pairsOf reads a query in its order.
func pairsOf(rawQuery string) (out [][2]string, ok bool) {
	for part := range strings.SplitSeq(rawQuery, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		n, err1 := url.QueryUnescape(name)
		v, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil || strings.Contains(part, ";") {
			return nil, false
		}
		out = append(out, [2]string{n, v})
	}
	return out, true
}
