package demo_test

import (
	"testing"

	"github.com/consentry/gateway/internal/demo"
	"github.com/consentry/gateway/internal/release/consent"
)

// shapeCase says what the forms of one shape must come to, for all clients who have one.
type shapeCase struct {
	shape        demo.Shape
	partner      string
	practitioner string
	permits      bool
	only, never  []string // types that it permits alone, all of them, or never
	may          []string // types that it may permit besides, where the client has any
}

func TestWhatEachShapeOfFormComesTo(t *testing.T) {
	d := decidePractice(t, 160)
	t.Run("releases permit", d.permits)
	t.Run("restrictions deny", d.denies)
	t.Run("a restriction of restricted records denies no others", d.deniesOnlyTheRestricted)
	t.Run("nothing is unclassified", d.leavesNothingUnclassified)
}

func (d *deciding) permits(t *testing.T) {
	okafor := demo.Partners()[0].Practitioners[0]
	cases := []shapeCase{
		{shape: demo.ToClinic, partner: harbor, permits: true},
		{shape: demo.ToClinic, partner: newDawn},
		{shape: demo.ToClinic, partner: blueriver},
		{shape: demo.DateRange, partner: harbor, permits: true},
		{shape: demo.PartialDates, partner: harbor, permits: true},
		{shape: demo.ExceptDates, partner: harbor, permits: true},
		{shape: demo.InsurerAuthorization, partner: blueriver, permits: true, never: []string{"DocumentReference", "MedicationRequest"}},
		{shape: demo.InsurerNotes, partner: blueriver, permits: true, only: []string{"Condition", "Encounter", "Procedure", "DocumentReference"}},
		{shape: demo.InsurerNotes, partner: harbor},
		{shape: demo.WholeAndKinds, partner: harbor, permits: true, only: []string{"Encounter", "Procedure"}},
		{shape: demo.Part2TPO, partner: harbor, permits: true},
		{shape: demo.Part2TPO, partner: newDawn},
		{shape: demo.Part2Named, partner: newDawn, permits: true},
		{shape: demo.Part2Named, partner: harbor},
		{shape: demo.ExceptSubstanceUse, partner: harbor, permits: true},
		{shape: demo.GuardianSigned, partner: harbor, permits: true},
		{shape: demo.GuardianOutgrown, partner: harbor},
		{shape: demo.RepresentativeSigned, partner: harbor, permits: true},
		{shape: demo.NamesNobody, partner: harbor, permits: true},
		{shape: demo.NamesNobody, partner: blueriver, permits: true},
		{shape: demo.NamesNobody, partner: reyes},
		{shape: demo.ToEmployer, partner: northline, permits: true, only: []string{"Encounter", "Procedure"}},
		{shape: demo.LawyerAtMyRequest, partner: reyes, permits: true},
		{shape: demo.PractitionerNamed, partner: harbor, practitioner: okafor, permits: true},
		{shape: demo.PractitionerNamed, partner: harbor},
		{shape: demo.NumberOnly, partner: harbor, permits: true},
		{shape: demo.NamesTopics, partner: harbor, permits: true},
		{shape: demo.OnlyOneRecord, partner: harbor, permits: true, only: []string{"Encounter"}},
		{shape: demo.WithReferences, partner: harbor, permits: true, never: []string{"CarePlan"}},
		{shape: demo.WithDependents, partner: harbor, permits: true},
		{shape: demo.AuthoredBy, partner: harbor, permits: true, never: []string{"Patient"}},
		{shape: demo.AlsoForPerson, partner: harbor, permits: true, only: []string{"Condition"}, may: []string{"MedicationRequest"}},
		{shape: demo.AlsoForPerson, partner: harbor, practitioner: okafor, permits: true, only: []string{"Condition", "DocumentReference"}, may: []string{"MedicationRequest"}},
	}
	for _, silent := range []demo.Shape{demo.Draft, demo.Sent, demo.Declined, demo.EnteredInError, demo.Expired, demo.FutureDated, demo.NotYetEffective, demo.Unsigned, demo.Unverified,
		demo.PrivacyNoticeOnly, demo.SpecialCondition, demo.OtherDiscloser, demo.UnknownPurpose, demo.NothingTicked, demo.NoPurpose, demo.NoRecipient, demo.UnresolvableGroup, demo.Revoked, demo.RevokedUnmarked,
		demo.EmergencyOnly, demo.PsychotherapyAuth} {
		cases = append(cases, shapeCase{shape: silent, partner: harbor})
	}
	for _, c := range cases {
		t.Run(string(c.shape)+" for "+c.partner, func(t *testing.T) { d.checkShape(t, c) })
	}
}

