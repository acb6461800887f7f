package search

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/consentry/gateway/internal/fhir/fhirjson"
)

// elements reads `_elements` (FHIR R4 3.1.1.5.9), for which the elements of a choice go by its name, `value` or `value[x]`, or by one of its types,
// `valueQuantity`. Names that the type does not have are unknown, like parameters; if nothing else is asked for, what always stays does.
func (b *builder) elements(text string) error {
	names, unknown := elementsOf(b.query.resource.Type, text)
	if len(unknown) > 0 && b.strict {
		return fail("_elements", NoElement)
	}
	for _, u := range unknown {
		b.ignore("_elements=" + u)
	}
	b.query.subset.Elements = names
	b.self = append(b.self, "_elements="+strings.Join(names, ","))
	return nil
}

func elementsOf(resourceType, text string) (names, unknown []string) {
	for name := range strings.SplitSeq(text, ",") {
		plain := strings.TrimSuffix(name, "[x]")
		switch {
		case name == "":
		case fhirjson.HasElement(resourceType, plain):
			names = append(names, plain)
		default:
			unknown = append(unknown, name)
		}
	}
	if len(names) == 0 {
		names = []string{"id"} // stays anyway, and says so in the link to the next page
	}
	slices.Sort(names)
	return slices.Compact(names), unknown
}

// summary reads `_summary` (FHIR R4 3.1.1.5.8).
func (b *builder) summary(text string) error {
	switch text {
	case "false":
	case "count":
		b.query.counts = true
	case "true", "text", "data":
		b.query.subset.Summary = fhirjson.Summary(text)
	default:
		return fail("_summary", Malformed)
	}
	b.summarized = true
	b.self = append(b.self, "_summary="+text)
	return nil
}

// shape checks what of an answer's shape only the whole request shows.
func (b *builder) shape() error {
	q := b.query
	switch {
	case b.summarized && q.subset.Elements != nil:
		return fail("_summary", ElementsToo)
	case q.subset.Summary == fhirjson.SummaryText && b.including:
		return fail("_summary", TextAlone) // FHIR R4 3.1.1.5.8
	case q.counts:
		q.count, q.includes = 0, nil
		b.self = slices.DeleteFunc(b.self, func(s string) bool { return strings.HasPrefix(s, "_include") || strings.HasPrefix(s, "_revinclude") })
	}
	return nil
}

// Subset reads what of a resource a read asks for, by `_elements` and `_summary`. Other parameters mean nothing there, and are refused if strict.
func (p *Parser) Subset(resourceType string, values url.Values, strict bool) (fhirjson.Subset, error) {
	r, ok := Lookup(resourceType)
	if !ok {
		return fhirjson.Subset{}, fail("", UnknownType)
	}
	b := builder{parser: p, query: &Query{resource: r}, strict: strict}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if strict && !slices.Contains([]string{"_elements", "_format", "_pretty", "_summary"}, name) {
			return fhirjson.Subset{}, fail(readable(name), UnknownName)
		}
	}
	for _, name := range []string{"_elements", "_summary"} {
		if err := b.parameter(name, values[name]); err != nil {
			return fhirjson.Subset{}, err
		}
	}
	if b.query.counts {
		return fhirjson.Subset{}, fail("_summary", OnlySearch)
	}
	return b.query.subset, b.shape()
}
