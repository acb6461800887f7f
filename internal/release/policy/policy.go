package policy

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/consentry/gateway/internal/fhir"
)

// Policy is one compiled Consent. It is immutable: it is shared by everybody who asks.
type Policy struct {
	ID          fhir.Reference
	Identifiers []fhir.Identifier // its business identifiers
	Patient     fhir.Reference
	// Digest is the SHA-256 of the Consent as it came.
	Digest [sha256.Size]byte

	// Unreadable says that the Consent could not be parsed: it withholds everything of its client but self-access (rule 8).
	Unreadable bool
	// Active says that status=active. Any other Consent says nothing at all (rule 7).
	Active bool
	// Silenced says that scope, category, dateTime or verification are not those of a release: permits fall, denies stand (rule 7).
	Silenced bool
	// Doubt says that the Consent holds something that we cannot interpret: it can only deny (rule 8).
	Doubt bool
	// Notes name the elements that made the Consent unreadable, silenced or doubtful. They hold paths, never values.
	Notes []string

	// NotBefore is the beginning of dateTime; zero for none. Until then permits are silent.
	NotBefore time.Time
	// Performers are who agreed; empty for nobody stated.
	Performers []Party
	// Organizations are the ones who disclose; empty for nobody stated.
	Organizations []Party
	// Custodians are the actors in the role of the one who discloses, anywhere in the Consent: another than this practice is a doubt.
	Custodians []Party

	// Authorization says that the Consent is a HIPAA authorization or a Part 2 consent (rule 17).
	Authorization bool
	// Part2 says that the Consent was made under 42CFRPart2CD (rule 16).
	Part2 bool
	// NamesSensitivity says that one of its permits lists a sensitivity, itself or by what it inherits (rule 16: then all of them are to be
	// named).
	NamesSensitivity bool

	Root *Provision

	boundaries []time.Time // sorted
}

// IsCalled tells whether a name that a token gives a Consent means this one: its reference, or a business identifier as "system|value" or
// "system#value", or its value alone where that is a URI.
func (p *Policy) IsCalled(name string) bool {
	if name == "" {
		return false
	}
	return name == p.ID.String() || slices.ContainsFunc(p.Identifiers, func(i fhir.Identifier) bool {
		return i.System != "" && i.Value != "" && (name == i.System+"|"+i.Value || name == i.System+"#"+i.Value || i.System == fhir.SystemURI && name == i.Value)
	})
}

// NextAfter is the next instant after t at which a period or date of the Consent begins or ends; ok is false if there is none.
func (p *Policy) NextAfter(t time.Time) (next time.Time, ok bool) {
	i, found := slices.BinarySearchFunc(p.boundaries, t, time.Time.Compare)
	for found && i < len(p.boundaries) && !p.boundaries[i].After(t) {
		i++
	}
	if i == len(p.boundaries) {
		return time.Time{}, false
	}
	return p.boundaries[i], true
}

// Effect is what a provision says where it matches.
type Effect uint8

// The effects. A silent provision passes to its nested ones and says nothing itself.
const (
	Silent Effect = iota
	Permit
	Deny
)

// Provision is one rule with everything that it inherits. What is a list of groups holds one group for each provision on the path that
// states the attribute: the groups are ANDed, the values of one are ORed, no group at all means any (rules 10 and 11).
type Provision struct {
	Path   string // "provision", "provision.provision[1]"
	Effect Effect

	Periods  []Period
	Actors   [][]Actor
	Actions  []Actions
	Purposes []fhir.Coding // the nearest stated ones; nil for any
	Labels   *LabelSet     // the nearest stated ones; nil for none
	// LabelsOfPermit says that Labels are inherited from a provision that is no deny, or through one: a deny that inherits them means
	// whatever that provision reached, a confidentiality downwards as well as upwards.
	LabelsOfPermit bool
	Classes        [][]Class
	Codes          [][]Code
	DataPeriods    []Period
	Data           [][]Datum

	Children []*Provision
}

// Party is who a reference names, by reference, by identifier or both. Neither: it cannot be resolved.
type Party struct {
	Reference  fhir.Reference
	Identifier fhir.Identifier // zero, or system and value
}

