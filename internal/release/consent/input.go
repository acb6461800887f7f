package consent

import (
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/policy"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
)

// Rules are what the profiles say of Consents, purposes, labels and representatives.
type Rules = policy.Reading

// Input is everything that a decision depends on. The zero Input withholds.
type Input struct {
	Requester  *requester.Requester
	Permission smart.Permission
	// Client is whose chart it is, "Patient/x".
	Client fhir.Reference
	// Chart is the whole chart: references, representatives and the birth date are looked up in it.
	Chart []stage.Labeled
	// Policies are the Consents of every client concerned: of Client, and of the others whom a record of the chart is about.
	Policies map[fhir.Reference]policy.Set
	// People are the Patients and RelatedPersons of the other clients concerned, as far as they are known: whoever signed for one of them must
	// be found here. So are PractitionerRoles: who holds one that is not here or in the chart is unknown.
	People []stage.Labeled
	// Refused says that the client of some Consent of the source cannot be told: nothing is open (rule 8).
	Refused bool
	// Related are the clients, of those concerned, to whom the practice's own data tie the partner (referral, care team, coverage), rule 13.
	Related map[fhir.Reference]bool
	// Practice is this practice, as Consent.organization and a custodian may name it.
	Practice []requester.Party
	// AnyDiscloser says that the rule on who discloses is not applied. Without it an empty Practice is named by no Consent.
	AnyDiscloser bool

	Now   time.Time
	Zone  *time.Location
	Rules *Rules
	// Granular tells whether a record matches a search parameter of a granular scope; nil matches none.
	Granular func(*stage.Facts, smart.Param) bool
}

// Reason says why a resource is released or withheld. The requester never sees it.
type Reason string

// The reasons.
const (
	Permitted         Reason = "permitted"
	SelfAccess        Reason = "self-access"
	NoConsent         Reason = "no-consent"
	Denied            Reason = "denied"
	PsychotherapyNote Reason = "psychotherapy-note"
	Scope             Reason = "scope"
	Token             Reason = "token"
	Purpose           Reason = "purpose"
	PurposeRule       Reason = "purpose-rule"
	Restriction       Reason = "restriction"
	Label             Reason = "label"
	Unclassified      Reason = "unclassified"
	OtherPatient      Reason = "other-patient"
)

// Decision is the answer for one resource. The zero Decision withholds.
type Decision struct {
	Release bool
	Reason  Reason
	// Consent and Provision are what decided: the Consent and the path in it ("provision.provision[1]"). Empty where no Consent did; of the rules
	// that a token itself states, Provision names the one that did ("residual[0]").
	Consent   fhir.Reference
	Provision string
}

// Result is the answer for a chart.
type Result struct {
	// Decisions are one for each resource of the chart, in its order.
	Decisions []Decision
	// Released are the released ones, in the same order.
	Released []stage.Released
	// ValidUntil is the next instant at which a period changes an answer, Forever if none does.
	ValidUntil time.Time

	minimal minimal
}

// Forever is the ValidUntil of an answer that no period changes.
var Forever = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
