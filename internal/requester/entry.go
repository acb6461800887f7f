package requester

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/consentry/gateway/internal/strictyaml"
)

// Entry is one partner as a register keeps it.
type Entry struct {
	ID string
	// Text is the YAML of the entry, with its keys in it: nothing lies beside it.
	Text     string
	Disabled bool
}

// Rules are what an entry is read by: the purposes that a kind of partner can hold, and the issuers whose tokens are taken.
type Rules struct {
	tree    *purposeTree
	issuers []string
	// NoCertificates says that clients can show no certificate here: then nobody can be registered who must.
	NoCertificates bool
}

// LoadRules reads the rules. The purposes come from the profiles.
func LoadRules(profiles fs.FS, issuers ...string) (*Rules, error) {
	tree, err := loadPurposeTree(profiles)
	return &Rules{tree: tree, issuers: issuers}, err
}

// ReadEntry reads one partner from a file of fsys: an entry of the register by itself. A key set that it names beside it is taken into its text,
// and so is the sole issuer: another one that the configuration names later is not the partner's. Every problem is reported at once, with its place.
func (r *Rules) ReadEntry(fsys fs.FS, name string) (Entry, error) {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return Entry{}, fmt.Errorf("requester: %w", err)
	}
	p, err := r.read(fsys, name, string(text))
	if err != nil {
		return Entry{}, err
	}
	e := Entry{ID: p.ID}
	e.Text, err = rewritten(string(text), func(m mapping) error {
		m.set("issuer", scalar(p.Issuer))
		if p.file.JWKSFile == "" {
			return nil
		}
		keys, err := fs.ReadFile(fsys, path.Join(path.Dir(name), p.file.JWKSFile))
		if err != nil {
			return fmt.Errorf("requester: %w", err)
		}
		return m.setKeys(keys)
	})
	return e, err
}

// WithKeys is the entry with other keys: a key set, or where it is.
func (r *Rules) WithKeys(e Entry, jwks []byte, uri string) (_ Entry, err error) {
	e.Text, err = rewritten(e.Text, func(m mapping) error {
		if uri == "" {
			return m.setKeys(jwks)
		}
		m.remove("jwks")
		m.set("jwks-uri", scalar(uri))
		return nil
	})
	if err != nil {
		return Entry{}, err
	}
	_, err = r.read(nothing{}, e.ID, e.Text)
	return e, err
}

// Register makes a register of entries. One that cannot be read is nobody: problems has each of them.
func (r *Rules) Register(entries []Entry) (_ *Register, problems []error) {
	all := newRegister(r.tree)
	for _, e := range entries {
		p, err := r.read(nothing{}, e.ID, e.Text)
		if err == nil && p.ID != e.ID {
			err = fmt.Errorf("%s: the entry has another id than the one that it is kept under", e.ID)
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		p.Disabled = e.Disabled
		all.partners[p.ID] = p.Partner
	}
	return all, problems
}

// entryRead is a partner and how it was written.
type entryRead struct {
	*Partner
	file partnerFile
}

func (r *Rules) read(fsys fs.FS, name, text string) (*entryRead, error) {
	if len(text) > maxRegisterBytes {
		return nil, fmt.Errorf("requester: %s is larger than %d bytes", name, maxRegisterBytes)
	}
	l := &loader{name: name, files: fsys, Rules: r}
	e := &entryRead{}
	for _, p := range strictyaml.Decode([]byte(text), &e.file) {
		l.add(p.Line, "%s", p.Text)
	}
	if root := rootOf([]byte(text)); root != nil {
		l.entries = []*yaml.Node{root}
	}
	one := newRegister(r.tree)
	l.partner(one, 0, e.file)
	if len(l.problems) > 0 {
		return nil, errors.New(strings.Join(l.problems, "\n"))
	}
	e.Partner = one.partners[e.file.ID]
	return e, nil
}

// rootOf is what a YAML document holds, nil where it is none.
func rootOf(text []byte) *yaml.Node {
	var doc yaml.Node
	if yaml.Unmarshal(text, &doc) != nil || len(doc.Content) == 0 {
		return nil
	}
	return doc.Content[0]
}

// mapping is an entry as it is written. Its comments stay where they are.
type mapping struct{ *yaml.Node }

// rewritten changes how an entry is written.
func rewritten(text string, change func(mapping) error) (string, error) {
	root := rootOf([]byte(text))
	if root == nil || root.Kind != yaml.MappingNode {
		return "", errors.New("requester: an entry is a mapping of keys to values")
	}
	if err := change(mapping{root}); err != nil {
		return "", err
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	err := errors.Join(enc.Encode(root), enc.Close())
	return b.String(), err
}

func (m mapping) remove(key string) {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			m.Content = slices.Delete(m.Content, i, i+2)
			return
		}
	}
}

func (m mapping) set(key string, value *yaml.Node) {
	m.remove(key)
	m.Content = append(m.Content, scalar(key), value)
}

// setKeys puts a key set in place of whatever says where the keys are.
func (m mapping) setKeys(jwks []byte) error {
	keys := rootOf(jwks) // JSON is YAML
	if keys == nil {
		return errors.New("requester: the key set is no JSON")
	}
	m.remove("jwks-file")
	m.remove("jwks-uri")
	m.set("jwks", keys)
	return nil
}

func scalar(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}

// nothing is a folder without files: an entry of the store names none beside it.
type nothing struct{}

// Open implements fs.FS.
func (nothing) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}