// Actor is one actor of a provision.
type Actor struct {
	Party
	// Type is the resource type that the Consent says the actor has, by its reference or beside an identifier; empty where it does not say.
	Type string
	// Custodian says that the actor is the one who discloses, no recipient.
	Custodian bool
	// Unread says that the actor cannot be interpreted: it counts as matching a deny.
	Unread bool
}

// Period is a period of a provision. An unread one matches no permit and every deny.
type Period struct {
	fhir.Interval
	Unread bool
}

// Actions is what the actions that one provision states are to us.
type Actions struct {
	Ours   bool // access or disclose is among them
	Unread bool // one that we do not know is among them
}

// ClassKind is how a class is compared with a record.
type ClassKind uint8

// The kinds of class (Consent.provision.class). The zero value is one that we do not know.
const (
	ClassUnknown ClassKind = iota
	ClassType              // a resource type
	ClassProfile           // a profile's URL
	ClassFormat            // a content type or format code
)

// Class is one content class.
type Class struct {
	Kind ClassKind
	Name string
}

// Code is one code that must be found in the record.
type Code struct {
	fhir.Coding // without display; zero where the Consent states none
	// Foreign says that the code system is none that we know: not finding the code proves nothing.
	Foreign bool

	same fhir.Coding // as it is compared
}

// Meaning is how a data reference is meant (http://hl7.org/fhir/consent-data-meaning).
type Meaning uint8

// The meanings. The zero value is one that we do not know.
const (
	MeaningUnknown Meaning = iota
	Instance
	Related
	Dependents
	AuthoredBy
)

// Datum is one data reference.
type Datum struct {
	Meaning   Meaning
	Reference fhir.Reference
	// Unread says that the reference cannot be interpreted: it matches no permit and every deny.
	Unread bool
}

// LabelSet is the security labels that a provision states, read both as a permit and as a deny reads them.
type LabelSet struct {
	// Limited says that a confidentiality is listed, known or not: without it a permit covers up to the default.
	Limited bool
	// Highest and Lowest are the highest and lowest confidentiality listed, 0 for none that is known.
	Highest, Lowest int
	// Sensitive says that something is listed that is, or may be, a sensitivity.
	Sensitive bool
	// Named are the sensitivities listed, with all below them.
	Named Mask
	// Part2 says that 42CFRPart2 is listed.
	Part2 bool
	// Handling are the other known codes listed, without display.
	Handling []fhir.Coding
	// Unread says that a code is listed that we do not know: it covers nothing and matches every deny.
	Unread bool
}

// Set is the Consents of one client. The zero Set is not loaded and withholds.
type Set struct {
	loaded   bool
	policies []*Policy
}

// NewSet makes the Set of one client from all Consents that there are for that client; none is a client who has consented to nothing. Their
// order does not matter.
func NewSet(policies ...*Policy) Set {
	s := Set{loaded: true, policies: slices.Clone(policies)}
	for i, p := range s.policies {
		if p == nil {
			s.policies[i] = &Policy{Unreadable: true}
		}
	}
	slices.SortStableFunc(s.policies, func(a, b *Policy) int {
		return cmp.Or(cmp.Compare(a.ID.ID, b.ID.ID), bytes.Compare(a.Digest[:], b.Digest[:]))
	})
	return s
}

// Loaded tells whether the Consents were looked up at all.
func (s Set) Loaded() bool { return s.loaded }

// Policies gives the Policies, in an order that does not depend on how they came. The caller must not change the slice.
func (s Set) Policies() []*Policy { return s.policies }

// Compiled gives the Policy of the text with the given SHA-256, nil if the Set has none. It holds for the zone and the rules that the Set was
// compiled with.
func (s Set) Compiled(digest [sha256.Size]byte) *Policy {
	i := slices.IndexFunc(s.policies, func(p *Policy) bool { return p.Digest == digest })
	if i < 0 {
		return nil
	}
	return s.policies[i]
}

// Unreadable gives a Consent of the Set that could not be parsed, nil for none.
func (s Set) Unreadable() *Policy {
	for _, p := range s.policies {
		if p.Unreadable {
			return p
		}
	}
	return nil
}
