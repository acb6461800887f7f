package search

import (
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/release/facts"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/profiles"
)

var newYork = sync.OnceValue(func() *time.Location {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		panic(err)
	}
	return zone
})

var knownTypes = sync.OnceValue(func() *facts.Types {
	types, err := facts.LoadTypes(profiles.FS)
	if err != nil {
		panic(err)
	}
	return types
})

func testParser(t testing.TB) *Parser {
	t.Helper()
	p, err := NewParser(Config{Base: "https://records.example.org/fhir", Zone: newYork()})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// factsOf gives the Facts of a resource as mapping makes them.
func factsOf(t testing.TB, json string) *stage.Facts {
	t.Helper()
	msg, err := fhirjson.Parse([]byte(json))
	if err != nil {
		t.Fatalf("%v: %s", err, json)
	}
	f, err := facts.Extract(msg, facts.Options{Zone: newYork(), Types: knownTypes(), Subject: fhir.Reference{Type: "Patient", ID: "p1"}})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// examples has one resource of each type that has a value for every parameter.
var examples = map[string]string{
	"AllergyIntolerance": `{"resourceType":"AllergyIntolerance","id":"x1","meta":{"lastUpdated":"2026-11-20T10:00:00Z"},"patient":{"reference":"Patient/p1"},
		"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]}}`,
	"AuditEvent": `{"resourceType":"AuditEvent","id":"x1","meta":{"lastUpdated":"2026-11-20T10:00:00Z"},"type":{"system":"http://terminology.hl7.org/CodeSystem/audit-event-type","code":"rest"},
		"subtype":[{"system":"http://hl7.org/fhir/restful-interaction","code":"search-type"}],"action":"E","recorded":"2026-11-20T10:00:00.250Z","outcome":"0",
		"agent":[{"name":"Quay Clinic","requestor":true,"who":{"identifier":{"value":"quay"}}}],"source":{"observer":{"identifier":{"value":"1093817465"}}},
		"entity":[{"what":{"reference":"Patient/p1"},"type":{"system":"http://terminology.hl7.org/CodeSystem/audit-entity-type","code":"1"}},{"type":{"system":"http://hl7.org/fhir/resource-types","code":"Condition"}}]}`,
	"CarePlan": `{"resourceType":"CarePlan","id":"x1","meta":{"lastUpdated":"2026-11-20T10:00:00Z"},"status":"active","intent":"plan","subject":{"reference":"Patient/p1"},
		"category":[{"coding":[{"system":"http://hl7.org/fhir/us/core/CodeSystem/careplan-category","code":"assess-plan"}]}],"period":{"start":"2026-03-01","end":"2026-09-30"}}`,
	"CareTeam": `{"resourceType":"CareTeam","id":"x1","meta":{"lastUpdated":"2026-11-20T10:00:00Z"},"status":"active","subject":{"reference":"Patient/p1"},
		"participant":[{"role":[{"coding":[{"system":"http://snomed.info/sct","code":"223366009"}]}],"member":{"reference":"Practitioner/d1"}}]}`,
	"Condition": `{"resourceType":"Condition","id":"x1","meta":{"lastUpdated":"2026-11-20T10:00:00Z"},"subject":{"reference":"Patient/p1"},"encounter":{"reference":"Encounter/e1"},
		"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"remission"}]},
		"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-category","code":"problem-list-item"}]}],
		"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"F41.1"}]},"onsetDateTime":"2024-05","abatementDateTime":"2026-01-15","recordedDate":"2024-06-01"}`,
	"Consent": `{"resourceType":"Consent","id":"x1","meta":{"lastUpdated":"2026-11-20T10:00:00Z"},"status":"active","patient":{"reference":"Patient/p1"},"dateTime":"2026-02-01",
		"scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},"policyRule":{"coding":[{"code":"OPTIN"}]},
		"category":[{"coding":[{"system":"http://loinc.org","code":"59284-0"}]}],"provision":{"type":"permit","period":{"start":"2026-02-01","end":"2027-01-31"},
		"actor":[{"role":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType","code":"IRCP"}]},"reference":{"reference":"Organization/o1"}}]}}`,
	"Coverage": `{"resourceType":"Coverage","id":"x1","meta":{"lastUpdated":"2026-11-20T10:00:00Z"},"status":"active","beneficiary":{"reference":"Patient/p1"},"payor":[{"reference":"Organization/o1"}]}`,
	"DiagnosticReport": `{"resourceType":"DiagnosticReport","id":"x1","meta":{"lastUpdated":"2026-11-20T10:00:00Z"},"status":"final","subject":{"reference":"Patient/p1"},
		"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0074","code":"LAB"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"24323-8"}]},
		"encounter":{"reference":"Encounter/e1"},"effectiveDateTime":"2026-11-18"}`,
	"DocumentReference": `{"resourceType":"DocumentReference","id":"x1","meta":{"lastUpdated":"2026-11-20T10:00:00Z"},"status":"current","subject":{"reference":"Patient/p1"},
		"type":{"coding":[{"system":"http://loinc.org","code":"11506-3"}]},
		"category":[{"coding":[{"system":"http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category","code":"clinical-note"}]}],
		"date":"2026-11-18T15:30:00Z","author":[{"reference":"Practitioner/d1"}],"content":[{"attachment":{"contentType":"text/plain","data":"QQ=="}}],
		"context":{"encounter":[{"reference":"Encounter/e1"}],"period":{"start":"2026-11-18T14:00:00Z","end":"2026-11-18T15:00:00Z"}}}`,
	"Encounter": `{"resourceType":"Encounter","id":"x1","meta":{"lastUpdated":"2026-11-20T10:00:00Z"},"identifier":[{"system":"urn:oid:1.2.3","value":"V-17"}],"status":"finished",
		"class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"},"type":[{"coding":[{"system":"http://www.ama-assn.org/go/cpt","code":"90834"}]}],
		"subject":{"reference":"Patient/p1"},"period":{"start":"2026-11-18T14:00:00Z","end":"2026-11-18T14:45:00Z"},"location":[{"location":{"reference":"Location/l1"}}],
		"hospitalization":{"dischargeDisposition":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/discharge-disposition","code":"home"}]}}}`,
	"EpisodeOfCare": `{"resourceType":"EpisodeOfCare","id":"x1","meta":{"lastUpdated":"2026-11-20T10:00:00Z"},"status":"active","patient":{"reference":"Patient/p1"},
		"type":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/episodeofcare-type","code":"cacp"}]}],"period":{"start":"2026-01-05"}}`,
	"Goal": `{"resourceType":"Goal","id":"x1","meta":{"lastUpdated":"2026-11-20T10:00:00Z"},"lifecycleStatus":"active","subject":{"reference":"Patient/p1"},
		"description":{"coding":[{"system":"http://snomed.info/sct","code":"413322009"}]},"target":[{"dueDate":"2027-03-01"}]}`,
	"Immunization": `{"resourceType":"Immunization","id":"x1","meta":{"lastUpdated":"2026-11-20T10:00:00Z"},"status":"completed","patient":{"reference":"Patient/p1"},
		"vaccineCode":{"coding":[{"system":"http://hl7.org/fhir/sid/cvx","code":"140"}]},"occurrenceDateTime":"2025-10-01"}`,
	"Location": `{"resourceType":"Location","id":"x1","meta":{"lastUpdated":"2026-11-20T10:00:00Z"},"name":"Elm Street Office","alias":["The Annex"],
		"address":{"line":["12 Elm Street"],"city":"Springfield","state":"IL","postalCode":"62701"}}`,
	"MedicationRequest": `{"resourceType":"MedicationRequest","id":"x1","meta":{"lastUpdated":"2026-11-20T10:00:00Z"},"status":"active","intent":"order","subject":{"reference":"Patient/p1"},
		"medicationCodeableConcept":{"coding":[{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"312940"}]},"encounter":{"reference":"Encounter/e1"},"authoredOn":"2026-08-01"}`,
	"Observation": `{"resourceType":"Observation","id":"x1","meta":{"lastUpdated":"2026-11-20T10:00:00Z"},"status":"final","subject":{"reference":"Patient/p1"},"encounter":{"reference":"Encounter/e1"},
		"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"survey"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"44261-6"}]},
		"effectiveDateTime":"2026-11-18T14:10:00Z","valueInteger":11}`,
	"Organization": `{"resourceType":"Organization","id":"x1","meta":{"lastUpdated":"2026-11-20T10:00:00Z"},"identifier":[{"system":"http://hl7.org/fhir/sid/us-npi","value":"1234567893"}],
		"name":"Riverside Counseling","alias":["The House by the River"],"address":[{"line":["12 Elm Street"],"city":"Springfield","state":"IL","postalCode":"62701"}]}`,
	"Patient": `{"resourceType":"Patient","id":"x1","meta":{"lastUpdated":"2026-11-20T10:00:00Z"},"identifier":[{"system":"urn:example:mrn","value":"MRN-9"}],
		"name":[{"family":"Müller-Roe","given":["Zoë","Ann"]}],"gender":"female","birthDate":"1990-04-05","deceasedDateTime":"2026-10-31"}`,
	"Practitioner": `{"resourceType":"Practitioner","id":"x1","meta":{"lastUpdated":"2026-11-20T10:00:00Z"},"identifier":[{"system":"http://hl7.org/fhir/sid/us-npi","value":"1234567893"}],
		"name":[{"family":"Okafor","given":["Ngozi"],"text":"Ngozi Okafor, PsyD"}]}`,
	"PractitionerRole": `{"resourceType":"PractitionerRole","id":"x1","meta":{"lastUpdated":"2026-11-20T10:00:00Z"},"practitioner":{"reference":"Practitioner/d1"},
		"specialty":[{"coding":[{"system":"http://nucc.org/provider-taxonomy","code":"103T00000X"}]}]}`,
	"Procedure": `{"resourceType":"Procedure","id":"x1","meta":{"lastUpdated":"2026-11-20T10:00:00Z"},"status":"completed","subject":{"reference":"Patient/p1"},"encounter":{"reference":"Encounter/e1"},
		"code":{"coding":[{"system":"http://www.ama-assn.org/go/cpt","code":"90847"}]},"performedPeriod":{"start":"2026-11-18T14:00:00Z","end":"2026-11-18T14:45:00Z"}}`,
	"Provenance": `{"resourceType":"Provenance","id":"x1","meta":{"lastUpdated":"2026-11-20T10:00:00Z"},"target":[{"reference":"DocumentReference/n1"},{"reference":"DocumentReference/n2"}],
		"recorded":"2026-11-18T16:00:00Z","agent":[{"who":{"reference":"Practitioner/d1"},"onBehalfOf":{"reference":"Organization/o1"}}]}`,
	"RelatedPerson": `{"resourceType":"RelatedPerson","id":"x1","meta":{"lastUpdated":"2026-11-20T10:00:00Z"},"patient":{"reference":"Patient/p1"},"name":[{"family":"Roe","given":["Martha"]}]}`,
	"ServiceRequest": `{"resourceType":"ServiceRequest","id":"x1","meta":{"lastUpdated":"2026-11-20T10:00:00Z"},"status":"active","intent":"order","subject":{"reference":"Patient/p1"},
		"category":[{"coding":[{"system":"http://snomed.info/sct","code":"386053000"}]}],"code":{"coding":[{"system":"http://www.ama-assn.org/go/cpt","code":"96130"}]},
		"encounter":{"reference":"Encounter/e1"},"authoredOn":"2026-08-01"}`,
}

// cases are queries against the examples. Each stands for a whole query string, to which `patient=p1` is added where the type needs a
// client and the query names none.
var cases = []struct {
	typ   string
	query string
	want  bool
}{
	{"AllergyIntolerance", "_id=x1", true}, {"AllergyIntolerance", "_id=x2", false}, {"AllergyIntolerance", "_lastUpdated=2026-11-20", true}, {"AllergyIntolerance", "_lastUpdated=lt2026-11-20", false},
	{"AllergyIntolerance", "patient=p1", true}, {"AllergyIntolerance", "patient=p2", false}, {"AllergyIntolerance", "clinical-status=active", true}, {"AllergyIntolerance", "clinical-status=resolved", false},
	{"AllergyIntolerance", "clinical-status=http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical|active", true}, {"AllergyIntolerance", "clinical-status=http://terminology.hl7.org/CodeSystem/condition-clinical|active", false}, {"AllergyIntolerance", "patient=p1&clinical-status=active", true}, {"AllergyIntolerance", "patient=p1&clinical-status:not=active", false},

	{"AuditEvent", "_id=x1", true}, {"AuditEvent", "_id=x2", false}, {"AuditEvent", "_lastUpdated=2026-11-20", true}, {"AuditEvent", "_lastUpdated=lt2026-11-20", false},
	{"AuditEvent", "patient=p1", true}, {"AuditEvent", "patient=p2", false}, {"AuditEvent", "date=ge2026-11-20", true}, {"AuditEvent", "date=2026-11-19", false},
	{"AuditEvent", "agent-name=quay", true}, {"AuditEvent", "agent-name=harbor", false}, {"AuditEvent", "subtype=search-type", true}, {"AuditEvent", "subtype=read", false},
	{"AuditEvent", "action=E", true}, {"AuditEvent", "action=R", false}, {"AuditEvent", "action=http://hl7.org/fhir/audit-event-action|E", true},
	{"AuditEvent", "entity-type=http://hl7.org/fhir/resource-types|Condition", true}, {"AuditEvent", "entity-type=Goal", false},

	{"CarePlan", "_id=x1", true}, {"CarePlan", "_id=x2", false},
	{"CarePlan", "_lastUpdated=2026-11-20", true}, {"CarePlan", "_lastUpdated=gt2026-11-20", false},
	{"CarePlan", "patient=p1", true}, {"CarePlan", "patient=p2", false},
	{"CarePlan", "category=assess-plan", true}, {"CarePlan", "category=other", false},
	{"CarePlan", "category=http://hl7.org/fhir/us/core/CodeSystem/careplan-category|assess-plan", true}, {"CarePlan", "category=http://example.org|assess-plan", false},
	{"CarePlan", "status=active,draft", true}, {"CarePlan", "status=draft", false}, {"CarePlan", "status=http://hl7.org/fhir/request-status|active", true},
	{"CarePlan", "status=http://hl7.org/fhir/event-status|active", false},
	{"CarePlan", "date=ge2026-09-01", true}, {"CarePlan", "date=gt2026-09-30", false}, {"CarePlan", "date=2026", true}, {"CarePlan", "date=2026-03", false},

	{"CareTeam", "_id=x1", true}, {"CareTeam", "_id=x2", false}, {"CareTeam", "_lastUpdated=2026-11-20", true}, {"CareTeam", "_lastUpdated=lt2026-11-20", false},
	{"CareTeam", "patient=p1", true}, {"CareTeam", "patient=p2", false}, {"CareTeam", "status=active", true}, {"CareTeam", "status=inactive", false},
	{"CareTeam", "status=http://hl7.org/fhir/care-team-status|active", true}, {"CareTeam", "status=http://hl7.org/fhir/request-status|active", false}, {"CareTeam", "role=223366009", true}, {"CareTeam", "role=446050000", false},

	{"Condition", "_id=x1", true}, {"Condition", "_id=X1", false},
	{"Condition", "_lastUpdated=sa2026-11-19", true}, {"Condition", "_lastUpdated=sa2026-11-20", false},
	{"Condition", "patient=Patient/p1", true}, {"Condition", "patient=Patient/p2", false},
	{"Condition", "category=problem-list-item&clinical-status=remission", true}, {"Condition", "category=encounter-diagnosis", false},
	{"Condition", "clinical-status=remission,resolved", true}, {"Condition", "clinical-status=active", false}, {"Condition", "clinical-status:not=active", true},
	{"Condition", "code=F41.1", true}, {"Condition", "code=f41.1", true}, {"Condition", "code=F41", false},
	{"Condition", "encounter=e1", true}, {"Condition", "encounter=Encounter/e2", false}, {"Condition", "encounter:Encounter=e1", true},
	{"Condition", "onset-date=2024-05", true}, {"Condition", "onset-date=2024-05-10", false}, {"Condition", "onset-date=ge2024-05-10", true},
	{"Condition", "onset-date=lt2024-05-10", true}, {"Condition", "onset-date=ne2024-05", false},
	{"Condition", "abatement-date=2026-01-15", true}, {"Condition", "abatement-date=eb2026-01-15", false}, {"Condition", "abatement-date=eb2026-01-16", true},
	{"Condition", "recorded-date=le2024-06-01", true}, {"Condition", "recorded-date=lt2024-06-01", false},

	{"Consent", "_id=x1", true}, {"Consent", "_id=x3", false}, {"Consent", "_lastUpdated=lt2026-11-21", true}, {"Consent", "_lastUpdated=lt2026-11-20T10:00:00Z", false},
	{"Consent", "patient=p1&status=active", true}, {"Consent", "patient=p2", false}, {"Consent", "status=inactive", false}, {"Consent", "status=active", true},
	{"Consent", "category=http://loinc.org|59284-0", true}, {"Consent", "category=http://loinc.org|57016-8", false},
	{"Consent", "actor=Organization/o1", true}, {"Consent", "actor=Practitioner/o1", false}, {"Consent", "actor=o1", true},
	{"Consent", "date=2026-02", true}, {"Consent", "date=2026-03", false}, {"Consent", "period=ge2027-01-31", true}, {"Consent", "period=gt2027-01-31", false},

	{"Coverage", "_id=x1", true}, {"Coverage", "_id=x2", false}, {"Coverage", "_lastUpdated=2026-11-20", true}, {"Coverage", "_lastUpdated=lt2026-11-20", false},
	{"Coverage", "patient=p1", true}, {"Coverage", "patient=p2", false},

	{"DiagnosticReport", "_id=x1", true}, {"DiagnosticReport", "_id=x2", false}, {"DiagnosticReport", "_lastUpdated=2026-11-20", true}, {"DiagnosticReport", "_lastUpdated=lt2026-11-20", false},
	{"DiagnosticReport", "patient=p1", true}, {"DiagnosticReport", "patient=p2", false}, {"DiagnosticReport", "category=LAB", true}, {"DiagnosticReport", "category=RAD", false},
	{"DiagnosticReport", "code=http://loinc.org|24323-8", true}, {"DiagnosticReport", "code=24323-9", false}, {"DiagnosticReport", "status=http://hl7.org/fhir/diagnostic-report-status|final", true}, {"DiagnosticReport", "status=amended", false},
	{"DiagnosticReport", "category=LAB&date=2026-11", true}, {"DiagnosticReport", "category=LAB&date=gt2026-11-18", false}, {"DiagnosticReport", "encounter=e1", true}, {"DiagnosticReport", "encounter=e2", false},

	{"DocumentReference", "_id=x1", true}, {"DocumentReference", "_id=x2,x3", false}, {"DocumentReference", "_id=x2,x1", true},
	{"DocumentReference", "_lastUpdated=ge2026-11-20T09:59:59Z", true}, {"DocumentReference", "_lastUpdated=ge2026-11-20T10:00:01Z", false},
	{"DocumentReference", "patient=p1", true}, {"DocumentReference", "patient=p9", false},
	{"DocumentReference", "patient=https://records.example.org/fhir/Patient/p1", true}, {"DocumentReference", "patient=https://elsewhere.example.org/fhir/Patient/p1", false},
	{"DocumentReference", "subject=Patient/p1", true}, {"DocumentReference", "subject=Patient/p2", false}, {"DocumentReference", "subject=Practitioner/p1", false},
	{"DocumentReference", "subject:Patient=p1", true},
	{"DocumentReference", "category=clinical-note", true}, {"DocumentReference", "category=imaging", false},
	{"DocumentReference", "type=http://loinc.org|11506-3", true}, {"DocumentReference", "type=http://loinc.org|", true}, {"DocumentReference", "type=|11506-3", false},
	{"DocumentReference", "type=http://snomed.info/sct|", false}, {"DocumentReference", "type:not=11506-3", false}, {"DocumentReference", "type:missing=true", false},
	{"DocumentReference", "type:missing=false", true},
	{"DocumentReference", "status=current", true}, {"DocumentReference", "status=superseded", false}, {"DocumentReference", "status=|current", true},
	{"DocumentReference", "date=2026-11-18", true}, {"DocumentReference", "date=2026-11-19", false}, {"DocumentReference", "date=ge2026-11-18&date=lt2026-11-19", true},
	{"DocumentReference", "date=ge2026-11-01&date=lt2026-11-18", false}, {"DocumentReference", "date=2026-11-18T10:30", true}, {"DocumentReference", "date=2026-11-18T15:30", false},
	{"DocumentReference", "period=2026-11-18", true}, {"DocumentReference", "period=2026-11-17", false},
	{"DocumentReference", "author=Practitioner/d1", true}, {"DocumentReference", "author=Patient/d1", false},
	{"DocumentReference", "encounter=e1", true}, {"DocumentReference", "encounter=e2", false},

	{"Encounter", "_id=x1", true}, {"Encounter", "_id=y1", false}, {"Encounter", "_lastUpdated=2026", true}, {"Encounter", "_lastUpdated=2025", false},
	{"Encounter", "patient=p1", true}, {"Encounter", "patient=p2", false}, {"Encounter", "identifier=urn:oid:1.2.3|V-17", true}, {"Encounter", "identifier=V-18", false},
	{"Encounter", "class=AMB", true}, {"Encounter", "class=IMP", false}, {"Encounter", "type=90834", true}, {"Encounter", "type=90837", false},
	{"Encounter", "status=finished", true}, {"Encounter", "status:not=finished", false}, {"Encounter", "date=2026-11-18", true}, {"Encounter", "date=2026-11-18T09:00:00-05:00", false},
	{"Encounter", "date=gt2026-11-18T14:00:00Z", true}, {"Encounter", "location=Location/l1", true}, {"Encounter", "location=l2", false},
	{"Encounter", "discharge-disposition=home", true}, {"Encounter", "discharge-disposition=snf", false},

	{"EpisodeOfCare", "_id=x1", true}, {"EpisodeOfCare", "_id=x2", false}, {"EpisodeOfCare", "_lastUpdated=2026-11-20", true}, {"EpisodeOfCare", "_lastUpdated=lt2026-11-20", false},
	{"EpisodeOfCare", "patient=p1", true}, {"EpisodeOfCare", "patient=p2", false}, {"EpisodeOfCare", "type=cacp", true}, {"EpisodeOfCare", "type=hacc", false},
	{"EpisodeOfCare", "status=http://hl7.org/fhir/episode-of-care-status|active", true}, {"EpisodeOfCare", "status=finished", false}, {"EpisodeOfCare", "date=gt2026-06-01", true}, {"EpisodeOfCare", "date=lt2026-01-05", false},

	{"Goal", "_id=x1", true}, {"Goal", "_id=x", false}, {"Goal", "_lastUpdated=le2026-11-20", true}, {"Goal", "_lastUpdated=eb2026-11-20", false},
	{"Goal", "patient=p1", true}, {"Goal", "patient=p", false}, {"Goal", "lifecycle-status=active", true}, {"Goal", "lifecycle-status=completed", false},
	{"Goal", "target-date=2027-03-01", true}, {"Goal", "target-date=lt2027-03-01", false}, {"Goal", "description=http://snomed.info/sct|413322009", true},
	{"Goal", "description=1", false},

	{"Immunization", "_id=x1", true}, {"Immunization", "_id=x2", false}, {"Immunization", "_lastUpdated=2026-11-20", true}, {"Immunization", "_lastUpdated=lt2026-11-20", false},
	{"Immunization", "patient=p1", true}, {"Immunization", "patient=p2", false}, {"Immunization", "status=http://hl7.org/fhir/event-status|completed", true}, {"Immunization", "status=not-done", false},
	{"Immunization", "date=2025-10", true}, {"Immunization", "date=2025-11", false},

	{"Location", "_id=x1", true}, {"Location", "_id=x2", false}, {"Location", "_lastUpdated=2026-11-20", true}, {"Location", "_lastUpdated=lt2026-11-20", false},
	{"Location", "name=elm", true}, {"Location", "name=street", false}, {"Location", "name=the annex", true}, {"Location", "name=the house", false},
	{"Location", "address=springfield", true}, {"Location", "address=chicago", false}, {"Location", "address-city=spring", true}, {"Location", "address-city=elm", false},
	{"Location", "address-state=IL", true}, {"Location", "address-state=VT", false}, {"Location", "address-postalcode=627", true}, {"Location", "address-postalcode=05150", false},

	{"MedicationRequest", "_id=x1", true}, {"MedicationRequest", "_id=x1x", false}, {"MedicationRequest", "_lastUpdated=ne2025", true}, {"MedicationRequest", "_lastUpdated=ne2026", false},
	{"MedicationRequest", "patient=p1&intent=order", true}, {"MedicationRequest", "patient=p3&intent=order", false}, {"MedicationRequest", "intent=plan", false},
	{"MedicationRequest", "intent=order,proposal&status=active", true}, {"MedicationRequest", "status=stopped", false},
	{"MedicationRequest", "code=312940", true}, {"MedicationRequest", "code=0", false}, {"MedicationRequest", "authoredon=2026-08", true}, {"MedicationRequest", "authoredon=2026-09", false},
	{"MedicationRequest", "encounter=Encounter/e1", true}, {"MedicationRequest", "encounter=e9", false},

	{"Observation", "_id=x1", true}, {"Observation", "_id:missing=true", false}, {"Observation", "_lastUpdated:missing=false", true}, {"Observation", "_lastUpdated=eb2026", false},
	{"Observation", "patient=p1", true}, {"Observation", "patient=p2", false}, {"Observation", "subject=p1", true}, {"Observation", "subject=p2", false},
	{"Observation", "category=survey", true}, {"Observation", "category=laboratory", false}, {"Observation", "code=http://loinc.org|44261-6", true}, {"Observation", "code=44261-7", false},
	{"Observation", "status=final", true}, {"Observation", "status=amended", false}, {"Observation", "date=2026-11-18T14:10:00Z", true}, {"Observation", "date=2026-11-18T14:10:01Z", false},
	{"Observation", "encounter=e1", true}, {"Observation", "encounter:missing=true", false},

	{"Organization", "_id=x1", true}, {"Organization", "_id=o", false}, {"Organization", "_lastUpdated=2026-11", true}, {"Organization", "_lastUpdated=2026-10", false},
	{"Organization", "identifier=http://hl7.org/fhir/sid/us-npi|1234567893", true}, {"Organization", "identifier=http://hl7.org/fhir/sid/us-npi|1", false},
	{"Organization", "name=riverside", true}, {"Organization", "name=counseling", false}, {"Organization", "name:contains=counsel", true}, {"Organization", "name=the house", true},
	{"Organization", "name:exact=riverside counseling", false}, {"Organization", "address=springfield", true}, {"Organization", "address=62701", true}, {"Organization", "address=chicago", false},

	{"Patient", "_id=x1", true}, {"Patient", "_id=p1", false}, {"Patient", "_lastUpdated=2026-11-20T05:00:00", true}, {"Patient", "_lastUpdated=2026-11-20T10:00:00", false},
	{"Patient", "identifier=MRN-9", true}, {"Patient", "identifier=urn:example:other|MRN-9", false},
	{"Patient", "name=muller", true}, {"Patient", "name=MÜLL", true}, {"Patient", "name=roe", false}, {"Patient", "name:contains=ROE", true}, {"Patient", "name=zoe", true},
	{"Patient", "family=Müller-Roe", true}, {"Patient", "family=Zoë", false}, {"Patient", "family:exact=Müller-Roe", true}, {"Patient", "family:exact=Muller-Roe", false},
	{"Patient", "given=ann", true}, {"Patient", "given=nn", false}, {"Patient", "given=zo&given=an", true}, {"Patient", "given=zo&given=x", false},
	{"Patient", "gender=female", true}, {"Patient", "gender=male", false}, {"Patient", "gender=http://hl7.org/fhir/administrative-gender|female", true},
	{"Patient", "birthdate=1990-04-05", true}, {"Patient", "birthdate=1990-04-06", false}, {"Patient", "birthdate=1990&name=mul", true},
	{"Patient", "death-date=2026-10-31", true}, {"Patient", "death-date:missing=true", false},

	{"Practitioner", "_id=x1", true}, {"Practitioner", "_id=x2", false}, {"Practitioner", "_lastUpdated=ge2026", true}, {"Practitioner", "_lastUpdated=gt2026", false},
	{"Practitioner", "identifier=1234567893", true}, {"Practitioner", "identifier=|1234567893", false}, {"Practitioner", "name=okafor", true}, {"Practitioner", "name=ngozi okafor", true},
	{"Practitioner", "name=psyd", false}, {"Practitioner", `name=Ngozi Okafor\, P`, true},

	{"PractitionerRole", "_id=x1", true}, {"PractitionerRole", "_id=x2", false}, {"PractitionerRole", "_lastUpdated=2026-11-20", true}, {"PractitionerRole", "_lastUpdated=lt2026-11-20", false},
	{"PractitionerRole", "practitioner=Practitioner/d1", true}, {"PractitionerRole", "practitioner=d2", false}, {"PractitionerRole", "specialty=http://nucc.org/provider-taxonomy|103T00000X", true}, {"PractitionerRole", "specialty=208D00000X", false},

	{"Procedure", "_id=x1", true}, {"Procedure", "_id:not=x1", false}, {"Procedure", "_lastUpdated=eq2026-11-20", true}, {"Procedure", "_lastUpdated=eq2026-11-21", false},
	{"Procedure", "patient=p1&date=2026-11-18", true}, {"Procedure", "patient=p2&date=2026-11-18", false}, {"Procedure", "date=2026-11-18T14", false},
	{"Procedure", "date=gt2026-11-19", false}, {"Procedure", "code=90847", true}, {"Procedure", "code=90846", false}, {"Procedure", "status=completed", true},
	{"Procedure", "status=in-progress", false}, {"Procedure", "encounter=e1", true}, {"Procedure", "encounter=e11", false},

	{"Provenance", "_id=x1", true}, {"Provenance", "_id=x9", false}, {"Provenance", "_lastUpdated=2026-11-20", true}, {"Provenance", "_lastUpdated=2026-11-18", false},
	{"Provenance", "patient=p1", true}, {"Provenance", "patient=p2", false}, {"Provenance", "target=DocumentReference/n2", true}, {"Provenance", "target=DocumentReference/n3", false},
	{"Provenance", "target:DocumentReference=n1", true}, {"Provenance", "target:Encounter=n1", false}, {"Provenance", "recorded=2026-11-18", true}, {"Provenance", "recorded=2026-11-17", false},
	{"Provenance", "agent=d1", true}, {"Provenance", "agent=o1", false},

	{"RelatedPerson", "_id=x1", true}, {"RelatedPerson", "_id=x7", false}, {"RelatedPerson", "_lastUpdated=2026-11-20", true}, {"RelatedPerson", "_lastUpdated=2026-11-22", false},
	{"RelatedPerson", "patient=p1&name=mar", true}, {"RelatedPerson", "patient=p1&name=mor", false}, {"RelatedPerson", "patient=p2", false}, {"RelatedPerson", "name=roe", true},

	{"ServiceRequest", "_id=x1", true}, {"ServiceRequest", "_id=x2", false}, {"ServiceRequest", "_lastUpdated=2026-11-20", true}, {"ServiceRequest", "_lastUpdated=lt2026-11-20", false},
	{"ServiceRequest", "patient=p1", true}, {"ServiceRequest", "patient=p2", false}, {"ServiceRequest", "category=386053000", true}, {"ServiceRequest", "category=108252007", false},
	{"ServiceRequest", "code=96130", true}, {"ServiceRequest", "code=96131", false}, {"ServiceRequest", "status=http://hl7.org/fhir/request-status|active", true}, {"ServiceRequest", "status=revoked", false},
	{"ServiceRequest", "authored=2026-08", true}, {"ServiceRequest", "authored=2026-09", false}, {"ServiceRequest", "encounter=Encounter/e1", true}, {"ServiceRequest", "encounter=e2", false},
}

func TestEveryParameterFindsAndLeavesOut(t *testing.T) {
	p := testParser(t)
	found := map[string][2]int{}
	for _, c := range cases {
		f := factsOf(t, examples[c.typ])
		values, err := url.ParseQuery(strings.ReplaceAll(c.query, "+", "%2B"))
		if err != nil {
			t.Fatal(err)
		}
		if r, _ := Lookup(c.typ); !r.Open && !values.Has("patient") && !values.Has("subject") {
			values.Add("patient", "p1")
		}
		q, err := p.Parse(c.typ, values, true)
		if c.query == "date=2026-11-18T14" { // an hour is no FHIR date
			if e := new(Error); !asError(err, e) || e.Problem != Malformed {
				t.Errorf("%s?%s: %v; want malformed", c.typ, c.query, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s?%s: %v", c.typ, c.query, err)
			continue
		}
		if got := q.Matches(f); got != c.want {
			t.Errorf("%s?%s: %v", c.typ, c.query, got)
		}
		only, _ := url.ParseQuery(c.query)
		for name := range only {
			base, _, _ := strings.Cut(name, ":")
			n := found[c.typ+"?"+base]
			n[map[bool]int{false: 0, true: 1}[c.want]]++
			found[c.typ+"?"+base] = n
		}
	}
	for _, r := range Resources() {
		for _, param := range r.Parameters {
			if n := found[r.Type+"?"+param.Name]; n[0] == 0 || n[1] == 0 {
				t.Errorf("%s?%s has %d positive and %d negative cases", r.Type, param.Name, n[1], n[0])
			}
		}
	}
}

// Each example has a value for each parameter, at the path that the table says, and no other type's.
func TestEveryParameterHasAValueInItsExample(t *testing.T) {
	for _, r := range Resources() {
		f := factsOf(t, examples[r.Type])
		for i := range r.Parameters {
			if !r.Parameters[i].present(f) {
				t.Errorf("%s?%s finds nothing in the example", r.Type, r.Parameters[i].Name)
			}
		}
		for _, combination := range r.Combinations {
			for _, name := range combination {
				if _, ok := r.Parameter(name); !ok {
					t.Errorf("%s: the combination %v names no parameter", r.Type, combination)
				}
			}
		}
	}
	if !slices.IsSortedFunc(Resources(), func(a, b Resource) int { return strings.Compare(a.Type, b.Type) }) {
		t.Error("the table is not in order")
	}
}

// What may be released can be asked for: each type of which the gateway knows when it happened and who wrote it.
func TestEveryTypeThatMayBeReleasedCanBeSearched(t *testing.T) {
	for _, typ := range slices.Sorted(knownTypes().All()) {
		if _, ok := Lookup(typ); !ok {
			t.Errorf("%s may be released, and cannot be asked for", typ)
		}
	}
	for _, r := range Resources() {
		if !knownTypes().Lists(r.Type) {
			t.Errorf("%s can be asked for, and is never released", r.Type)
		}
	}
}

// The combinations that US Core 6.1.0 demands of a server (SHALL), for the types we have.
func TestUSCoreCombinations(t *testing.T) {
	for typ, want := range map[string][]string{
		"AllergyIntolerance": {"patient"},
		"CarePlan":           {"patient,category"},
		"CareTeam":           {"patient,status"},
		"Condition":          {"patient", "patient,category"},
		"Coverage":           {"patient"},
		"DiagnosticReport":   {"patient", "patient,category", "patient,code", "patient,category,date"},
		"DocumentReference":  {"_id", "patient", "patient,category", "patient,category,date", "patient,type"},
		"Encounter":          {"_id", "patient", "patient,date"},
		"Goal":               {"patient"},
		"Immunization":       {"patient"},
		"Location":           {"name", "address"},
		"MedicationRequest":  {"patient,intent", "patient,intent,status"},
		"Observation":        {"patient,category", "patient,code", "patient,category,date"},
		"Organization":       {"name", "address"},
		"Patient":            {"_id", "identifier", "name", "birthdate,name", "gender,name"},
		"Practitioner":       {"_id", "name", "identifier"},
		"PractitionerRole":   {"specialty", "practitioner"},
		"Procedure":          {"patient", "patient,date"},
		"RelatedPerson":      {"_id"},
		"ServiceRequest":     {"_id", "patient", "patient,category", "patient,code", "patient,category,authored"},
	} {
		r, ok := Lookup(typ)
		if !ok {
			t.Errorf("%s cannot be searched", typ)
			continue
		}
		for _, names := range want {
			list := strings.Split(names, ",")
			for _, name := range list {
				if _, ok := r.Parameter(name); !ok {
					t.Errorf("%s?%s is missing", typ, name)
				}
			}
			stated := func(c []string) bool { return slices.Equal(c, list) }
			if len(list) > 1 && !slices.ContainsFunc(r.Combinations, stated) {
				t.Errorf("%s does not state the combination %s", typ, names)
			}
		}
	}
}

// A reference by an identifier alone is a value, though no id finds it (FHIR R4 3.1.1.4.5.1).
func TestAReferenceThatNamesNothingHereIsNotMissing(t *testing.T) {
	f := factsOf(t, `{"resourceType":"Consent","id":"x1","status":"active","scope":{"text":"x"},"category":[{"text":"x"}],"patient":{"reference":"Patient/p1"},"policyRule":{"text":"x"},
		"provision":{"actor":[{"role":{"text":"x"},"reference":{"type":"Organization","identifier":{"system":"http://hl7.org/fhir/sid/us-npi","value":"1234567893"}}}]}}`)
	none := factsOf(t, `{"resourceType":"Consent","id":"x1","status":"active","scope":{"text":"x"},"category":[{"text":"x"}],"patient":{"reference":"Patient/p1"},"policyRule":{"text":"x"}}`)
	p := testParser(t)
	for query, want := range map[string][2]bool{"actor:missing=false": {true, false}, "actor:missing=true": {false, true}, "actor=o1": {false, false}} {
		q, err := p.ParseText("Consent", "patient=p1&"+query, true)
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]bool{q.Matches(f), q.Matches(none)}; got != want {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
}