func (d *deciding) checkShape(t *testing.T, c shapeCase) {
	forms, total := d.practice.Shapes[c.shape], map[string]int{}
	if len(forms) == 0 {
		t.Fatal("nobody signed one")
	}
	for _, f := range forms {
		for typ, n := range released(d.ask(t, c.partner, c.practitioner, f.Client), d.formOf(t, f, "release")) {
			total[typ] += n
		}
	}
	if (len(total) > 0) != c.permits {
		t.Errorf("permits %v", total)
	}
	for _, typ := range c.never {
		if total[typ] > 0 {
			t.Errorf("permits %d %s", total[typ], typ)
		}
	}
	if c.only == nil {
		return
	}
	for _, typ := range c.only {
		if total[typ] == 0 {
			t.Errorf("permits no %s", typ)
		}
		delete(total, typ)
	}
	for _, typ := range append(c.may, "Provenance") { // a Provenance goes with what it is about
		delete(total, typ)
	}
	if len(total) > 0 {
		t.Errorf("also permits %v", total)
	}
}

func (d *deciding) deniesOnlyTheRestricted(t *testing.T) {
	for _, f := range d.practice.Shapes[demo.DenyVeryRestricted] {
		for _, o := range d.ask(t, harbor, "", f.Client) {
			if o.Consent == d.formOf(t, f, "restriction") && !o.has("R") && !o.has("V") {
				t.Errorf("denies a %s that is not restricted", o.Type)
			}
		}
	}
}

// Whatever the practice keeps is classified: a kind of record that the label rules do not know would be withheld from everybody, unnoticed.
func (d *deciding) leavesNothingUnclassified(t *testing.T) {
	seen := map[string]bool{}
	for _, client := range d.practice.Clients[:40] {
		for _, o := range d.ask(t, harbor, "", client) {
			if what := o.Type + " of " + o.Origin.Map; o.Reason == consent.Unclassified && !seen[what] {
				seen[what] = true
				t.Errorf("a %s is unclassified", what)
			}
		}
	}
}

func (d *deciding) denies(t *testing.T) {
	for _, c := range []struct {
		shape   demo.Shape
		partner string
		denies  bool
		all     bool // and nothing at all is released
	}{
		{shape: demo.DenyAll, partner: harbor, denies: true, all: true},
		{shape: demo.OptOut, partner: blueriver, denies: true, all: true},
		{shape: demo.DenyOrganization, partner: harbor},
		{shape: demo.DenyOrganization, partner: blueriver},
		{shape: demo.SelfPayRestriction, partner: harbor},
		{shape: demo.SelfPayRestriction, partner: blueriver, denies: true},
	} {
		t.Run(string(c.shape)+" for "+c.partner, func(t *testing.T) {
			denied := 0
			for _, f := range d.practice.Shapes[c.shape] {
				for _, o := range d.ask(t, c.partner, "", f.Client) {
					if o.Reason == consent.Denied && o.Consent == d.formOf(t, f, "restriction") {
						denied++
					}
					if c.all && o.Release {
						t.Errorf("releases a %s", o.Type)
					}
				}
			}
			if (denied > 0) != c.denies {
				t.Errorf("denies %d records", denied)
			}
		})
	}
}
