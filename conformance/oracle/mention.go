package oracle

import (
	"slices"
	"strings"
)

// mayStand are the resource types to which FHIR R4 lets an element refer, by type and element. "Resource" is every type. Whose the record is (subject,
// patient) is left out: where that cannot be told, nothing is released.
var mayStand = map[string]map[string]string{
	"Patient": {
		"contact.organization": "Organization", "generalPractitioner": "Organization Practitioner PractitionerRole", "link.other": "Patient RelatedPerson",
		"managingOrganization": "Organization",
	},
	"Encounter": {
		"account": "Account", "appointment": "Appointment", "basedOn": "ServiceRequest", "diagnosis.condition": "Condition Procedure",
		"episodeOfCare": "EpisodeOfCare", "hospitalization.destination": "Location Organization", "hospitalization.origin": "Location Organization",
		"location.location": "Location", "partOf": "Encounter", "participant.individual": "Practitioner PractitionerRole RelatedPerson",
		"reasonReference": "Condition Procedure Observation ImmunizationRecommendation", "serviceProvider": "Organization",
	},
	"DocumentReference": {
		"authenticator": "Practitioner PractitionerRole Organization", "author": "Practitioner PractitionerRole Organization Device Patient RelatedPerson",
		"context.encounter": "Encounter EpisodeOfCare", "context.related": anyType, "context.sourcePatientInfo": "Patient", "custodian": "Organization",
		"relatesTo.target": "DocumentReference",
	},
	"Observation": {
		"basedOn":     "CarePlan DeviceRequest ImmunizationRecommendation MedicationRequest NutritionOrder ServiceRequest",
		"derivedFrom": "DocumentReference ImagingStudy Media QuestionnaireResponse Observation MolecularSequence", "device": "Device DeviceMetric",
		"encounter": "Encounter", "focus": anyType, "hasMember": "Observation QuestionnaireResponse MolecularSequence",
		"partOf":    "MedicationAdministration MedicationDispense MedicationStatement Procedure Immunization ImagingStudy",
		"performer": "Practitioner PractitionerRole Organization CareTeam Patient RelatedPerson", "specimen": "Specimen",
	},
	"DiagnosticReport": {
		"basedOn": "CarePlan ImmunizationRecommendation MedicationRequest NutritionOrder ServiceRequest", "encounter": "Encounter",
		"imagingStudy": "ImagingStudy", "media.link": "Media", "performer": "Practitioner PractitionerRole Organization CareTeam", "result": "Observation",
		"resultsInterpreter": "Practitioner PractitionerRole Organization CareTeam", "specimen": "Specimen",
	},
	"Procedure": {
		"asserter": "Patient RelatedPerson Practitioner PractitionerRole", "basedOn": "CarePlan ServiceRequest", "complicationDetail": "Condition",
		"encounter": "Encounter", "focalDevice.manipulated": "Device", "location": "Location", "partOf": "Procedure Observation MedicationAdministration",
		"performer.actor": "Practitioner PractitionerRole Organization Patient RelatedPerson Device", "performer.onBehalfOf": "Organization",
		"reasonReference": "Condition Observation Procedure DiagnosticReport DocumentReference",
		"recorder":        "Patient RelatedPerson Practitioner PractitionerRole", "report": "DiagnosticReport DocumentReference Composition",
		"usedReference": "Device Medication Substance",
	},
	"Immunization": {
		"encounter": "Encounter", "location": "Location", "manufacturer": "Organization", "performer.actor": "Practitioner PractitionerRole Organization",
		"protocolApplied.authority": "Organization", "reaction.detail": "Observation", "reasonReference": "Condition Observation DiagnosticReport",
	},
	"ServiceRequest": {
		"basedOn": "CarePlan ServiceRequest MedicationRequest", "encounter": "Encounter", "insurance": "Coverage ClaimResponse",
		"locationReference": "Location", "performer": "Practitioner PractitionerRole Organization CareTeam HealthcareService Patient Device RelatedPerson",
		"reasonReference": "Condition Observation DiagnosticReport DocumentReference", "relevantHistory": "Provenance", "replaces": "ServiceRequest",
		"requester": "Practitioner PractitionerRole Organization Patient RelatedPerson Device", "specimen": "Specimen", "supportingInfo": anyType,
	},
	"Coverage": {
		"contract": "Contract", "payor": "Organization Patient RelatedPerson", "policyHolder": "Patient RelatedPerson Organization",
		"subscriber": "Patient RelatedPerson",
	},
	"Condition": {
		"asserter": "Practitioner PractitionerRole Patient RelatedPerson", "encounter": "Encounter", "evidence.detail": anyType,
		"recorder": "Practitioner PractitionerRole Patient RelatedPerson", "stage.assessment": "ClinicalImpression DiagnosticReport Observation",
	},
	"AllergyIntolerance": {
		"asserter": "Patient RelatedPerson Practitioner PractitionerRole", "encounter": "Encounter",
		"recorder": "Practitioner PractitionerRole Patient RelatedPerson",
	},
	"MedicationRequest": {
		"basedOn": "CarePlan MedicationRequest ServiceRequest ImmunizationRecommendation", "detectedIssue": "DetectedIssue",
		"dispenseRequest.performer": "Organization", "encounter": "Encounter", "eventHistory": "Provenance", "insurance": "Coverage ClaimResponse",
		"medicationReference": "Medication", "performer": "Practitioner PractitionerRole Organization Patient Device RelatedPerson CareTeam",
		"priorPrescription": "MedicationRequest", "reasonReference": "Condition Observation", "recorder": "Practitioner PractitionerRole",
		"reportedReference": "Patient Practitioner PractitionerRole RelatedPerson Organization",
		"requester":         "Practitioner PractitionerRole Organization Patient RelatedPerson Device", "supportingInformation": anyType,
	},
	"CarePlan": {
		"activity.detail.goal": "Goal", "activity.detail.location": "Location", "activity.detail.productReference": "Medication Substance",
		"activity.detail.performer":       "Practitioner PractitionerRole Organization RelatedPerson Patient CareTeam HealthcareService Device",
		"activity.detail.reasonReference": "Condition Observation DiagnosticReport DocumentReference", "activity.outcomeReference": anyType,
		"activity.reference": "Appointment CommunicationRequest DeviceRequest MedicationRequest NutritionOrder Task ServiceRequest VisionPrescription " +
			"RequestGroup",
		"addresses": "Condition", "author": "Patient Practitioner PractitionerRole Device RelatedPerson Organization CareTeam", "basedOn": "CarePlan",
		"careTeam": "CareTeam", "contributor": "Patient Practitioner PractitionerRole Device RelatedPerson Organization CareTeam",
		"encounter": "Encounter", "goal": "Goal", "partOf": "CarePlan", "replaces": "CarePlan", "supportingInfo": anyType,
	},
	"EpisodeOfCare": {
		"account": "Account", "careManager": "Practitioner PractitionerRole", "diagnosis.condition": "Condition", "managingOrganization": "Organization",
		"referralRequest": "ServiceRequest", "team": "CareTeam",
	},
	"CareTeam": {
		"encounter": "Encounter", "managingOrganization": "Organization", "participant.onBehalfOf": "Organization", "reasonReference": "Condition",
		"participant.member": "Practitioner PractitionerRole RelatedPerson Patient Organization CareTeam",
	},
	"Goal": {
		"addresses": "Condition Observation MedicationStatement NutritionOrder ServiceRequest RiskAssessment", "outcomeReference": "Observation",
		"expressedBy": "Patient Practitioner PractitionerRole RelatedPerson",
	},
	"Consent": {
		"organization": "Organization", "performer": "Organization Patient Practitioner RelatedPerson PractitionerRole",
		"provision.actor.reference": "Device Group CareTeam Organization Patient Practitioner RelatedPerson PractitionerRole",
		"provision.data.reference":  anyType, "sourceReference": "Consent DocumentReference Contract QuestionnaireResponse",
		"verification.verifiedWith": "Patient RelatedPerson",
	},
	"Provenance": {
		"agent.onBehalfOf": agents, "agent.who": agents, "entity.agent.onBehalfOf": agents, "entity.agent.who": agents, "entity.what": anyType,
		"location": "Location", "signature.onBehalfOf": agents, "signature.who": agents, "target": anyType,
	},
}

