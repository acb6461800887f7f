package requester

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/consentry/gateway/internal/smart"
	"github.com/consentry/gateway/internal/strictyaml"
)

const maxRegisterBytes = 4 << 20

// registerFile is the register as it is written:
//
//	partners:
//	  - id: lakeside                # the OAuth client_id
//	    name: Lakeside Family Clinic    # as clients read it; without it the id stands in its place
//	    address: 12 Main Street, Springfield   # where it is known
//	    issuer: https://login.example.org   # whose tokens it has; may be left out where there is one issuer alone
//	    kind: provider              # provider, payer, patient, employer or other
//	    organization: {reference: Organization/x, npi: "1234567893", identifiers: [{system: ..., value: ...}]}
//	    practitioners: [{npi: "1245319599"}]
//	    purposes: [TREAT, COC]      # v3-ActReason codes
//	    default-purpose: TREAT      # for tokens that state none; without it they get nothing
//	    scopes: system/*.rs
//	    sender-constraint: dpop     # or mtls: a token alone is refused
//	    jwks-file: lakeside.jwks.json   # or jwks: {keys: [...]}, or jwks-uri: https://...; for the built-in issuer
//	  - id: my-records                  # a client's own app, which people launch at the built-in issuer
//	    kind: patient
//	    scopes: patient/*.rs
//	    redirect-uris: [https://app.example.org/callback]
//	    public: true                # it has no key of its own; without it, jwks
//	    offline-access: true        # it may have refresh tokens
//	    origins: [https://app.example.org]  # of its pages, where it runs in a browser
type registerFile struct {
	Partners []partnerFile `yaml:"partners"`
}

type partnerFile struct {
	ID             string      `yaml:"id"`              // the OAuth client_id
	Name           string      `yaml:"name"`            // as clients read it; without it the id stands in its place
	Address        string      `yaml:"address"`         // where it is known, for the accounting of disclosures
	Issuer         string      `yaml:"issuer"`          // the issuer of its tokens, as the configuration names it; may be left out where there is one alone
	Kind           Kind        `yaml:"kind"`            // what the partner is; a payer never holds a purpose of treatment
	Organization   partyFile   `yaml:"organization"`    // the organisation, as Consents name it
	Practitioners  []partyFile `yaml:"practitioners"`   // those of the organisation whom a token may name
	Purposes       []string    `yaml:"purposes"`        // v3-ActReason codes: the purposes that it may state
	DefaultPurpose string      `yaml:"default-purpose"` // for tokens that state none; without it they get nothing
	Scopes         string      `yaml:"scopes"`          // SMART scopes, the most that a token of its may have
	JWKSFile       string      `yaml:"jwks-file"`       // its public keys, in a file beside this one; for the built-in issuer
	JWKS           any         `yaml:"jwks"`            // or here
	JWKSURI        string      `yaml:"jwks-uri"`        // or at an https address
	RedirectURIs   []string    `yaml:"redirect-uris"`   // of a client's own app: where the built-in issuer may send the browser back to, to the letter
	Public         bool        `yaml:"public"`          // the app has no key: it runs in a browser or on a phone
	OfflineAccess  bool        `yaml:"offline-access"`  // the app may have refresh tokens
	Origins        []string    `yaml:"origins"`         // of pages from which the partner's software calls in a browser (CORS), "https://app.example.org"
	// What the partner must prove besides having its token: dpop, a key of its own (RFC 9449), or mtls, a client certificate (RFC 8705).
	SenderConstraint smart.Constraint `yaml:"sender-constraint"`
}

type partyFile struct {
	Reference   string           `yaml:"reference"` // as the practice's own Consents refer to it, "Organization/x"
	NPI         string           `yaml:"npi"`       // ten digits, in quotes
	Identifiers []identifierFile `yaml:"identifiers"`
}

type identifierFile struct {
	System string `yaml:"system"`
	Value  string `yaml:"value"`
}

// Load reads the partner register from a file of fsys and the key sets that it names beside it. The purposes that a kind of partner can
// hold come from the profiles. issuers are those whose tokens are taken: each partner belongs to one of them, and without any of them no
// token is anybody's. Every problem is reported at once, with its place.
func Load(fsys fs.FS, name string, profiles fs.FS, issuers ...string) (*Register, error) {
	r, err := LoadRules(profiles, issuers...)
	if err != nil {
		return nil, err
	}
	return r.Load(fsys, name)
}

// Load reads a whole register by the rules.
func (r *Rules) Load(fsys fs.FS, name string) (*Register, error) {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("requester: %w", err)
	}
	if len(text) > maxRegisterBytes {
		return nil, fmt.Errorf("requester: %s is larger than %d bytes", name, maxRegisterBytes)
	}
	l := &loader{name: name, files: fsys, Rules: r}
	var file registerFile
	for _, p := range strictyaml.Decode(text, &file) {
		l.add(p.Line, "%s", p.Text)
	}
	if root := rootOf(text); root != nil {
		if list := child(root, "partners"); list != nil && list.Kind == yaml.SequenceNode {
			l.entries = list.Content
		}
	}
	if len(file.Partners) == 0 {
		l.add(1, "no partners")
	}
	all := newRegister(r.tree)
	for i, p := range file.Partners {
		l.partner(all, i, p)
	}
	if len(l.problems) > 0 {
		return nil, errors.New(strings.Join(l.problems, "\n"))
	}
	return all, nil
}

// loader collects what is wrong.
type loader struct {
	*Rules
	name     string
	files    fs.FS
	entries  []*yaml.Node // as they stand in the file
	problems []string
}

func (l *loader) add(line int, format string, args ...any) {
	l.problems = append(l.problems, fmt.Sprintf("%s:%d: %s", l.name, line, fmt.Sprintf(format, args...)))
}

// line is where the i-th partner, or one of its keys, stands.
func (l *loader) line(i int, key string) int {
	if i >= len(l.entries) {
		return 1
	}
	if n := child(l.entries[i], key); n != nil {
		return n.Line
	}
	return l.entries[i].Line
}

func child(n *yaml.Node, key string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
