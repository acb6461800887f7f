package oracle

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/consentry/gateway/profiles"
)

// Code systems of the standards.
const (
	actCode        = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
	ourLabels      = "https://consentry.dev/fhir/CodeSystem/sensitivity"
	integrity      = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
	actReason      = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
	roleCode       = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
	consentAction  = "http://terminology.hl7.org/CodeSystem/consentaction"
	resourceTypes  = "http://hl7.org/fhir/resource-types"
	profileURI     = "urn:ietf:rfc:3986"
	mimeType       = "urn:ietf:bcp:13"
	inlineSecurity = "http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label"
)

// consentReading is profiles/policies/consents.yaml.
type consentReading struct {
	Scope                string `yaml:"scope"`
	CategoriesNotRelease struct {
		System string   `yaml:"system"`
		Codes  []string `yaml:"codes"`
	} `yaml:"categories-not-release"`
	CategoriesRelease []string `yaml:"categories-release"`
	PolicyRules       struct {
		Dissent []string `yaml:"dissent"`
		Assent  []string `yaml:"assent"`
	} `yaml:"policy-rules"`
	AuthorizationRules []string `yaml:"authorization-rules"`
	Part2Rule          string   `yaml:"part2-rule"`
	Roles              struct {
		Recipient []string `yaml:"recipient"`
		Custodian []string `yaml:"custodian"`
	} `yaml:"roles"`
	Actions []string `yaml:"actions"`
}

// codeNames is profiles/policies/codes.yaml.
type codeNames struct {
	Systems []codeSystem `yaml:"systems"`
	Known   []string     `yaml:"known"`
	Unknown []string     `yaml:"unknown"`
}

type codeSystem struct {
	System   string   `yaml:"system"`
	Also     []string `yaml:"also"`
	Spelling string   `yaml:"spelling"`
}

// representatives is profiles/policies/representatives.yaml.
type representatives struct {
	MajorityAge   int `yaml:"majority-age"`
	Relationships map[string]struct {
		MinorOnly bool `yaml:"minor-only"`
	} `yaml:"relationships"`
	MinorConfidential []string `yaml:"minor-confidential"`
}

// resourceType is an entry of profiles/policies/resources.yaml.
type resourceType struct {
	Time     []string `yaml:"time"`
	State    bool     `yaml:"state"`
	End      string   `yaml:"end"`
	Status   string   `yaml:"status"`
	Ongoing  []string `yaml:"ongoing"`
	Timeless bool     `yaml:"timeless"`
	Authors  []string `yaml:"authors"`
	Code     []string `yaml:"code"`
}

// labelRules is profiles/labels/sensitivity.yaml.
type labelRules struct {
	Confidentiality struct {
		System        string   `yaml:"system"`
		Order         []string `yaml:"order"`
		PermitDefault string   `yaml:"permit-default"`
	} `yaml:"confidentiality"`
	Sensitivity struct {
		System    string              `yaml:"system"`
		Tree      map[string][]string `yaml:"tree"`
		ToBeNamed []string            `yaml:"to-be-named"`
	} `yaml:"sensitivity"`
	NeverReleased []string `yaml:"never-released"`
	Part2         string   `yaml:"part2"`
	SelfPay       struct {
		Code         string   `yaml:"code"`
		WithheldFrom string   `yaml:"withheld-from"`
		Purposes     []string `yaml:"purposes"`
	} `yaml:"self-pay"`
	NoDisclosure     string   `yaml:"no-disclosure"`
	NotToClient      string   `yaml:"not-to-client"`
	Handling         []string `yaml:"handling"`
	Internal         []string `yaml:"internal"`
	LegalProceedings struct {
		System string `yaml:"system"`
		Code   string `yaml:"code"`
	} `yaml:"legal-proceedings"`
}

// purposeTree is profiles/purposes/tree.yaml.
type purposeTree struct {
	System    string              `yaml:"system"`
	Tree      map[string][]string `yaml:"tree"`
	NamedOnly []string            `yaml:"named-only"`
	Never     map[string][]string `yaml:"never"`
}

// purposeRules is profiles/purposes/rules.yaml.
type purposeRules struct {
	Unbound []string               `yaml:"unbound"`
	Rules   map[string]purposeRule `yaml:"rules"`
}

type purposeRule struct {
	MaxAgeMonths int `yaml:"max-age-months"`
	Records      []struct {
		Type  string   `yaml:"type"`
		Codes []string `yaml:"codes"`
	} `yaml:"records"`
}

// codes is everything that the data files say.
type codes struct {
	reading   consentReading
	names     codeNames
	represent representatives
	types     map[string]resourceType
	acting    []string
	labels    labelRules
	purposes  purposeTree
	rules     purposeRules
}

var loadCodes = sync.OnceValues(func() (*codes, error) {
	var c codes
	var types struct {
		Types  map[string]resourceType `yaml:"types"`
		Acting []string                `yaml:"acting"`
	}
	for name, into := range map[string]any{
		"policies/consents.yaml":        &c.reading,
		"policies/codes.yaml":           &c.names,
		"policies/representatives.yaml": &c.represent,
		"policies/resources.yaml":       &types,
		"labels/sensitivity.yaml":       &c.labels,
		"purposes/tree.yaml":            &c.purposes,
		"purposes/rules.yaml":           &c.rules,
	} {
		b, err := fs.ReadFile(profiles.FS, name)
		if err != nil {
			return nil, fmt.Errorf("oracle: %w", err)
		}
		if err := yaml.Unmarshal(b, into); err != nil {
			return nil, fmt.Errorf("oracle: %s: %w", name, err)
		}
	}
	c.types, c.acting = types.Types, types.Acting
	return &c, nil
})

// in says whether c is one of codes written "system|code".
func (c coding) in(written []string) bool {
	return slices.Contains(written, c.system+"|"+c.code)
}

func anyIn(cs []coding, written []string) bool {
	return slices.ContainsFunc(cs, func(c coding) bool { return c.in(written) })
}

// written parses "system|code".
func written(s string) coding {
	system, code, _ := strings.Cut(s, "|")
	return coding{system, code}
}

// atOrBelow says whether code is above, or stands somewhere below it in the tree.
func atOrBelow(tree map[string][]string, code, above string) bool {
	if code == above {
		return true
	}
	return slices.ContainsFunc(tree[above], func(c string) bool { return atOrBelow(tree, code, c) })
}

// parent is the code directly above code in the tree, or "".
func parent(tree map[string][]string, code string) string {
	for p, below := range tree {
		if slices.Contains(below, code) {
			return p
		}
	}
	return ""
}

// inTree says whether a tree knows the code.
func inTree(tree map[string][]string, code string) bool {
	_, top := tree[code]
	return top || parent(tree, code) != ""
}
