package label

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/strictyaml"
)

const (
	rulesFile       = "labels/rules.yaml"
	sensitivityFile = "labels/sensitivity.yaml"
)

// Rules are the label rules, loaded and checked. The zero value classifies nothing.
type Rules struct {
	levelSystem string
	levels      []string // confidentiality codes, lowest first

	handling map[string]bool // codes that say how to handle a record, not what it is about
	internal map[string]bool // codes that decide and are never written

	systems    map[string]system // by URI
	types      map[string]typeRule
	programmes map[string]*gift
	kinds      map[string]*gift
	parties    map[fhir.Identifier]*gift
	held       codes
	codes      codes
	words      []word
	digest     [sha256.Size]byte
}

// typeRule is what a record of a type is before any rule has looked at it; see the file.
type typeRule struct {
	Confidentiality string   `yaml:"confidentiality"`
	Labels          []string `yaml:"labels"`
	Code            string   `yaml:"code"`
	Takes           []string `yaml:"takes"`
	Narrative       string   `yaml:"narrative"`

	labels []fhir.Coding
}

// gift is what a rule gives.
type gift struct {
	labels []fhir.Coding
	level  int
}

func (g *gift) give(rec *record) {
	for _, l := range g.labels {
		rec.labels.add(l)
	}
	rec.level = max(rec.level, g.level)
}

// file is labels/rules.yaml as it stands.
type file struct {
	Systems       map[string]systemEntry `yaml:"systems"`       // code systems by short name
	Types         map[string]typeRule    `yaml:"types"`         // what a record of a type is before any rule has looked at it; one that is not listed is unclassified
	Programmes    map[string]giftEntry   `yaml:"programmes"`    // treatment programmes, as the maps name them
	Kinds         map[string]giftEntry   `yaml:"kinds"`         // kinds of note
	Organizations map[string]giftEntry   `yaml:"organizations"` // by identifier
	Hold          map[string][]string    `yaml:"hold"`          // documents that a person has to give a confidentiality first, by system
	Rules         []ruleEntry            `yaml:"rules"`         // by codes, and by words of diagnoses
}

type systemEntry struct {
	Match string   `yaml:"match"`
	URIs  []string `yaml:"uris"`
}

type giftEntry struct {
	Confidentiality string   `yaml:"confidentiality"`
	Labels          []string `yaml:"labels"`
}

type ruleEntry struct {
	Name            string              `yaml:"name"`
	Codes           map[string][]string `yaml:"codes"`
	Words           []string            `yaml:"words"`
	Confidentiality string              `yaml:"confidentiality"`
	Labels          []string            `yaml:"labels"`
}

// vocabulary is the part of labels/sensitivity.yaml that labeling needs; package policy reads the rest, strictly.
type vocabulary struct {
	Confidentiality struct {
		System string   `yaml:"system"`
		Order  []string `yaml:"order"`
	} `yaml:"confidentiality"`
	Handling []string `yaml:"handling"`
	Internal []string `yaml:"internal"`
}

// Load reads labels/rules.yaml and labels/sensitivity.yaml below fsys. A file that is missing, empty or holds an unknown key is an error;
// all problems of the rules are reported at once.
func Load(fsys fs.FS) (*Rules, error) {
	var f file
	rulesText, err := read(fsys, rulesFile, true, &f)
	if err != nil {
		return nil, err
	}
	var v vocabulary
	vocabularyText, err := read(fsys, sensitivityFile, false, &v)
	if err != nil {
		return nil, err
	}
	r := &Rules{levelSystem: v.Confidentiality.System, levels: v.Confidentiality.Order, handling: setOf(v.Handling), internal: setOf(v.Internal)}
	if err := errors.Join(r.complete(v, f), r.compile(f)); err != nil {
		return nil, err
	}
	h := sha256.New()
	for _, text := range [][]byte{rulesText, vocabularyText} {
		fmt.Fprintf(h, "%d:", len(text))
		h.Write(text)
	}
	h.Sum(r.digest[:0])
	return r, nil
}

func read(fsys fs.FS, name string, strict bool, into any) ([]byte, error) {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("label: %w", err)
	}
	if !strict {
		err = yaml.Unmarshal(text, into)
	} else {
		err = strictyaml.Read(name, text, into)
	}
	if err != nil {
		return nil, fmt.Errorf("label: %w", err)
	}
	return text, nil
}

// complete refuses files without which records would silently stay unlabeled.
func (r *Rules) complete(v vocabulary, f file) error {
	var problems []error
	missing := func(absent bool, name, part string) {
		if absent {
			problems = append(problems, fmt.Errorf("label: %s: %s is missing or empty", name, part))
		}
	}
	missing(r.levelSystem == "" || len(r.levels) == 0, sensitivityFile, "confidentiality")
	missing(len(v.Handling) == 0, sensitivityFile, "handling")
	missing(len(v.Internal) == 0, sensitivityFile, "internal")
	missing(len(f.Systems) == 0, rulesFile, "systems")
	missing(len(f.Types) == 0, rulesFile, "types")
	missing(len(f.Programmes) == 0, rulesFile, "programmes")
	missing(len(f.Kinds) == 0, rulesFile, "kinds")
	missing(len(f.Hold) == 0, rulesFile, "hold")
	missing(len(f.Rules) == 0, rulesFile, "rules")
	return errors.Join(problems...)
}

// Digest identifies the version of the rules.
func (r *Rules) Digest() [sha256.Size]byte { return r.digest }

// level is the rank of a confidentiality, from 1; 0 for what is none.
func (r *Rules) level(code string) int { return slices.Index(r.levels, code) + 1 }

// isSensitivity tells whether a label says what a record is about, rather than how it is to be handled.
func (r *Rules) isSensitivity(l fhir.Coding) bool {
	return !r.handling[l.Code] && !r.internal[l.Code] && l.System != r.levelSystem
}

func setOf(list []string) map[string]bool {
	m := make(map[string]bool, len(list))
	for _, s := range list {
		m[s] = true
	}
	return m
}

// labelOf reads "CODE" or "system|CODE".
func labelOf(s string) (fhir.Coding, error) {
	i := strings.LastIndexByte(s, '|')
	l := fhir.Coding{System: fhir.SystemActCode, Code: s}
	if i >= 0 {
		l = fhir.Coding{System: s[:i], Code: s[i+1:]}
	}
	if l.Code == "" || l.System == "" || strings.ContainsAny(l.Code, " \t\"\\") {
		return fhir.Coding{}, fmt.Errorf("label: %s: %q is no label", rulesFile, s)
	}
	return l, nil
}
