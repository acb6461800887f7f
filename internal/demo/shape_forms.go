package demo

// shapes makes the form of each shape.
var shapes = map[Shape]func(*generator, *person) Release{
	ToClinic:             (*generator).toClinic,
	GuardianSigned:       guardian,
	GuardianOutgrown:     guardian,
	RepresentativeSigned: guardian,
	Draft:                to(func(_ *generator, _ *person, r *Release) { r.Status, r.Signed = "draft", r.RevokedAt }),
	Sent:                 to(func(_ *generator, _ *person, r *Release) { r.Status, r.Signed = "sent", r.RevokedAt }),
	Unsigned:             to(func(_ *generator, _ *person, r *Release) { r.Signed = r.RevokedAt }),
	Declined:             status("declined"),
	EnteredInError:       status("void"),
	Revoked:              to(func(g *generator, _ *person, r *Release) { r.Status, r.RevokedAt = "ended", g.later(-9) }),
	RevokedUnmarked:      to(func(g *generator, _ *person, r *Release) { r.RevokedAt = g.later(-9) }),
	Expired:              to(func(g *generator, _ *person, r *Release) { r.ExpiresOn = g.date(-3) }),
	FutureDated:          to(func(g *generator, _ *person, r *Release) { r.Signed = g.later(20) }),
	NotYetEffective:      to(func(g *generator, _ *person, r *Release) { r.EffectiveOn = g.date(15) }),
	Unverified:           to(func(_ *generator, _ *person, r *Release) { no := false; r.Verified = &no }),
	SpecialCondition:     to(func(_ *generator, _ *person, r *Release) { r.Condition = "only while I am in the hospital" }),
	OtherDiscloser:       to(func(_ *generator, _ *person, r *Release) { r.Discloser = 9 }),
	UnknownPurpose:       to(func(_ *generator, _ *person, r *Release) { r.Purposes = []string{"other: see attached"} }),
	NothingTicked:        to(func(_ *generator, _ *person, r *Release) { r.EntireRecord = false }),
	NoPurpose:            to(func(_ *generator, _ *person, r *Release) { r.Purposes = nil }),
	NoRecipient:          to(func(_ *generator, _ *person, r *Release) { r.Recipients = nil }),
	WholeAndKinds:        to(func(_ *generator, _ *person, r *Release) { r.Records = []string{"attendance"} }),
	UnresolvableGroup:    to(func(_ *generator, _ *person, r *Release) { r.Recipients = []Recipient{{DescribedAs: "my care circle"}} }),
	NumberOnly:           to(func(_ *generator, _ *person, r *Release) { r.Recipients = []Recipient{{NPI: ReferringClinic.NPI}} }),
	PractitionerNamed:    to(func(_ *generator, _ *person, r *Release) { r.Recipients = []Recipient{{Person: 1}} }),
	EmergencyOnly:        to(func(_ *generator, _ *person, r *Release) { r.Purposes = []string{"emergency"} }),
	NamesTopics: to(func(_ *generator, _ *person, r *Release) {
		r.Topics = []string{"hiv", "substance_use", "mental_health"}
	}),
	DateRange: to(func(g *generator, _ *person, r *Release) {
		r.RecordsFrom, r.RecordsTo = g.date(-60), g.date(-20)
	}),
	PartialDates: to(func(g *generator, _ *person, r *Release) {
		r.RecordsFrom, r.RecordsTo = g.day(-400).Format("2006"), g.day(-30).Format("2006-01")
	}),
	ExceptDates: to(func(g *generator, _ *person, r *Release) {
		r.Exceptions = []Exception{{Effect: "except", From: g.date(-45), To: g.date(-30)}}
	}),
	ExceptSubstanceUse: to(func(_ *generator, _ *person, r *Release) {
		r.Exceptions = []Exception{{Effect: "except", Topic: "substance_use"}}
	}),
	AlsoForPerson: to(func(_ *generator, _ *person, r *Release) {
		r.EntireRecord, r.Records = false, []string{"diagnoses", "medications"}
		r.Recipients = append(r.Recipients, Recipient{Person: 1})
		r.Exceptions = []Exception{{Effect: "also", Kind: "progress_notes", Person: 1}}
	}),
	OnlyOneRecord: to(func(_ *generator, p *person, r *Release) {
		r.Named = []NamedRecord{{Relation: "only", Session: aSession(p)}}
	}),
	WithReferences: to(func(_ *generator, p *person, r *Release) {
		r.Named = []NamedRecord{{Relation: "with_references", Session: aSession(p)}}
	}),
	WithDependents: to(func(_ *generator, p *person, r *Release) {
		r.Named = []NamedRecord{{Relation: "with_dependents", Session: aSession(p), Plan: p.plan}}
	}),
	AuthoredBy: to(func(_ *generator, p *person, r *Release) {
		r.Named = []NamedRecord{{Relation: "authored_by", Staff: p.therapist.id}}
	}),

	InsurerAuthorization: insurer("diagnoses", "attendance", "treatment_plan", "assessments"),
	InsurerNotes:         insurer("diagnoses", "attendance", "progress_notes"),
	ToEmployer: func(g *generator, _ *person) Release {
		return Release{Form: "hipaa_auth", Status: "active", Signed: g.at(-30, 10), EffectiveOn: g.date(-40), ExpiresOn: g.date(60), Records: []string{"attendance"},
			Recipients: []Recipient{{Organization: Employer.ID}}, Purposes: []string{"at_my_request"}}
	},
	LawyerAtMyRequest: func(g *generator, _ *person) Release {
		return Release{Form: "hipaa_auth", Status: "active", Signed: g.at(-25, 10), EffectiveOn: g.date(-30), ExpiresOn: g.date(150), EntireRecord: true,
			Recipients: []Recipient{{Organization: LawFirm.ID}}, Purposes: []string{"at_my_request"}}
	},
	PsychotherapyAuth: func(g *generator, _ *person) Release {
		return Release{Form: "psychotherapy_auth", Status: "active", Signed: g.at(-25, 11), EffectiveOn: g.date(-30), ExpiresOn: g.date(150), EntireRecord: true,
			Topics: []string{"psychotherapy_notes"}, Recipients: []Recipient{{Organization: ReferringClinic.ID}}, Purposes: []string{"coordination_of_care"}}
	},
	NamesNobody: func(g *generator, _ *person) Release {
		return Release{Form: "tpo_intake", Status: "active", Signed: g.at(-300, 9), EffectiveOn: g.date(-310), EntireRecord: true, Purposes: []string{"treatment", "insurance_billing", "operations"}}
	},
	PrivacyNoticeOnly: func(g *generator, _ *person) Release {
		return Release{Form: "npp_ack", Status: "active", Signed: g.at(-300, 9), EffectiveOn: g.date(-310), EntireRecord: true}
	},
	Part2TPO: func(g *generator, _ *person) Release {
		return Release{Form: "part2_tpo", Status: "active", Signed: g.at(-110, 9), EffectiveOn: g.date(-115), EntireRecord: true, Purposes: []string{"treatment", "insurance_billing", "operations"}}
	},
	Part2Named: func(g *generator, _ *person) Release {
		return Release{Form: "part2", Status: "active", Signed: g.at(-100, 9), EffectiveOn: g.date(-105), ExpiresOn: g.date(260), EntireRecord: true,
			Recipients: []Recipient{{Organization: Part2Clinic.ID}}, Purposes: []string{"coordination_of_care"}}
	},
	SelfPayRestriction: refusal(func(_ *generator, p *person, r *Release) {
		org := p.insurer
		if org == 0 {
			org = Insurer.ID
		}
		r.Form, r.Recipients, r.Purposes, r.Named = "self_pay_restriction", []Recipient{{Organization: org}}, []string{"insurance_billing", "operations"}, selfPaid(p)
	}),
	DenyAll:          refusal(func(_ *generator, _ *person, _ *Release) {}),
	OptOut:           refusal(func(_ *generator, _ *person, r *Release) { r.Form = "opt_out" }),
	DenySubstanceUse: refusal(func(_ *generator, _ *person, r *Release) { r.Topics = []string{"substance_use"} }),
	DenyVeryRestricted: refusal(func(_ *generator, _ *person, r *Release) {
		r.Topics = []string{"restricted"}
	}),
	DenyOrganization: refusal(func(_ *generator, _ *person, r *Release) {
		r.Recipients = []Recipient{{Organization: 6}}
	}),
}
