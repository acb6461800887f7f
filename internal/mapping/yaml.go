package mapping

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/consentry/gateway/internal/spelling"
)

// maxDepth bounds how deep a map may nest.
const maxDepth = 64

// flowNullable finds a nullable column type in {braces}, where YAML takes a question mark for a sign of its own: it is read as if it were quoted.
var flowNullable = regexp.MustCompile(`(:\s*)([a-z]+)\?(\s*[,}\]])`)

// parse reads one YAML document whose root is a mapping; nil after a problem.
func (r *reporter) parse(file string, text []byte) *yaml.Node {
	d := yaml.NewDecoder(bytes.NewReader(flowNullable.ReplaceAll(text, []byte(`$1"$2?"$3`))))
	var doc, more yaml.Node
	if err := d.Decode(&doc); err != nil {
		r.found = append(r.found, Problem{File: file, Line: lineOf(err), Text: "not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")})
		return nil
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		r.file(file, "more than one YAML document")
		return nil
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		r.file(file, "not a mapping of keys to values")
		return nil
	}
	root := doc.Content[0]
	if !r.own(root, file, 0) {
		return nil
	}
	return root
}

var yamlLine = regexp.MustCompile(`line ([0-9]+):`)

// lineOf is the line that a YAML error names, 1 if it names none.
func lineOf(err error) int {
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil && n > 0 {
			return n
		}
	}
	return 1
}

// own notes the file of every node, and refuses what a map needs not: aliases, duplicate keys, keys that are no text, endless depth.
func (r *reporter) own(n *yaml.Node, file string, depth int) bool {
	r.files[n] = file
	if depth > maxDepth {
		r.at(n, "nested more than %d deep", maxDepth)
		return false
	}
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		r.at(n, "anchors and aliases are not taken")
		return false
	}
	ok := true
	for i, c := range n.Content {
		ok = r.own(c, file, depth+1) && ok
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			ok = r.ownKey(n, i) && ok
		}
	}
	return ok
}

func (r *reporter) ownKey(n *yaml.Node, i int) bool {
	key := n.Content[i]
	if key.Kind != yaml.ScalarNode {
		r.at(key, "a key must be a text")
		return false
	}
	for j := 0; j < i; j += 2 {
		if n.Content[j].Value == key.Value {
			r.at(key, "key %q stands twice", key.Value)
			return false
		}
	}
	return true
}

// keys reads a mapping strictly: a key that is not known is a problem. It gives an empty map after one.
func (r *reporter) keys(n *yaml.Node, what string, known ...string) map[string]*yaml.Node {
	found := map[string]*yaml.Node{}
	if n.Kind != yaml.MappingNode {
		r.at(n, "%s must be a mapping of keys to values", what)
		return found
	}
	for key, value := range pairs(n) {
		if !slices.Contains(known, key.Value) {
			r.at(key, "%s has no key %q%s", what, key.Value, spelling.DidYouMean(key.Value, known))
			continue
		}
		found[key.Value] = value
	}
	return found
}

// pairs goes through the keys and values of a mapping.
func pairs(n *yaml.Node) func(func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		if n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], n.Content[i+1]) {
				return
			}
		}
	}
}

// text reads a scalar as it stands.
func (r *reporter) text(n *yaml.Node, what string) string {
	if n == nil {
		return ""
	}
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" || n.Value == "" {
		r.at(n, "%s must be a text", what)
		return ""
	}
	return n.Value
}

// texts reads a list of scalars.
func (r *reporter) texts(n *yaml.Node, what string) []string {
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		r.at(n, "%s must be a list", what)
		return nil
	}
	var list []string
	for _, c := range n.Content {
		if t := r.text(c, what); t != "" {
			list = append(list, t)
		}
	}
	return list
}

// boolean reads true or false.
func (r *reporter) boolean(n *yaml.Node, what string) bool {
	if n == nil {
		return false
	}
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
		r.at(n, "%s must be true or false", what)
		return false
	}
	return strings.EqualFold(n.Value, "true")
}

func get(n *yaml.Node, key string) *yaml.Node {
	for k, v := range pairs(n) {
		if k.Value == key {
			return v
		}
	}
	return nil
}
