package answers

// parameter is a search parameter: of which kind, and where the values stand.
type parameter struct {
	kind  string // token, date, string, reference
	paths []string
	// targets are the types that a reference may lead to.
	targets []string
	// system is that of a bare code.
	system string
}

const valueSets = "http://hl7.org/fhir/"

var people = []string{"Practitioner", "PractitionerRole", "Organization", "Patient", "RelatedPerson", "Device"}

// chartTypes are those about whose records there can be a Provenance.
var chartTypes = []string{"Patient", "RelatedPerson", "Encounter", "Condition", "Observation", "Procedure", "MedicationRequest", "Goal", "CarePlan", "DocumentReference", "Consent",
	"AllergyIntolerance", "CareTeam", "Coverage", "DiagnosticReport", "EpisodeOfCare", "Immunization", "ServiceRequest"}

// everyType are the parameters of every type.
var everyType = map[string]parameter{
	"_id":          {kind: "token", paths: []string{"id"}},
	"_lastUpdated": {kind: "date", paths: []string{"meta.lastUpdated"}},
}

// parameters are FHIR R4's and US Core's search parameters by type and name.
var parameters = map[string]map[string]parameter{
	"Patient": {
		"identifier": {kind: "token", paths: []string{"identifier"}}, "name": {kind: "string", paths: []string{"name"}}, "family": {kind: "string", paths: []string{"name.family"}},
		"given": {kind: "string", paths: []string{"name.given"}}, "gender": {kind: "token", paths: []string{"gender"}, system: valueSets + "administrative-gender"},
		"birthdate": {kind: "date", paths: []string{"birthDate"}}, "death-date": {kind: "date", paths: []string{"deceasedDateTime"}},
		"general-practitioner": {kind: "reference", paths: []string{"generalPractitioner"}, targets: []string{"Practitioner", "Organization", "PractitionerRole"}},
		"organization":         {kind: "reference", paths: []string{"managingOrganization"}, targets: []string{"Organization"}},
	},
	"RelatedPerson": {"patient": patient("patient"), "name": {kind: "string", paths: []string{"name"}}},
	"Practitioner":  {"identifier": {kind: "token", paths: []string{"identifier"}}, "name": {kind: "string", paths: []string{"name"}}},
	"Organization": {
		"identifier": {kind: "token", paths: []string{"identifier"}}, "name": {kind: "string", paths: []string{"name", "alias"}}, "address": {kind: "string", paths: []string{"address"}},
		"partof": {kind: "reference", paths: []string{"partOf"}, targets: []string{"Organization"}},
	},
	"Encounter": {
		"patient": patient("subject"), "identifier": {kind: "token", paths: []string{"identifier"}}, "class": {kind: "token", paths: []string{"class"}}, "type": {kind: "token", paths: []string{"type"}},
		"status": {kind: "token", paths: []string{"status"}, system: valueSets + "encounter-status"}, "date": {kind: "date", paths: []string{"period"}},
		"location":              {kind: "reference", paths: []string{"location.location"}, targets: []string{"Location"}},
		"discharge-disposition": {kind: "token", paths: []string{"hospitalization.dischargeDisposition"}},
		"participant":           {kind: "reference", paths: []string{"participant.individual"}, targets: []string{"Practitioner", "PractitionerRole", "RelatedPerson"}},
		"practitioner":          {kind: "reference", paths: []string{"participant.individual"}, targets: []string{"Practitioner"}},
		"diagnosis":             {kind: "reference", paths: []string{"diagnosis.condition"}, targets: []string{"Condition", "Procedure"}},
		"service-provider":      {kind: "reference", paths: []string{"serviceProvider"}, targets: []string{"Organization"}},
		"part-of":               {kind: "reference", paths: []string{"partOf"}, targets: []string{"Encounter"}},
	},
	"Condition": {
		"patient": patient("subject"), "category": {kind: "token", paths: []string{"category"}}, "clinical-status": {kind: "token", paths: []string{"clinicalStatus"}},
		"code": {kind: "token", paths: []string{"code"}}, "encounter": encounter("encounter"), "onset-date": {kind: "date", paths: []string{"onsetDateTime", "onsetPeriod"}},
		"abatement-date": {kind: "date", paths: []string{"abatementDateTime", "abatementPeriod"}}, "recorded-date": {kind: "date", paths: []string{"recordedDate"}},
		"asserter": {kind: "reference", paths: []string{"asserter"}, targets: people},
	},
	"Observation": {
		"patient": patient("subject"), "subject": patient("subject"), "category": {kind: "token", paths: []string{"category"}}, "code": {kind: "token", paths: []string{"code"}},
		"status": {kind: "token", paths: []string{"status"}, system: valueSets + "observation-status"},
		"date":   {kind: "date", paths: []string{"effectiveDateTime", "effectivePeriod", "effectiveInstant"}}, "encounter": encounter("encounter"),
		"performer":  {kind: "reference", paths: []string{"performer"}, targets: people},
		"has-member": {kind: "reference", paths: []string{"hasMember"}, targets: []string{"Observation"}},
	},
	"Procedure": {
		"patient": patient("subject"), "code": {kind: "token", paths: []string{"code"}}, "status": {kind: "token", paths: []string{"status"}, system: valueSets + "event-status"},
		"date": {kind: "date", paths: []string{"performedDateTime", "performedPeriod"}}, "encounter": encounter("encounter"),
		"performer":        {kind: "reference", paths: []string{"performer.actor"}, targets: people},
		"reason-reference": {kind: "reference", paths: []string{"reasonReference"}, targets: []string{"Condition", "Observation", "Procedure", "DocumentReference"}},
	},
	"MedicationRequest": {
		"patient": patient("subject"), "intent": {kind: "token", paths: []string{"intent"}, system: valueSets + "CodeSystem/medicationrequest-intent"},
		"status": {kind: "token", paths: []string{"status"}, system: valueSets + "CodeSystem/medicationrequest-status"},
		"code":   {kind: "token", paths: []string{"medicationCodeableConcept"}}, "authoredon": {kind: "date", paths: []string{"authoredOn"}}, "encounter": encounter("encounter"),
		"requester": {kind: "reference", paths: []string{"requester"}, targets: people},
	},
	"Goal": {
		"patient": patient("subject"), "lifecycle-status": {kind: "token", paths: []string{"lifecycleStatus"}, system: valueSets + "goal-status"},
		"target-date": {kind: "date", paths: []string{"target.dueDate"}}, "description": {kind: "token", paths: []string{"description"}},
	},
	"CarePlan": {
		"patient": patient("subject"), "category": {kind: "token", paths: []string{"category"}}, "status": {kind: "token", paths: []string{"status"}, system: valueSets + "request-status"},
		"date": {kind: "date", paths: []string{"period"}}, "encounter": encounter("encounter"),
		"goal":      {kind: "reference", paths: []string{"goal"}, targets: []string{"Goal"}},
		"condition": {kind: "reference", paths: []string{"addresses"}, targets: []string{"Condition"}},
	},
	"DocumentReference": {
		"patient": patient("subject"), "subject": patient("subject"), "category": {kind: "token", paths: []string{"category"}}, "type": {kind: "token", paths: []string{"type"}},
		"status": {kind: "token", paths: []string{"status"}, system: valueSets + "document-reference-status"}, "date": {kind: "date", paths: []string{"date"}},
		"period": {kind: "date", paths: []string{"context.period"}}, "encounter": encounter("context.encounter"),
		"author":    {kind: "reference", paths: []string{"author"}, targets: people},
		"custodian": {kind: "reference", paths: []string{"custodian"}, targets: []string{"Organization"}},
		"relatesto": {kind: "reference", paths: []string{"relatesTo.target"}, targets: []string{"DocumentReference"}},
	},
	"AuditEvent": {
		"patient": patient("entity.what"), "date": {kind: "date", paths: []string{"recorded"}}, "agent-name": {kind: "string", paths: []string{"agent.name"}},
		"subtype": {kind: "token", paths: []string{"subtype"}}, "action": {kind: "token", paths: []string{"action"}, system: valueSets + "audit-event-action"},
		"entity-type": {kind: "token", paths: []string{"entity.type"}},
	},
	"AllergyIntolerance": {"patient": patient("patient"), "clinical-status": {kind: "token", paths: []string{"clinicalStatus"}}},
	"CareTeam": {
		"patient": patient("subject"), "status": {kind: "token", paths: []string{"status"}, system: valueSets + "care-team-status"}, "role": {kind: "token", paths: []string{"participant.role"}},
	},
	"Coverage": {"patient": patient("beneficiary")},
	"DiagnosticReport": {
		"patient": patient("subject"), "category": {kind: "token", paths: []string{"category"}}, "code": {kind: "token", paths: []string{"code"}}, "encounter": encounter("encounter"),
		"status": {kind: "token", paths: []string{"status"}, system: valueSets + "diagnostic-report-status"}, "date": {kind: "date", paths: []string{"effectiveDateTime", "effectivePeriod"}},
	},
	"EpisodeOfCare": {
		"patient": patient("patient"), "type": {kind: "token", paths: []string{"type"}}, "status": {kind: "token", paths: []string{"status"}, system: valueSets + "episode-of-care-status"},
		"date": {kind: "date", paths: []string{"period"}},
	},
	"Immunization": {
		"patient": patient("patient"), "status": {kind: "token", paths: []string{"status"}, system: valueSets + "event-status"}, "date": {kind: "date", paths: []string{"occurrenceDateTime"}},
	},
	"ServiceRequest": {
		"patient": patient("subject"), "category": {kind: "token", paths: []string{"category"}}, "code": {kind: "token", paths: []string{"code"}}, "encounter": encounter("encounter"),
		"status": {kind: "token", paths: []string{"status"}, system: valueSets + "request-status"}, "authored": {kind: "date", paths: []string{"authoredOn"}},
	},
	"Location": {
		"name": {kind: "string", paths: []string{"name", "alias"}}, "address": {kind: "string", paths: []string{"address"}}, "address-city": {kind: "string", paths: []string{"address.city"}},
		"address-state": {kind: "string", paths: []string{"address.state"}}, "address-postalcode": {kind: "string", paths: []string{"address.postalCode"}},
	},
	"PractitionerRole": {
		"practitioner": {kind: "reference", paths: []string{"practitioner"}, targets: []string{"Practitioner"}}, "specialty": {kind: "token", paths: []string{"specialty"}},
	},
	"Consent": {
		"patient": patient("patient"), "status": {kind: "token", paths: []string{"status"}, system: valueSets + "consent-state-codes"}, "category": {kind: "token", paths: []string{"category"}},
		"actor": {kind: "reference", paths: []string{"provision.actor.reference"}, targets: people}, "date": {kind: "date", paths: []string{"dateTime"}},
		"period": {kind: "date", paths: []string{"provision.period"}},
	},
	"Provenance": {
		"patient": patient("target"), "target": {kind: "reference", paths: []string{"target"}, targets: chartTypes}, "recorded": {kind: "date", paths: []string{"recorded"}},
		"agent": {kind: "reference", paths: []string{"agent.who"}, targets: people},
	},
}

func patient(path string) parameter {
	return parameter{kind: "reference", paths: []string{path}, targets: []string{"Patient"}}
}

func encounter(path string) parameter {
	return parameter{kind: "reference", paths: []string{path}, targets: []string{"Encounter", "EpisodeOfCare"}}
}

// knows gives a type's parameter.
func knows(resourceType, name string) (parameter, bool) {
	if p, ok := everyType[name]; ok {
		return p, true
	}
	p, ok := parameters[resourceType][name]
	return p, ok
}
