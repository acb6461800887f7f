package mapping

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Problem is one thing that is wrong with a map, with its place.
type Problem struct {
	File string
	Line int
	Text string
}

func (p Problem) String() string { return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text) }

// Problems are all that is wrong with the maps of a folder, in order of file and line.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.String()
	}
	return strings.Join(lines, "\n")
}

// reporter collects problems and knows the file of every node.
type reporter struct {
	found Problems
	files map[*yaml.Node]string
}

// at reports a problem at a node.
func (r *reporter) at(n *yaml.Node, format string, args ...any) {
	r.found = append(r.found, Problem{File: r.files[n], Line: n.Line, Text: fmt.Sprintf(format, args...)})
}

// file reports a problem of a whole file.
func (r *reporter) file(name, format string, args ...any) {
	r.found = append(r.found, Problem{File: name, Line: 1, Text: fmt.Sprintf(format, args...)})
}

func (r *reporter) err() error {
	if len(r.found) == 0 {
		return nil
	}
	slices.SortStableFunc(r.found, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return slices.Compact(r.found)
}
