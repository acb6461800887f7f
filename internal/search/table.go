package search

import "slices"

// The table: every search parameter that US Core 6.1 requires of a server for the types that can be released, and those it recommends, with
// the paths that Facts use. Where US Core lets a search name nobody (Encounter?identifier, RelatedPerson?name), we ask for the client as well.

const (
	hl7    = "http://hl7.org/fhir/SearchParameter/"
	usCore = "http://hl7.org/fhir/us/core/SearchParameter/"

	// Those of profiles/fhir.
	ours         = "https://consentry.dev/fhir/SearchParameter/"
	ourOperation = "https://consentry.dev/fhir/OperationDefinition/"
)

var (
	onlyPatient  = []string{"Patient"}
	onlyVisit    = []string{"Encounter"}
	practitioner = []string{"Organization", "Patient", "Practitioner", "PractitionerRole", "RelatedPerson"}
)

var resources = withCommon([]Resource{
	{
		Type: "AllergyIntolerance",
		Parameters: []Parameter{
			clientOf("patient"),
			{Name: "clinical-status", Kind: Token, Paths: []string{"clinicalStatus"}, Definition: hl7 + "AllergyIntolerance-clinical-status"},
		},
		Combinations: [][]string{{"patient", "clinical-status"}},
	},
	{
		// For the client alone, made of the ledger. Nothing is searched by entity: what was disclosed is there by its kind only.
		Type: "AuditEvent", Apart: true,
		Parameters: []Parameter{
			{Name: "patient", Kind: Reference, Paths: []string{"entity.what"}, Targets: onlyPatient, Definition: hl7 + "AuditEvent-patient"},
			{Name: "date", Kind: Date, Paths: []string{"recorded"}, Definition: hl7 + "AuditEvent-date"},
			{Name: "agent-name", Kind: String, Paths: []string{"agent.name"}, Definition: hl7 + "AuditEvent-agent-name"},
			{Name: "subtype", Kind: Token, Paths: []string{"subtype"}, Definition: hl7 + "AuditEvent-subtype"},
			{Name: "action", Kind: Token, Paths: []string{"action"}, System: "http://hl7.org/fhir/audit-event-action", Definition: hl7 + "AuditEvent-action"},
			{Name: "entity-type", Kind: Token, Paths: []string{"entity.type"}, Definition: hl7 + "AuditEvent-entity-type"},
		},
		Combinations: [][]string{{"patient", "date"}},
	},
	{
		Type: "CarePlan",
		Parameters: []Parameter{
			clientOf("subject"),
			{Name: "category", Kind: Token, Paths: []string{"category"}, Definition: hl7 + "CarePlan-category"},
			{Name: "status", Kind: Token, Paths: []string{"status"}, System: "http://hl7.org/fhir/request-status", Definition: hl7 + "CarePlan-status"},
			{Name: "date", Kind: Date, Paths: []string{"period"}, Definition: hl7 + "clinical-date"},
		},
		Combinations: [][]string{{"patient", "category"}, {"patient", "category", "status"}, {"patient", "category", "date"},
			{"patient", "category", "status", "date"}},
	},
	{
		Type: "CareTeam",
		Parameters: []Parameter{
			clientOf("subject"),
			{Name: "status", Kind: Token, Paths: []string{"status"}, System: "http://hl7.org/fhir/care-team-status", Definition: hl7 + "CareTeam-status"},
			{Name: "role", Kind: Token, Paths: []string{"participant.role"}, Definition: usCore + "us-core-careteam-role"},
		},
		Combinations: [][]string{{"patient", "status"}, {"patient", "role"}},
	},
	{
		Type: "Condition",
		Parameters: []Parameter{
			clientOf("subject"),
			{Name: "category", Kind: Token, Paths: []string{"category"}, Definition: hl7 + "Condition-category"},
			{Name: "clinical-status", Kind: Token, Paths: []string{"clinicalStatus"}, Definition: hl7 + "Condition-clinical-status"},
			{Name: "code", Kind: Token, Paths: []string{"code"}, Definition: hl7 + "clinical-code"},
			{Name: "encounter", Kind: Reference, Paths: []string{"encounter"}, Targets: onlyVisit, Definition: hl7 + "Condition-encounter"},
			{Name: "onset-date", Kind: Date, Paths: []string{"onset"}, Definition: hl7 + "Condition-onset-date"},
			{Name: "abatement-date", Kind: Date, Paths: []string{"abatement"}, Definition: hl7 + "Condition-abatement-date"},
			{Name: "recorded-date", Kind: Date, Paths: []string{"recordedDate"}, Definition: hl7 + "Condition-recorded-date"},
		},
		Combinations: [][]string{{"patient", "category"}, {"patient", "clinical-status"}, {"patient", "category", "clinical-status"},
			{"patient", "category", "encounter"}, {"patient", "code"}, {"patient", "onset-date"}, {"patient", "abatement-date"},
			{"patient", "recorded-date"}, {"patient", "_lastUpdated"}},
	},
	{
		// What a Consent says of other parties is not in a partner's extract, and so cannot be searched by it (design section 5, rule 22).
		Type: "Consent",
		Parameters: []Parameter{
			clientOf("patient"),
			{Name: "status", Kind: Token, Paths: []string{"status"}, System: "http://hl7.org/fhir/consent-state-codes", Definition: hl7 + "Consent-status"},
			{Name: "category", Kind: Token, Paths: []string{"category"}, Definition: hl7 + "Consent-category"},
			{Name: "actor", Kind: Reference, Paths: []string{"provision.actor.reference"}, Definition: hl7 + "Consent-actor",
				Targets: append([]string{"CareTeam", "Device", "Group"}, practitioner...)},
			{Name: "date", Kind: Date, Paths: []string{"dateTime"}, Definition: hl7 + "clinical-date"},
			{Name: "period", Kind: Date, Paths: []string{"provision.period"}, Definition: hl7 + "Consent-period"},
		},
		Combinations: [][]string{{"patient", "status"}, {"patient", "actor"}},
	},
	{
		Type:       "Coverage",
		Parameters: []Parameter{{Name: "patient", Kind: Reference, Paths: []string{"beneficiary"}, Targets: onlyPatient, Definition: hl7 + "Coverage-patient"}},
	},
	{
		Type: "DiagnosticReport",
		Parameters: []Parameter{
			clientOf("subject"),
			{Name: "category", Kind: Token, Paths: []string{"category"}, Definition: hl7 + "DiagnosticReport-category"},
			{Name: "code", Kind: Token, Paths: []string{"code"}, Definition: hl7 + "clinical-code"},
			{Name: "status", Kind: Token, Paths: []string{"status"}, System: "http://hl7.org/fhir/diagnostic-report-status",
				Definition: hl7 + "DiagnosticReport-status"},
			{Name: "date", Kind: Date, Paths: []string{"effective"}, Definition: hl7 + "clinical-date"},
			{Name: "encounter", Kind: Reference, Paths: []string{"encounter"}, Targets: onlyVisit, Definition: hl7 + "clinical-encounter"},
		},
		Combinations: [][]string{{"patient", "category"}, {"patient", "code"}, {"patient", "category", "date"}, {"patient", "status"},
			{"patient", "category", "_lastUpdated"}, {"patient", "code", "date"}},
	},
	{
		Type: "DocumentReference",
		Parameters: []Parameter{
			clientOf("subject"), subject("DocumentReference-subject"),
			{Name: "category", Kind: Token, Paths: []string{"category"}, Definition: hl7 + "DocumentReference-category"},
			{Name: "type", Kind: Token, Paths: []string{"type"}, Definition: hl7 + "clinical-type"},
			{Name: "status", Kind: Token, Paths: []string{"status"}, System: "http://hl7.org/fhir/document-reference-status",
				Definition: hl7 + "DocumentReference-status"},
			{Name: "date", Kind: Date, Paths: []string{"date"}, Definition: hl7 + "DocumentReference-date"},
			{Name: "period", Kind: Date, Paths: []string{"context.period"}, Definition: hl7 + "DocumentReference-period"},
			{Name: "author", Kind: Reference, Paths: []string{"author"}, Targets: append([]string{"Device"}, practitioner...),
				Definition: hl7 + "DocumentReference-author"},
			{Name: "encounter", Kind: Reference, Paths: []string{"context.encounter"}, Targets: []string{"Encounter", "EpisodeOfCare"},
				Definition: hl7 + "clinical-encounter"},
		},
		Combinations: [][]string{{"patient", "category"}, {"patient", "type"}, {"patient", "category", "date"}, {"patient", "status"},
			{"patient", "type", "period"}},
	},
	{
		Type: "Encounter",
		Parameters: []Parameter{
			clientOf("subject"),
			{Name: "identifier", Kind: Token, Paths: []string{"identifier"}, Definition: hl7 + "clinical-identifier"},
			{Name: "class", Kind: Token, Paths: []string{"class"}, Definition: hl7 + "Encounter-class"},
			{Name: "type", Kind: Token, Paths: []string{"type"}, Definition: hl7 + "clinical-type"},
			{Name: "status", Kind: Token, Paths: []string{"status"}, System: "http://hl7.org/fhir/encounter-status", Definition: hl7 + "Encounter-status"},
			{Name: "date", Kind: Date, Paths: []string{"period"}, Definition: hl7 + "clinical-date"},
			{Name: "location", Kind: Reference, Paths: []string{"location.location"}, Targets: []string{"Location"}, Definition: hl7 + "Encounter-location"},
			{Name: "discharge-disposition", Kind: Token, Paths: []string{"hospitalization.dischargeDisposition"},
				Definition: usCore + "us-core-encounter-discharge-disposition"},
		},
		Combinations: [][]string{{"patient", "date"}, {"patient", "class"}, {"patient", "type"}, {"patient", "status"}, {"patient", "location"},
			{"patient", "discharge-disposition"}, {"patient", "_lastUpdated"}},
	},
	{
		// US Core has no profile of it: these are FHIR's own.
		Type: "EpisodeOfCare",
		Parameters: []Parameter{
			clientOf("patient"),
			{Name: "type", Kind: Token, Paths: []string{"type"}, Definition: hl7 + "clinical-type"},
			{Name: "status", Kind: Token, Paths: []string{"status"}, System: "http://hl7.org/fhir/episode-of-care-status",
				Definition: hl7 + "EpisodeOfCare-status"},
			{Name: "date", Kind: Date, Paths: []string{"period"}, Definition: hl7 + "clinical-date"},
		},
	},
	{
		Type: "Goal",
		Parameters: []Parameter{
			clientOf("subject"),
			{Name: "lifecycle-status", Kind: Token, Paths: []string{"lifecycleStatus"}, System: "http://hl7.org/fhir/goal-status",
				Definition: hl7 + "Goal-lifecycle-status"},
			{Name: "target-date", Kind: Date, Paths: []string{"target.due"}, Definition: hl7 + "Goal-target-date"},
			{Name: "description", Kind: Token, Paths: []string{"description"}, Definition: usCore + "us-core-goal-description"},
		},
		Combinations: [][]string{{"patient", "lifecycle-status"}, {"patient", "target-date"}, {"patient", "description"}},
	},
	{
		Type: "Immunization",
		Parameters: []Parameter{
			clientOf("patient"),
			{Name: "status", Kind: Token, Paths: []string{"status"}, System: "http://hl7.org/fhir/event-status", Definition: hl7 + "Immunization-status"},
			{Name: "date", Kind: Date, Paths: []string{"occurrence"}, Definition: hl7 + "clinical-date"},
		},
		Combinations: [][]string{{"patient", "date"}, {"patient", "status"}},
	},
	{
		Type: "Location", Open: true,
		Parameters: []Parameter{
			{Name: "name", Kind: String, Paths: []string{"name", "alias"}, Definition: hl7 + "Location-name"},
			{Name: "address", Kind: String, Paths: []string{"address.*"}, Definition: hl7 + "Location-address"},
			{Name: "address-city", Kind: String, Paths: []string{"address.city"}, Definition: hl7 + "Location-address-city"},
			{Name: "address-state", Kind: String, Paths: []string{"address.state"}, Definition: hl7 + "Location-address-state"},
			{Name: "address-postalcode", Kind: String, Paths: []string{"address.postalCode"}, Definition: hl7 + "Location-address-postalcode"},
		},
	},
	{
		Type: "MedicationRequest",
		Parameters: []Parameter{
			clientOf("subject"),
			{Name: "intent", Kind: Token, Paths: []string{"intent"}, System: "http://hl7.org/fhir/CodeSystem/medicationrequest-intent",
				Definition: hl7 + "MedicationRequest-intent"},
			{Name: "status", Kind: Token, Paths: []string{"status"}, System: "http://hl7.org/fhir/CodeSystem/medicationrequest-status",
				Definition: hl7 + "medications-status"},
			{Name: "code", Kind: Token, Paths: []string{"medication"}, Definition: hl7 + "clinical-code"},
			{Name: "authoredon", Kind: Date, Paths: []string{"authoredOn"}, Definition: hl7 + "MedicationRequest-authoredon"},
			{Name: "encounter", Kind: Reference, Paths: []string{"encounter"}, Targets: onlyVisit, Definition: hl7 + "medications-encounter"},
		},
		Combinations: [][]string{{"patient", "intent"}, {"patient", "intent", "status"}, {"patient", "intent", "authoredon"},
			{"patient", "intent", "encounter"}},
	},
	{
		Type: "Observation",
		Parameters: []Parameter{
			clientOf("subject"), subject("Observation-subject"),
			{Name: "category", Kind: Token, Paths: []string{"category"}, Definition: hl7 + "Observation-category"},
			{Name: "code", Kind: Token, Paths: []string{"code"}, Definition: hl7 + "clinical-code"},
			{Name: "status", Kind: Token, Paths: []string{"status"}, System: "http://hl7.org/fhir/observation-status", Definition: hl7 + "Observation-status"},
			{Name: "date", Kind: Date, Paths: []string{"effective"}, Definition: hl7 + "clinical-date"},
			{Name: "encounter", Kind: Reference, Paths: []string{"encounter"}, Targets: onlyVisit, Definition: hl7 + "clinical-encounter"},
		},
		Combinations: [][]string{{"patient", "category"}, {"patient", "code"}, {"patient", "category", "date"}, {"patient", "category", "status"},
			{"patient", "code", "date"}, {"patient", "category", "_lastUpdated"}},
	},
	{
		Type: "Organization", Open: true,
		Parameters: []Parameter{
			{Name: "identifier", Kind: Token, Paths: []string{"identifier"}, Definition: hl7 + "Organization-identifier"},
			{Name: "name", Kind: String, Paths: []string{"name", "alias"}, Definition: hl7 + "Organization-name"},
			{Name: "address", Kind: String, Paths: []string{"address.*"}, Definition: hl7 + "Organization-address"},
		},
	},
	{
		Type: "Patient", Open: true,
		Parameters: []Parameter{
			{Name: "identifier", Kind: Token, Paths: []string{"identifier"}, Definition: hl7 + "Patient-identifier"},
			{Name: "name", Kind: String, Paths: []string{"name.*"}, Definition: hl7 + "Patient-name"},
			{Name: "family", Kind: String, Paths: []string{"name.family"}, Definition: hl7 + "individual-family"},
			{Name: "given", Kind: String, Paths: []string{"name.given"}, Definition: hl7 + "individual-given"},
			{Name: "gender", Kind: Token, Paths: []string{"gender"}, System: "http://hl7.org/fhir/administrative-gender", Definition: hl7 + "individual-gender"},
			{Name: "birthdate", Kind: Date, Paths: []string{"birthDate"}, Definition: hl7 + "individual-birthdate"},
			{Name: "death-date", Kind: Date, Paths: []string{"deceased"}, Definition: hl7 + "Patient-death-date"},
		},
		Combinations: [][]string{{"birthdate", "name"}, {"gender", "name"}, {"birthdate", "family"}, {"family", "gender"}, {"death-date", "family"}},
	},
	{
		Type: "Practitioner", Open: true,
		Parameters: []Parameter{
			{Name: "identifier", Kind: Token, Paths: []string{"identifier"}, Definition: hl7 + "Practitioner-identifier"},
			{Name: "name", Kind: String, Paths: []string{"name.*"}, Definition: hl7 + "Practitioner-name"},
		},
	},
	{
		Type: "PractitionerRole", Open: true,
		Parameters: []Parameter{
			{Name: "practitioner", Kind: Reference, Paths: []string{"practitioner"}, Targets: []string{"Practitioner"}, Definition: hl7 + "PractitionerRole-practitioner"},
			{Name: "specialty", Kind: Token, Paths: []string{"specialty"}, Definition: hl7 + "PractitionerRole-specialty"},
		},
	},
	{
		Type: "Procedure",
		Parameters: []Parameter{
			clientOf("subject"),
			{Name: "status", Kind: Token, Paths: []string{"status"}, System: "http://hl7.org/fhir/event-status", Definition: hl7 + "Procedure-status"},
			{Name: "code", Kind: Token, Paths: []string{"code"}, Definition: hl7 + "clinical-code"},
			{Name: "date", Kind: Date, Paths: []string{"performed"}, Definition: hl7 + "clinical-date"},
			{Name: "encounter", Kind: Reference, Paths: []string{"encounter"}, Targets: onlyVisit, Definition: hl7 + "clinical-encounter"},
		},
		Combinations: [][]string{{"patient", "date"}, {"patient", "status"}, {"patient", "code", "date"}},
	},
	{
		Type: "Provenance",
		Parameters: []Parameter{
			// FHIR's own finds a Provenance only if its target is the Patient.
			{Name: "patient", Kind: Reference, Paths: []string{"target"}, Targets: onlyPatient, Definition: ours + "Provenance-patient", origin: fromSubject},
			{Name: "target", Kind: Reference, Paths: []string{"target"}, Definition: hl7 + "Provenance-target", Targets: []string{
				"AllergyIntolerance", "CarePlan", "CareTeam", "Condition", "Consent", "Coverage", "DiagnosticReport", "DocumentReference", "Encounter",
				"EpisodeOfCare", "Goal", "Immunization", "MedicationRequest", "Observation", "Patient", "Procedure", "RelatedPerson", "ServiceRequest"}},
			{Name: "recorded", Kind: Date, Paths: []string{"recorded"}, Definition: hl7 + "Provenance-recorded"},
			{Name: "agent", Kind: Reference, Paths: []string{"agent.who"}, Targets: append([]string{"Device"}, practitioner...),
				Definition: hl7 + "Provenance-agent"},
		},
		Combinations: [][]string{{"patient", "target"}},
	},
	{
		Type: "RelatedPerson",
		Parameters: []Parameter{
			clientOf("patient"),
			{Name: "name", Kind: String, Paths: []string{"name.*"}, Definition: hl7 + "RelatedPerson-name"},
		},
		Combinations: [][]string{{"patient", "name"}},
	},
	{
		Type: "ServiceRequest",
		Parameters: []Parameter{
			clientOf("subject"),
			{Name: "category", Kind: Token, Paths: []string{"category"}, Definition: hl7 + "ServiceRequest-category"},
			{Name: "code", Kind: Token, Paths: []string{"code"}, Definition: hl7 + "clinical-code"},
			{Name: "status", Kind: Token, Paths: []string{"status"}, System: "http://hl7.org/fhir/request-status", Definition: hl7 + "ServiceRequest-status"},
			{Name: "authored", Kind: Date, Paths: []string{"authoredOn"}, Definition: hl7 + "ServiceRequest-authored"},
			{Name: "encounter", Kind: Reference, Paths: []string{"encounter"}, Targets: onlyVisit, Definition: hl7 + "clinical-encounter"},
		},
		Combinations: [][]string{{"patient", "category"}, {"patient", "code"}, {"patient", "category", "authored"}, {"patient", "status"},
			{"patient", "code", "authored"}},
	},
})

