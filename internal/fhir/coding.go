package fhir

// Coding is a code in a code system (FHIR R4 2.24.0.6). A primitive code element has no system of its own: System is "".
type Coding struct {
	System  string
	Code    string
	Display string
}

// Key is the coding as FHIR search writes it, "system|code": two codings mean the same if their keys are equal.
func (c Coding) Key() string { return c.System + "|" + c.Code }

// Is tells whether c is the code in the system.
func (c Coding) Is(system, code string) bool { return c.System == system && c.Code == code }

// Identifier is a business identifier: a namespace and a value (FHIR R4 2.24.0.9).
type Identifier struct {
	System string
	Value  string
}

// Code systems and namespaces that the gateway names.
const (
	SystemConfidentiality = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
	SystemActCode         = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
	SystemActReason       = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
	SystemParticipation   = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
	SystemRoleCode        = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
	SystemConsentScope    = "http://terminology.hl7.org/CodeSystem/consentscope"
	SystemConsentCategory = "http://terminology.hl7.org/CodeSystem/consentcategorycodes"
	SystemConsentPolicy   = "http://terminology.hl7.org/CodeSystem/consentpolicycodes"
	SystemConsentAction   = "http://terminology.hl7.org/CodeSystem/consentaction"
	SystemObservation     = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
	SystemResourceTypes   = "http://hl7.org/fhir/resource-types"
	SystemLOINC           = "http://loinc.org"
	SystemSNOMED          = "http://snomed.info/sct"
	SystemICD10CM         = "http://hl7.org/fhir/sid/icd-10-cm"
	SystemRxNorm          = "http://www.nlm.nih.gov/research/umls/rxnorm"
	SystemNDC             = "http://hl7.org/fhir/sid/ndc"
	SystemCPT             = "http://www.ama-assn.org/go/cpt"
	SystemHCPCS           = "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
	SystemNPI             = "http://hl7.org/fhir/sid/us-npi"
	SystemURI             = "urn:ietf:rfc:3986"
	SystemMIME            = "urn:ietf:bcp:13"

	// SystemSensitivity is our own code system (profiles/fhir): HL7 has no code for the SUD counseling notes of 42 CFR 2.11.
	SystemSensitivity = "https://consentry.dev/fhir/CodeSystem/sensitivity"
	// CodeSUDCounselingNote marks a SUD counseling note (42 CFR 2.11). It is withheld from everybody, like PSYTHPN.
	CodeSUDCounselingNote = "SUDCOUNSELNOTE"
)
