package requester

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/strictyaml"
)

// purposeTree is what profiles/purposes/tree.yaml says of the purposes that may be registered.
type purposeTree struct {
	System    string              `yaml:"system"`     // v3-ActReason
	Tree      map[string][]string `yaml:"tree"`       // each purpose and what lies below it
	NamedOnly []string            `yaml:"named-only"` // reached by a permit only when it names them
	Never     map[Kind][]string   `yaml:"never"`      // what a partner of a kind can never hold
}

func loadPurposeTree(profiles fs.FS) (*purposeTree, error) {
	text, err := fs.ReadFile(profiles, "purposes/tree.yaml")
	if err != nil {
		return nil, fmt.Errorf("requester: %w", err)
	}
	t := &purposeTree{}
	if err := strictyaml.Read("purposes/tree.yaml", text, t); err != nil {
		return nil, fmt.Errorf("requester: %w", err)
	}
	if t.System == "" || len(t.Tree) == 0 || len(t.Never[KindPayer]) == 0 {
		return nil, errors.New("requester: purposes/tree.yaml lacks the system, the tree, or what a payer never holds")
	}
	return t, nil
}

func (t *purposeTree) knows(c fhir.Coding) bool {
	if c.System != t.System {
		return false
	}
	if _, ok := t.Tree[c.Code]; ok {
		return true
	}
	for _, children := range t.Tree {
		if slices.Contains(children, c.Code) {
			return true
		}
	}
	return false
}

// codes are all purposes that may be registered, sorted.
func (t *purposeTree) codes() []string {
	var all []string
	for code, children := range t.Tree {
		all = append(append(all, code), children...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// forbidden tells whether a partner of the kind can never hold the purpose: it, or one above it, is on the list.
func (t *purposeTree) forbidden(k Kind, code string) bool {
	for _, never := range t.Never[k] {
		if t.below(never, code, len(t.Tree)) {
			return true
		}
	}
	return false
}

// below tells whether code is top or lies below it; depth bounds a tree that a typing error made circular.
func (t *purposeTree) below(top, code string, depth int) bool {
	if top == code {
		return true
	}
	return depth > 0 && slices.ContainsFunc(t.Tree[top], func(child string) bool { return t.below(child, code, depth-1) })
}
