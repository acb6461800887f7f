package fhirjson

import (
	"slices"
	"strings"
)

// mark is what FHIR R4 says of a type's own elements and google/fhir's protos leave out (ElementDefinition.isModifier and isSummary).
type mark struct {
	modifiers []string // change the meaning of the rest
	summary   []string // belong to the summary, beside those that are required or modify
}

// marks are those of the types that a chart or the directory may hold, by the names of the elements.
var marks = map[string]mark{
	"AllergyIntolerance": marked("clinicalStatus verificationStatus",
		"identifier type category criticality code asserter"),
	"AuditEvent": marked("",
		"subtype action outcome outcomeDesc purposeOfEvent"),
	"Binary": marked("",
		"securityContext"),
	"CarePlan": marked("status intent",
		"identifier instantiatesCanonical instantiatesUri basedOn replaces partOf category title description encounter period created "+
			"author addresses"),
	"CareTeam": marked("status",
		"identifier category name subject encounter period managingOrganization"),
	"Condition": marked("clinicalStatus verificationStatus",
		"identifier code bodySite encounter onset recordedDate recorder asserter"),
	"Consent": marked("status scope",
		"identifier patient dateTime performer organization source policyRule verification provision"),
	"Coverage": marked("status",
		"identifier type policyHolder subscriber subscriberId dependent period order network"),
	"DiagnosticReport": marked("status",
		"identifier category subject encounter effective issued performer resultsInterpreter media"),
	"DocumentReference": marked("status",
		"masterIdentifier identifier docStatus type category subject date author relatesTo description securityLabel context"),
	"Encounter": marked("status",
		"identifier type serviceType subject episodeOfCare participant appointment reasonCode reasonReference diagnosis"),
	"EpisodeOfCare": marked("status",
		"type diagnosis managingOrganization period"),
	"Goal": marked("lifecycleStatus",
		"achievementStatus category priority start statusDate expressedBy"),
	"Immunization": marked("status isSubpotent",
		"primarySource performer note"),
	"Location": marked("status",
		"identifier operationalStatus name description mode type physicalType managingOrganization"),
	"MedicationRequest": marked("status intent doNotPerform",
		"priority reported authoredOn requester performerType instantiatesCanonical instantiatesUri basedOn groupIdentifier"),
	"Observation": marked("status",
		"identifier basedOn partOf subject focus encounter effective issued performer value hasMember derivedFrom component"),
	"Organization": marked("active",
		"identifier type name partOf"),
	"Patient": marked("active deceased link",
		"identifier name telecom gender birthDate address managingOrganization"),
	"Practitioner": marked("",
		"identifier active name telecom address gender birthDate"),
	"PractitionerRole": marked("",
		"identifier active period practitioner organization code specialty location telecom"),
	"Procedure": marked("status",
		"identifier instantiatesCanonical instantiatesUri basedOn partOf statusReason category code encounter performed recorder "+
			"asserter performer location reasonCode reasonReference bodySite outcome"),
	"Provenance": marked("",
		""),
	"RelatedPerson": marked("active",
		"identifier relationship name telecom gender birthDate address"),
	"ServiceRequest": marked("status intent doNotPerform",
		"identifier instantiatesCanonical instantiatesUri basedOn replaces requisition category priority code orderDetail quantity "+
			"encounter occurrence asNeeded authoredOn requester performerType performer locationCode locationReference reasonCode "+
			"reasonReference specimen bodySite patientInstruction"),
}

func marked(modifiers, summary string) mark {
	return mark{modifiers: strings.Fields(modifiers), summary: strings.Fields(summary)}
}

// always are the elements that no subset of a resource goes without, of whatever type: what it is, what changes its meaning and, where it is about
// somebody, about whom.
var always = []string{"id", "meta", "implicitRules", "modifierExtension", "subject", "patient"}

// alwaysStays tells whether an element of the type stands in every subset (FHIR R4 3.1.1.5.9).
func alwaysStays(resourceType string, e *Element) bool {
	return e.Required || slices.Contains(always, e.Name) || slices.Contains(marks[resourceType].modifiers, e.Name)
}

// inSummary tells whether an element of the type belongs to the summary. Of a type that is not listed nothing more does than what always stays.
func inSummary(resourceType string, e *Element) bool {
	return slices.Contains(marks[resourceType].summary, e.Name)
}
