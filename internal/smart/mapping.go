package smart

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/consentry/gateway/internal/spelling"
	"github.com/consentry/gateway/internal/strictyaml"
)

// Mapping says where the tokens of an issuer say what. The presets are such mappings, in profiles/issuers; a configuration changes single places of one.
// Where a claim has several places, those that are there must agree, but for scopes, of which the first place that is there counts, and for purposes,
// consents and organizations, which are gathered from all.
//
// What can only withhold more (purposes, organizations, Consents, residual rules, the one client that the token is for, by UDAP hl7-b2b, IHE IUA
// and IHE PCF) is read at its standard place besides, whatever the mapping says: no mapping can lose it.
type Mapping struct {
	Client       []Path            `yaml:"client"`       // the OAuth client
	Scopes       []Path            `yaml:"scopes"`       // the first that is there counts
	ScopeNames   map[string]string `yaml:"scope-names"`  // SMART scopes for words of an issuer that cannot write them
	Subject      []Path            `yaml:"subject"`      // whom the token is about
	Patient      []Path            `yaml:"patient"`      // the launch patient
	FHIRUser     []Path            `yaml:"fhir-user"`    // the person who signed in, as a FHIR resource
	Purpose      []Path            `yaml:"purpose"`      // purposes of use
	NPI          []Path            `yaml:"npi"`          // the practitioner whom the client acts for
	Organization []Path            `yaml:"organization"` // must be the partner's own, by an identifier of the register
	Consents     []Path            `yaml:"consents"`     // Consents that the token is limited to
	Residual     []Path            `yaml:"residual"`     // residual rules of IHE PCF
	ID           []Path            `yaml:"id"`           // of the token, by which it can be revoked
	Grant        []Path            `yaml:"grant"`        // of the session or grant that the token comes from
	Person       []Path            `yaml:"person"`       // claims of which a person's token has one at least; without them no person stands behind it
	Machine      []ClaimTest       `yaml:"machine"`      // any of these tells that no person stands behind the token
	Require      []ClaimTest       `yaml:"require"`      // all of these must hold, or the token is refused
}

// ClaimTest asks something of a claim: with nothing but the claim, that it is there.
type ClaimTest struct {
	Claim  Path     `yaml:"claim"`
	Is     []string `yaml:"is"`     // any of these texts, in any letter case
	Begins string   `yaml:"begins"` // a text that begins so
	Ends   string   `yaml:"ends"`   // a text that ends so
}

// presetsDir is the folder of the presets in the profiles.
const presetsDir = "issuers"