// anywhere are the references that stand in data types, by the name of the element.
var anywhere = map[string]string{"authorReference": "Practitioner Patient RelatedPerson Organization", "assigner": "Organization", "valueReference": anyType}

const (
	anyType = "Resource"
	agents  = "Practitioner PractitionerRole RelatedPerson Patient Device Organization"
)

// mayMention says whether a record has a reference that leads to nothing here and may mean a resource of a type: one that says this type, or says
// none where this type may stand.
func mayMention(body object, resourceType string) bool {
	for path, allowed := range mayStand[text(body["resourceType"])] {
		if slices.ContainsFunc(elements(body, path), func(r any) bool { return mayMean(r, allowed, resourceType) }) {
			return true
		}
	}
	found := false
	everyObject(body, func(o object) {
		for name, allowed := range anywhere {
			found = found || slices.ContainsFunc(list(o[name]), func(r any) bool { return mayMean(r, allowed, resourceType) })
		}
	})
	return found
}

func mayMean(reference any, allowed, resourceType string) bool {
	o, _ := reference.(object)
	if o == nil || referenceOf(o) != "" {
		return false
	}
	if said := saidTypes(o); len(said) > 0 {
		return slices.Contains(said, resourceType)
	}
	return allowed == anyType || slices.Contains(strings.Fields(allowed), resourceType)
}
