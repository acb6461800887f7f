package search

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// controls are the parameters that shape the answer and match nothing (FHIR R4 3.1.1.5). `_format` and `_pretty` are the caller's.
var controls = map[string]func(*builder, string) error{
	"_count":              (*builder).countOf,
	"_elements":           (*builder).elements,
	"_format":             func(*builder, string) error { return nil },
	"_include":            including("_include"),
	"_include:iterate":    including("_include:iterate"),
	"_page":               (*builder).pageOf,
	"_pretty":             func(*builder, string) error { return nil },
	"_revinclude":         including("_revinclude"),
	"_revinclude:iterate": including("_revinclude:iterate"),
	"_sort":               (*builder).sortBy,
	"_summary":            (*builder).summary,
	"_total":              (*builder).totalOf,
}

// including reads one of the parameters that may be given more than once.
func including(name string) func(*builder, string) error {
	return func(b *builder, text string) error { return b.include(name, text) }
}

func repeats(name string) bool {
	return strings.HasPrefix(name, "_include") || strings.HasPrefix(name, "_revinclude")
}

func (b *builder) countOf(text string) error {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return fail("_count", Malformed)
	}
	b.query.count = min(int(n), b.parser.maxCount)
	b.self = append(b.self, "_count="+strconv.Itoa(b.query.count))
	return nil
}

// totalOf reads `_total`. A total is of what the requester may see, and is known anyway: an estimate is the accurate number.
func (b *builder) totalOf(text string) error {
	switch text {
	case "none":
		b.query.noTotal = true
	case "estimate", "accurate":
	default:
		return fail("_total", Malformed)
	}
	b.self = append(b.self, "_total="+text)
	return nil
}

func (b *builder) pageOf(text string) error {
	b.query.token = text
	return nil
}

func (b *builder) sortBy(text string) error {
	for _, name := range strings.Split(text, ",") {
		name, descending := strings.CutPrefix(name, "-")
		p, ok := b.query.resource.Parameter(name)
		if !ok || len(b.query.sort) == 8 {
			return fail("_sort", Malformed)
		}
		same := func(k sortKey) bool { return k.param == p }
		if !slices.ContainsFunc(b.query.sort, same) {
			b.query.sort = append(b.query.sort, sortKey{param: p, descending: descending})
		}
	}
	b.self = append(b.self, "_sort="+url.QueryEscape(text))
	return nil
}
