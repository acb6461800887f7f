package policy

import (
	"crypto/sha256"
	"hash"
	"strconv"
)

// The shapes of the files. Unknown keys are errors.

type consentsFile struct {
	Scope      string `yaml:"scope"`
	NotRelease struct {
		System string   `yaml:"system"`
		Codes  []string `yaml:"codes"`
	} `yaml:"categories-not-release"`
	Release     []string `yaml:"categories-release"`
	PolicyRules struct {
		Dissent []string `yaml:"dissent"`
		Assent  []string `yaml:"assent"`
	} `yaml:"policy-rules"`
	Authorization []string `yaml:"authorization-rules"`
	Part2         string   `yaml:"part2-rule"`
	Roles         struct {
		Recipient []string `yaml:"recipient"`
		Custodian []string `yaml:"custodian"`
	} `yaml:"roles"`
	Actions []string `yaml:"actions"`
}

type representativesFile struct {
	MajorityAge   int `yaml:"majority-age"`
	Relationships map[string]struct {
		MinorOnly bool `yaml:"minor-only"`
	} `yaml:"relationships"`
	MinorConfidential []string `yaml:"minor-confidential"`
}

// resourcesFile is read for the names of the types, their authors and concepts, and who only acts; what else it says is the business of who fills
// the Facts.
type resourcesFile struct {
	Acting []string                `yaml:"acting"`
	Types  map[string]resourceFile `yaml:"types"`
}

type resourceFile struct {
	Authors []string       `yaml:"authors"`
	Code    []string       `yaml:"code"`
	Rest    map[string]any `yaml:",inline"`
}

type treeFile struct {
	System    string              `yaml:"system"`
	Tree      map[string][]string `yaml:"tree"`
	NamedOnly []string            `yaml:"named-only"`
	Never     map[string][]string `yaml:"never"`
}

type rulesFile struct {
	Unbound []string            `yaml:"unbound"`
	Rules   map[string]ruleFile `yaml:"rules"`
}

type ruleFile struct {
	MaxAgeMonths int `yaml:"max-age-months"`
	Records      []struct {
		Type  string   `yaml:"type"`
		Codes []string `yaml:"codes"`
	} `yaml:"records"`
}

type sensitivityFile struct {
	Confidentiality struct {
		System        string   `yaml:"system"`
		Order         []string `yaml:"order"`
		PermitDefault string   `yaml:"permit-default"`
	} `yaml:"confidentiality"`
	Sensitivity struct {
		System    string              `yaml:"system"`
		Tree      map[string][]string `yaml:"tree"`
		ToBeNamed []string            `yaml:"to-be-named"`
		Ordinary  []string            `yaml:"ordinary"`
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

// hashWriter gathers the digest of the files. Its zero value is ready.
type hashWriter struct{ hash.Hash }

func (w *hashWriter) add(name string, data []byte) {
	if w.Hash == nil {
		w.Hash = sha256.New()
	}
	w.Write([]byte(name + "\x00" + strconv.Itoa(len(data)) + "\x00"))
	w.Write(data)
}
