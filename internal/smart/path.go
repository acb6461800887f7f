package smart

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Path leads to a claim by the names of the objects that it stands in. In YAML it is a text, its names between dots ("extensions.ihe_iua.purpose_of_use"),
// or, where a name is a URL or has dots, a list of names.
type Path []string

// maxDepth bounds how deep a claim may stand.
const maxDepth = 8

var dotted = regexp.MustCompile(`^[A-Za-z0-9_#:-]+(\.[A-Za-z0-9_#:-]+)*$`)

// UnmarshalYAML reads either form.
func (p *Path) UnmarshalYAML(n *yaml.Node) error {
	var names []string
	if n.Kind == yaml.SequenceNode && n.Decode(&names) == nil {
		*p = names
	} else if n.Kind == yaml.ScalarNode && dotted.MatchString(n.Value) {
		*p = strings.Split(n.Value, ".")
	}
	if len(*p) == 0 || len(*p) > maxDepth || slices.Contains(*p, "") {
		*p = nil
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: not the path of a claim: names between dots, or a list of names where one is a URL or has dots", n.Line)}}
	}
	return nil
}

func (p Path) String() string { return strings.Join(p, ".") }

// at is what stands at a path; null is as good as nothing. What has the name of an object on the way there and is none refuses the token.
func (c claims) at(p Path) (json.RawMessage, bool, error) {
	for i, name := range p {
		v, ok := c[name]
		if !ok || string(v) == "null" {
			return nil, false, nil
		}
		if i == len(p)-1 {
			return v, true, nil
		}
		var below claims
		if json.Unmarshal(v, &below) != nil {
			return nil, false, refused(p[:i+1].String())
		}
		c = below
	}
	return nil, false, nil
}

func (c claims) has(name string) bool {
	_, ok, _ := c.at(Path{name})
	return ok
}

// text reads a claim that is one text; an absent one is empty, one of another type refuses the token.
func (c claims) text(p ...string) (string, error) {
	v, ok, err := c.at(p)
	if err != nil || !ok {
		return "", err
	}
	var s string
	if json.Unmarshal(v, &s) != nil {
		return "", refused(Path(p).String())
	}
	return s, nil
}

// texts reads a claim that is one text or a list of them.
func (c claims) texts(p ...string) ([]string, error) {
	v, ok, err := c.at(p)
	if err != nil || !ok {
		return nil, err
	}
	var one string
	if json.Unmarshal(v, &one) == nil {
		return []string{one}, nil
	}
	var many []string
	if json.Unmarshal(v, &many) != nil {
		return nil, refused(Path(p).String())
	}
	return many, nil
}

// one reads a text that may stand in several places: those that have it must agree.
func (c claims) one(paths []Path) (string, error) {
	found := ""
	for _, p := range paths {
		s, err := c.text(p...)
		if err != nil {
			return "", err
		}
		if s != "" && found != "" && s != found {
			return "", refused(p.String() + " contradicts another claim")
		}
		if s != "" {
			found = s
		}
	}
	return found, nil
}

// all reads the texts of every place.
func (c claims) all(paths []Path) ([]string, error) {
	var found []string
	for _, p := range paths {
		some, err := c.texts(p...)
		if err != nil {
			return nil, err
		}
		for _, s := range some {
			if s == "" {
				return nil, refused(p.String())
			}
			if !slices.Contains(found, s) {
				found = append(found, s)
			}
		}
		if _, ok, _ := c.at(p); ok && len(some) == 0 { // what narrows to nothing is not as good as absent
			return nil, refused(p.String())
		}
	}
	return found, nil
}
