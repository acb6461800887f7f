package demo_test

import (
	"testing"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release/consent"
)

const (
	harbor    = "harbor-family-medicine"
	newDawn   = "new-dawn-recovery"
	blueriver = "blueriver-health-plan"
	northline = "northline-logistics"
	reyes     = "reyes-attorneys"
)

func TestTheStoryComesOut(t *testing.T) {
	d := decidePractice(t, 20)
	t.Run("each partner of the referred client gets its share", d.referred)
	t.Run("couples, minors and those of age", d.couplesAndMinors)
	t.Run("an insurer gets no self-paid session", d.selfPaid)
}

func (d *deciding) referred(t *testing.T) {
	client := d.practice.Story.Referred

	clinic := d.ask(t, harbor, "", client)
	for _, typ := range []string{"Patient", "Encounter", "Condition", "Observation", "DocumentReference", "CarePlan", "Goal", "MedicationRequest", "Procedure"} {
		if released(clinic, fhir.Reference{})[typ] == 0 {
			t.Errorf("the referring clinic gets no %s", typ)
		}
	}
	for _, o := range clinic {
		if o.Release && (o.has("SUD") || o.has("ETHUD") || o.has("OPIOIDUD") || o.has("42CFRPart2")) {
			t.Errorf("the referring clinic gets a %s about substance use", o.Type)
		}
	}

	part2 := 0
	for _, o := range d.ask(t, newDawn, "", client) {
		if o.Release && o.has("42CFRPart2") {
			part2++
		}
	}
	if part2 == 0 {
		t.Error("the Part 2 clinic gets no record of the Part 2 programme")
	}

	insurer := d.ask(t, blueriver, "", client)
	restricted := 0
	for _, o := range insurer {
		if o.Release && (o.has("HIPAASelfPay") || o.has("42CFRPart2") || o.Type == "DocumentReference" || o.Type == "MedicationRequest") {
			t.Errorf("the insurer gets a %s that it must not", o.Type)
		}
		if o.Reason == consent.Restriction {
			restricted++
		}
	}
	got := released(insurer, fhir.Reference{})
	if got["Encounter"] == 0 || got["Condition"] == 0 || got["Procedure"] == 0 || restricted == 0 {
		t.Errorf("the insurer gets %v, and %d records are withheld as self-paid", got, restricted)
	}
	if got["Encounter"] >= released(clinic, fhir.Reference{})["Encounter"] {
		t.Error("the insurer gets as many sessions as the clinic")
	}

	for _, partner := range []string{northline, reyes} {
		if got := released(d.ask(t, partner, "", client), fhir.Reference{}); len(got) > 0 {
			t.Errorf("%s, who is on no form, gets %v", partner, got)
		}
	}
}

func (d *deciding) couplesAndMinors(t *testing.T) {
	shared := func(client practice.ClientKey) (of, out int) {
		for _, o := range d.ask(t, harbor, "", client) {
			if len(o.Clients) > 1 {
				of++
				if o.Release {
					out++
				}
			}
		}
		return of, out
	}
	if of, out := shared(d.practice.Story.Couple[0]); of == 0 || out != of {
		t.Errorf("both of a couple signed: %d of %d shared records are released", out, of)
	}
	if of, out := shared(d.practice.Story.HalfCouple[0]); of == 0 || out != 0 {
		t.Errorf("one of a couple signed: %d of %d shared records are released", out, of)
	}
	for _, c := range []struct {
		who    string
		client practice.ClientKey
		gets   bool
	}{
		{"a minor whose guardian signed", d.practice.Story.Minor, true},
		{"a minor for five more days", d.practice.Story.AlmostAdult, true},
		{"a client of age since the day before yesterday", d.practice.Story.ComingOfAge, false},
		{"a client under a power of attorney", d.practice.Story.Represented, true},
		{"a client who signed nothing", d.practice.Story.Unreleased, false},
	} {
		if got := released(d.ask(t, harbor, "", c.client), fhir.Reference{}); (len(got) > 0) != c.gets {
			t.Errorf("%s: the clinic gets %v", c.who, got)
		}
	}
}

func (d *deciding) selfPaid(t *testing.T) {
	selfPaid := 0
	for _, o := range d.ask(t, blueriver, "", d.practice.Story.SelfPaid) {
		if !o.has("HIPAASelfPay") {
			continue
		}
		selfPaid++
		if o.Release {
			t.Errorf("the insurer gets a self-paid %s", o.Type)
		}
	}
	if selfPaid < 8 {
		t.Errorf("%d self-paid records", selfPaid)
	}
}
