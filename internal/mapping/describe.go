package mapping

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/consentry/gateway/internal/practice"
)

// Describe checks that every statement of the maps can run on the source and yields the declared columns. It reads no row. The error is
// Problems, all that does not fit; or it wraps practice.ErrUnavailable, and nothing is known to be wrong with the maps.
func (m *Maps) Describe(ctx context.Context, src practice.Source) error {
	var r reporter
	var gone error
	try := func(file string, n *yaml.Node, q practice.Query) {
		switch err := src.Describe(ctx, q); {
		case errors.Is(err, practice.ErrUnavailable):
			gone = fmt.Errorf("mapping: %s: %w", q.Map, err)
		case err != nil:
			r.found = append(r.found, Problem{File: file, Line: n.Line, Text: err.Error()})
		}
	}
	for _, rm := range m.maps {
		try(rm.file, rm.keys["rows"], rm.query)
		if rm.all != nil {
			try(rm.file, rm.keys["all-clients"], *rm.all)
		}
	}
	if m.source.kindsSQL != "" {
		try(m.source.file, m.source.kindsNode, m.source.kindsQuery())
	}
	if err := r.err(); err != nil {
		return err
	}
	return gone
}

// Withheld are the kinds of note that source.yaml keeps out of the maps, such as psychotherapy notes: none of them may ever leave.
func (m *Maps) Withheld() []string { return slices.Sorted(maps.Keys(m.source.withheld)) }

// Profiles are the profiles that the maps give their resources, by type.
func (m *Maps) Profiles() map[string][]string {
	out := map[string][]string{}
	for _, rm := range m.maps {
		for _, p := range []*plan{rm.resource, rm.provenance} {
			if p == nil {
				continue
			}
			for _, url := range p.profiles {
				if !slices.Contains(out[p.typ], url) {
					out[p.typ] = append(out[p.typ], url)
				}
			}
		}
	}
	return out
}