// clientOf is the parameter `patient`, which names the client.
func clientOf(path string) Parameter {
	return Parameter{Name: "patient", Kind: Reference, Paths: []string{path}, Targets: onlyPatient, Definition: hl7 + "clinical-patient"}
}

// subject is the parameter `subject`. A chart is a person's, so that its only target is Patient.
func subject(definition string) Parameter {
	return Parameter{Name: "subject", Kind: Reference, Paths: []string{"subject"}, Targets: onlyPatient, Definition: hl7 + definition}
}

// withCommon adds the parameters of every type.
func withCommon(rs []Resource) []Resource {
	common := []Parameter{
		{Name: "_id", Kind: Token, Definition: hl7 + "Resource-id", origin: fromID},
		{Name: "_lastUpdated", Kind: Date, Definition: hl7 + "Resource-lastUpdated", origin: fromLastUpdated},
	}
	for i := range rs {
		rs[i].Parameters = slices.Concat(common, rs[i].Parameters)
		if p, ok := rs[i].Parameter("patient"); ok && rs[i].Type == "RelatedPerson" {
			p.Definition = hl7 + "RelatedPerson-patient"
		}
	}
	return rs
}

var byType = func() map[string]*Resource {
	m := make(map[string]*Resource, len(resources))
	for i := range resources {
		m[resources[i].Type] = &resources[i]
	}
	return m
}()