// LoadMapping reads a preset from the profiles.
func LoadMapping(profiles fs.FS, preset string) (Mapping, error) {
	var m Mapping
	known, err := fs.Glob(profiles, presetsDir+"/*.yaml")
	if err != nil {
		return m, err
	}
	for i, name := range known {
		known[i] = strings.TrimSuffix(path.Base(name), ".yaml")
	}
	if !slices.Contains(known, preset) {
		return m, fmt.Errorf("smart: there is no preset %q%s (there are: %s)", preset, spelling.DidYouMean(preset, known), strings.Join(known, ", "))
	}
	name := presetsDir + "/" + preset + ".yaml"
	text, err := fs.ReadFile(profiles, name)
	if err != nil {
		return m, fmt.Errorf("smart: %w", err)
	}
	if err := strictyaml.Read(name, text, &m); err != nil {
		return m, err
	}
	if err := m.validate(); err != nil {
		return m, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
}

// With is the mapping with the places that own names in place of its own. Tests and names of scopes are added to its own.
func (m Mapping) With(own Mapping) Mapping {
	for _, p := range []struct{ to, from *[]Path }{
		{&m.Client, &own.Client}, {&m.Scopes, &own.Scopes}, {&m.Subject, &own.Subject}, {&m.Patient, &own.Patient}, {&m.FHIRUser, &own.FHIRUser},
		{&m.Purpose, &own.Purpose}, {&m.NPI, &own.NPI}, {&m.Organization, &own.Organization}, {&m.Consents, &own.Consents}, {&m.Residual, &own.Residual},
		{&m.ID, &own.ID}, {&m.Grant, &own.Grant}, {&m.Person, &own.Person},
	} {
		if len(*p.from) > 0 {
			*p.to = *p.from
		}
	}
	m.Machine, m.Require = slices.Concat(m.Machine, own.Machine), slices.Concat(m.Require, own.Require)
	names := map[string]string{}
	for _, from := range []map[string]string{m.ScopeNames, own.ScopeNames} {
		for word, scopes := range from {
			names[word] = scopes
		}
	}
	m.ScopeNames = names
	return m
}

func (m *Mapping) validate() error {
	var problems []error
	if len(m.Client) == 0 || len(m.Scopes) == 0 {
		problems = append(problems, errors.New("smart: the claims of the client and of the scopes are not named"))
	}
	for _, t := range slices.Concat(m.Machine, m.Require) {
		if len(t.Claim) == 0 {
			problems = append(problems, errors.New("smart: a test names no claim"))
		}
	}
	for word, scopes := range m.ScopeNames {
		for one := range strings.FieldsSeq(scopes) {
			if ParseScopes(one).Empty() {
				problems = append(problems, fmt.Errorf("smart: scope-names: %s: scope %q cannot be read", word, one))
			}
		}
		if strings.TrimSpace(scopes) == "" || len(strings.Fields(word)) != 1 {
			problems = append(problems, fmt.Errorf("smart: scope-names: %q is no word, or stands for nothing", word))
		}
	}
	return errors.Join(problems...)
}

// holds tells whether the claim passes.
func (t *ClaimTest) holds(c claims) (bool, error) {
	if len(t.Is) == 0 && t.Begins == "" && t.Ends == "" {
		_, ok, err := c.at(t.Claim)
		return ok, err
	}
	s, err := c.text(t.Claim...)
	if err != nil || s == "" {
		return false, err
	}
	is := len(t.Is) == 0 || slices.ContainsFunc(t.Is, func(want string) bool { return strings.EqualFold(want, s) })
	return is && strings.HasPrefix(s, t.Begins) && strings.HasSuffix(s, t.Ends), nil
}

// required checks what every token of the issuer must have.
func (m *Mapping) required(c claims) error {
	for i := range m.Require {
		if ok, err := m.Require[i].holds(c); err != nil || !ok {
			return refused(m.Require[i].Claim.String())
		}
	}
	return nil
}

// machine tells whether no person stands behind the token. In doubt none does.
func (m *Mapping) machine(c claims, subject, clientID string) (bool, error) {
	if subject == "" || subject == clientID {
		return true, nil
	}
	for i := range m.Machine {
		if ok, err := m.Machine[i].holds(c); err != nil || ok {
			return ok, err
		}
	}
	for _, p := range m.Person {
		if _, ok, err := c.at(p); err != nil || ok {
			return false, err
		}
	}
	return len(m.Person) > 0, nil
}

// scopes reads the first place that is there: an issuer that writes two writes what the client may, and what the user may, which is not granted.
func (m *Mapping) scopes(c claims) (Scopes, error) {
	for _, p := range m.Scopes {
		parts, err := c.texts(p...)
		if err != nil {
			return Scopes{}, err
		}
		if _, ok, _ := c.at(p); ok {
			return ParseScopes(m.translate(parts)), nil
		}
	}
	return Scopes{}, refused("scope") // an access token names its scopes; an ID token does not
}

func (m *Mapping) translate(parts []string) string {
	if len(m.ScopeNames) == 0 {
		return strings.Join(parts, " ")
	}
	var all []string
	for _, part := range parts {
		for word := range strings.FieldsSeq(part) {
			if scopes, ok := m.ScopeNames[word]; ok {
				word = scopes
			}
			all = append(all, word)
		}
	}
	return strings.Join(all, " ")
}
