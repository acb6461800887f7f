package fhirsource

import (
	"strings"
	"time"

	codes "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/codes_go_proto"
	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	teams "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/care_team_go_proto"
	coverages "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/coverage_go_proto"
	patients "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/patient_go_proto"
	roles "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/practitioner_role_go_proto"
	requests "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/service_request_go_proto"
	"google.golang.org/protobuf/proto"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
)

// tie names an organisation, or somebody's role in one, to whom a resource ties those whom it is about, and while it does.
type tie struct {
	to     fhir.Reference
	ids    []fhir.Identifier // that stand with the reference
	during fhir.Interval
}

// tiesOf finds the organisations that a resource ties to its client (design rule 13): who treats (Patient.generalPractitioner), who is in the care
// team or manages it, who pays, and who referred or was referred to. What has a status ties while that is active and its period runs: CareTeam.period
// and, for a member, participant.period; Coverage.period; ServiceRequest.occurrencePeriod, the time for which the service is asked. A PractitionerRole
// ties its practitioner to the organisation, within its period. A status or period that is there and cannot be read, or a modifierExtension
// beside it, ties nobody.
func tiesOf(msg proto.Message, zone *time.Location) []tie {
	t := tying{zone: zone}
	switch r := msg.(type) {
	case *patients.Patient:
		t.add(len(r.GetModifierExtension()) == 0, nil, r.GetGeneralPractitioner()...)
	case *teams.CareTeam:
		active := r.GetStatus().GetValue() == codes.CareTeamStatusCode_ACTIVE && len(r.GetModifierExtension()) == 0
		periods := []*dtpb.Period{r.GetPeriod()}
		t.add(active, periods, r.GetManagingOrganization()...)
		for _, p := range r.GetParticipant() {
			t.add(active && len(p.GetModifierExtension()) == 0, append(periods, p.GetPeriod()), p.GetMember())
		}
	case *coverages.Coverage:
		active := r.GetStatus().GetValue() == codes.FinancialResourceStatusCode_ACTIVE && len(r.GetModifierExtension()) == 0
		t.add(active, []*dtpb.Period{r.GetPeriod()}, r.GetPayor()...)
	case *requests.ServiceRequest:
		active := r.GetStatus().GetValue() == codes.RequestStatusCode_ACTIVE && says(r.GetDoNotPerform(), "false") && len(r.GetModifierExtension()) == 0
		periods := []*dtpb.Period{r.GetOccurrence().GetPeriod()}
		t.add(active, periods, r.GetRequester())
		t.add(active, periods, r.GetPerformer()...)
	case *roles.PractitionerRole:
		t.add(says(r.GetActive(), "true") && len(r.GetModifierExtension()) == 0, []*dtpb.Period{r.GetPeriod()}, r.GetOrganization())
	}
	return t.found
}

// says tells whether a boolean has a value, or is not there, by which it has that.
func says(b *dtpb.Boolean, value string) bool {
	return b == nil || fhirjson.Text(b.ProtoReflect()) == value
}

// tying collects ties.
type tying struct {
	zone  *time.Location
	found []tie
}

// add notes those who are named, if they are tied at all, for the time in which all the periods run.
func (t *tying) add(tied bool, periods []*dtpb.Period, named ...*dtpb.Reference) {
	var during fhir.Interval
	for _, p := range periods {
		runs, ok := whole(p, t.zone)
		during, tied = during.And(runs), tied && ok
	}
	if !tied {
		return
	}
	for _, r := range named {
		to := tie{to: cloned(fhirjson.ReferenceOf(r)), during: during}
		if i := r.GetIdentifier(); i.GetSystem().GetValue() != "" && i.GetValue().GetValue() != "" {
			to.ids = []fhir.Identifier{{System: strings.Clone(i.GetSystem().GetValue()), Value: strings.Clone(i.GetValue().GetValue())}}
		}
		if to.to != (fhir.Reference{}) || to.ids != nil {
			t.found = append(t.found, to)
		}
	}
}

// whole reads a Period; one that is not there is all of time. One that says nothing, or of which a side is there and not said, is not ok.
func whole(p *dtpb.Period, zone *time.Location) (_ fhir.Interval, ok bool) {
	if p == nil {
		return fhir.Interval{}, true
	}
	start, end := fhirjson.DateText(p.Start), fhirjson.DateText(p.End)
	if start == "" && end == "" || start == "" && p.Start != nil || end == "" && p.End != nil {
		return fhir.Interval{}, false
	}
	i, err := fhir.ParsePeriod(start, end, zone)
	return i, err == nil
}
