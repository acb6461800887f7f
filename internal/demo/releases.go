package demo

import "time"

// Release is a form about releasing records as the front desk enters it. Dates are as they stand on the form, so they may be partial
// ("2026", "2026-03"); ids are the practice's own.
type Release struct {
	Form         string // roi, hipaa_auth, part2, part2_tpo, tpo_intake, npp_ack, restriction, self_pay_restriction, opt_out, psychotherapy_auth
	Status       string // draft, sent, active, declined, ended, void
	Signed       time.Time
	SignedBy     int64 // client_contacts.id of the representative who signed, 0 for the client
	EffectiveOn  string
	ExpiresOn    string
	RecordsFrom  string
	RecordsTo    string
	EntireRecord bool
	Condition    string // a condition in the client's own words
	Verified     *bool  // whether the signature was verified, nil for not asked
	Discloser    int64  // organizations.id of the one who is to disclose, 0 for this practice
	RevokedAt    time.Time
	Document     int64 // documents.id of the scan

	Recipients []Recipient
	Purposes   []string
	Records    []string
	Topics     []string
	Exceptions []Exception
	Named      []NamedRecord
}

// Recipient is one to whom a form releases.
type Recipient struct {
	Organization, Person int64
	NPI                  string // only a number is on the form
	DescribedAs          string // words that name nobody the practice could look up
}

// Exception is an "except" or "also" line of a form.
type Exception struct {
	Effect               string // except, also
	Kind, Topic, Purpose string
	Organization, Person int64
	From, To             string
	Session              int64
}

// NamedRecord is a record, or an author, that a form names.
type NamedRecord struct {
	Relation             string // only, with_references, with_dependents, authored_by
	Session, Plan, Staff int64
}

// adder inserts a row with the table's next id and returns that id.
type adder func(table, columns string, values ...any) int64

// enterRelease writes the form of a client with all its lines.
func enterRelease(add adder, client int64, r Release, now time.Time) int64 {
	verified := any(nil)
	if r.Verified != nil {
		verified = *r.Verified
	}
	entered := local(now)
	if !r.Signed.IsZero() && r.Signed.Before(now) {
		entered = local(r.Signed.Add(2 * time.Hour))
	}
	id := add("releases", "client_id, form, form_version, status, signed_at, signed_by_contact, effective_on, expires_on, records_from, records_to, entire_record, special_condition, "+
		"identity_verified, discloser_organization, revoked_at, document_id, entered_by, entered_at, updated_at", client, r.Form, "3.1", r.Status, nullTime(r.Signed), nullID(r.SignedBy),
		null(r.EffectiveOn), null(r.ExpiresOn), null(r.RecordsFrom), null(r.RecordsTo), r.EntireRecord, null(r.Condition), verified, nullID(r.Discloser), nullTime(r.RevokedAt),
		nullID(r.Document), 12, entered, entered)
	for _, x := range r.Recipients {
		add("release_recipients", "release_id, organization_id, person_id, npi, described_as", id, nullID(x.Organization), nullID(x.Person), null(x.NPI), null(x.DescribedAs))
	}
	for _, x := range r.Purposes {
		add("release_purposes", "release_id, purpose", id, x)
	}
	for _, x := range r.Records {
		add("release_records", "release_id, kind", id, x)
	}
	for _, x := range r.Topics {
		add("release_topics", "release_id, topic", id, x)
	}
	for _, x := range r.Exceptions {
		add("release_exceptions", "release_id, effect, kind, topic, purpose, organization_id, person_id, records_from, records_to, session_id", id, x.Effect, null(x.Kind), null(x.Topic),
			null(x.Purpose), nullID(x.Organization), nullID(x.Person), null(x.From), null(x.To), nullID(x.Session))
	}
	for _, x := range r.Named {
		add("release_named", "release_id, relation, session_id, plan_id, staff_id", id, x.Relation, nullID(x.Session), nullID(x.Plan), nullID(x.Staff))
	}
	return id
}

// nullTime is the local time, or NULL for the zero time.
func nullTime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return local(t)
}

// sign enters a form of a shape for a client.
func (g *generator) sign(p *person, s Shape) {
	if (s == NamesNobody || s == NoRecipient) && p.referrer == 0 { // a consent without recipient reaches whom the practice's data tie to the client
		g.referral(p)
	}
	r := shapes[s](g, p)
	if r.Document == 0 && r.Form != "npp_ack" {
		r.Document = p.scan
	}
	id := enterRelease(g.add, p.key, r, g.now)
	g.p.Shapes[s] = append(g.p.Shapes[s], SignedForm{p.clientKey(), id})
}

// signedForms enters the forms of a client: those of their part in the block, and forms of the general shapes in turn.
func (g *generator) signedForms(p *person) {
	general := 0
	switch p.slot {
	case slotFull:
		g.sign(p, ExceptSubstanceUse)
		g.sign(p, Part2Named)
		g.sign(p, InsurerAuthorization)
		g.sign(p, SelfPayRestriction)
	case slotRecoveryEarly:
		g.sign(p, Part2TPO)
		general = 1
	case slotRecovery:
		g.sign(p, Part2Named)
	case slotRecoveryDual:
		g.sign(p, ExceptSubstanceUse)
		g.sign(p, Part2Named)
	case slotCoupleA, slotCoupleB, slotSignedHalf:
		g.sign(p, ToClinic)
	case slotMinor, slotFamilyChild, slotAlmostAdult:
		g.sign(p, GuardianSigned)
	case slotJustAdult:
		g.sign(p, GuardianOutgrown)
	case slotRepresented:
		g.sign(p, RepresentativeSigned)
		general = 1
	case slotSelfPaid:
		g.sign(p, InsurerAuthorization)
		g.sign(p, SelfPayRestriction)
	case slotUnsignedHalf:
		g.sign(p, PrivacyNoticeOnly)
	case slotFamilyParent, slotMedication, slotWaiting, slotPlain, slotDischarged, slotGroupOnly:
		general = 2
	}
	for range general {
		g.sign(p, generalShapes[g.turn%len(generalShapes)])
		g.turn++
	}
}
