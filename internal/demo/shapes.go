package demo

import "time"

// Shape is a shape of signed form that the gateway must get right.
type Shape string

// The shapes. Those that are everyday cases of the decision come first.
const (
	ToClinic             Shape = "release to one clinic"
	DateRange            Shape = "release of a range of dates"
	InsurerAuthorization Shape = "insurer's authorization"
	InsurerNotes         Shape = "insurer's authorization naming progress notes"
	Part2TPO             Shape = "Part 2 consent for treatment, payment, operations"
	Part2Named           Shape = "Part 2 consent to a named clinic"
	ExceptSubstanceUse   Shape = "release except substance use"
	Revoked              Shape = "revoked"
	RevokedUnmarked      Shape = "revoked, status not updated"
	GuardianSigned       Shape = "signed by a guardian"
	GuardianOutgrown     Shape = "signed by a guardian, client now of age"
	RepresentativeSigned Shape = "signed under a health care power of attorney"
	SelfPayRestriction   Shape = "self-pay restriction"
	NamesNobody          Shape = "intake consent that names nobody"
	ToEmployer           Shape = "employer"

	Draft              Shape = "draft"
	Sent               Shape = "sent for signature"
	Declined           Shape = "declined"
	EnteredInError     Shape = "entered in error"
	Expired            Shape = "expired"
	FutureDated        Shape = "signature dated in the future"
	NotYetEffective    Shape = "not yet effective"
	Unsigned           Shape = "active but unsigned"
	Unverified         Shape = "signature could not be verified"
	PrivacyNoticeOnly  Shape = "privacy notice acknowledged, nothing released"
	SpecialCondition   Shape = "a condition in the client's own words"
	OtherDiscloser     Shape = "somebody else is to disclose"
	UnknownPurpose     Shape = "purpose that the map does not know"
	NothingTicked      Shape = "no kind of record ticked"
	NoPurpose          Shape = "no purpose filled in"
	NoRecipient        Shape = "no recipient filled in"
	WholeAndKinds      Shape = "both the whole record and some kinds"
	UnresolvableGroup  Shape = "recipient is a group nobody can resolve"
	PractitionerNamed  Shape = "named practitioner"
	NumberOnly         Shape = "recipient by NPI only"
	LawyerAtMyRequest  Shape = "lawyer, at my request"
	EmergencyOnly      Shape = "break the glass only"
	DenyAll            Shape = "no sharing with anybody"
	OptOut             Shape = "opt-out of sharing"
	DenySubstanceUse   Shape = "no sharing of substance use"
	DenyOrganization   Shape = "no sharing with one organization"
	DenyVeryRestricted Shape = "no sharing of restricted records"
	NamesTopics        Shape = "initialled HIV and substance use"
	OnlyOneRecord      Shape = "one record and no other"
	WithReferences     Shape = "a session and all that belongs to it"
	WithDependents     Shape = "a plan and what refers to it"
	AuthoredBy         Shape = "what one clinician wrote"
	PartialDates       Shape = "range of dates with partial dates"
	AlsoForPerson      Shape = "more for a named person than for the clinic"
	ExceptDates        Shape = "except some dates"
	PsychotherapyAuth  Shape = "authorization of psychotherapy notes"
)

// generalShapes are signed by clients in turn; the others hang on who the client is.
var generalShapes = []Shape{
	ToClinic, DateRange, InsurerNotes, Revoked, NamesNobody, ToEmployer, Draft, PractitionerNamed, Sent, NumberOnly, Declined, EnteredInError, LawyerAtMyRequest, Expired,
	NamesTopics, FutureDated, OnlyOneRecord, NotYetEffective, WithReferences, Unsigned, WithDependents, Unverified, AuthoredBy, PrivacyNoticeOnly, PartialDates, SpecialCondition,
	AlsoForPerson, OtherDiscloser, ExceptDates, UnknownPurpose, InsurerAuthorization, NothingTicked, NoPurpose, NoRecipient, WholeAndKinds, EmergencyOnly, UnresolvableGroup, PsychotherapyAuth, RevokedUnmarked,
	DenyOrganization, DenySubstanceUse, DenyVeryRestricted, OptOut, DenyAll,
}

// toClinic is the plain release to the referring clinic: the whole record, for the coordination of care, for a year.
func (g *generator) toClinic(p *person) Release {
	return Release{
		Form: "roi", Status: "active", Signed: g.at(-60-p.r.IntN(60), 14), EffectiveOn: g.date(-120), ExpiresOn: g.date(300), EntireRecord: true,
		Recipients: []Recipient{{Organization: ReferringClinic.ID}}, Purposes: []string{"coordination_of_care"},
	}
}

// to is a form like toClinic with something changed.
func to(change func(g *generator, p *person, r *Release)) func(*generator, *person) Release {
	return func(g *generator, p *person) Release {
		r := g.toClinic(p)
		change(g, p, &r)
		return r
	}
}

// status is toClinic in another status.
func status(s string) func(*generator, *person) Release {
	return to(func(_ *generator, _ *person, r *Release) { r.Status = s })
}

// refusal is a form that restricts and releases nothing.
func refusal(change func(g *generator, p *person, r *Release)) func(*generator, *person) Release {
	return func(g *generator, p *person) Release {
		r := Release{Form: "restriction", Status: "active", Signed: g.at(-50-p.r.IntN(20), 13), EffectiveOn: g.date(-70)}
		change(g, p, &r)
		return r
	}
}

// insurer is an authorization to the client's insurer, for two kinds of record or more.
func insurer(kinds ...string) func(*generator, *person) Release {
	return func(g *generator, p *person) Release {
		org := p.insurer
		if org == 0 {
			org = Insurer.ID
		}
		return Release{Form: "hipaa_auth", Status: "active", Signed: g.at(-70, 9), EffectiveOn: g.date(-90), ExpiresOn: g.date(200), Records: kinds,
			Recipients: []Recipient{{Organization: org}}, Purposes: []string{"insurance_billing"}}
	}
}

// guardian is toClinic signed by the client's representative.
func guardian(g *generator, p *person) Release {
	r := g.toClinic(p)
	r.SignedBy = p.guardian
	if p.slot.minor() {
		r.Recipients = append(r.Recipients, Recipient{Organization: 10})
	}
	return r
}

// aSession is one of the client's sessions that took place, 0 for none.
func aSession(p *person) int64 { return firstCompleted(p).id }

// selfPaid are the client's sessions that they paid for themselves.
func selfPaid(p *person) []NamedRecord {
	var out []NamedRecord
	for _, s := range p.sessions {
		if s.selfPay && s.status == "completed" {
			out = append(out, NamedRecord{Relation: "with_references", Session: s.id})
		}
	}
	return out
}

// later is the local time so many days from today, at noon.
func (g *generator) later(days int) time.Time { return g.day(days).Add(12 * time.Hour) }
