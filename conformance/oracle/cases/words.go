package cases

// Code systems (HL7 terminology, LOINC, ICD-10-CM, RxNorm).
const (
	actCode         = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
	actReason       = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
	confidentiality = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
	participation   = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
	roleCode        = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
	consentScope    = "http://terminology.hl7.org/CodeSystem/consentscope"
	consentCategory = "http://terminology.hl7.org/CodeSystem/consentcategorycodes"
	consentPolicy   = "http://terminology.hl7.org/CodeSystem/consentpolicycodes"
	consentAction   = "http://terminology.hl7.org/CodeSystem/consentaction"
	resourceTypes   = "http://hl7.org/fhir/resource-types"
	npiSystem       = "http://hl7.org/fhir/sid/us-npi"
	loinc           = "http://loinc.org"
	icd10           = "http://hl7.org/fhir/sid/icd-10-cm"
	rxnorm          = "http://www.nlm.nih.gov/research/umls/rxnorm"
	cpt             = "http://www.ama-assn.org/go/cpt"
	foreign         = "https://example.org/codes"
)

// Who and what the cases speak of.
const (
	anna, ben     = "Patient/anna", "Patient/ben"
	guardian      = "RelatedPerson/guardian"
	clinic        = "Organization/clinic" // the requester's
	otherClinic   = "Organization/other"
	practice      = "Organization/practice"
	doctor        = "Practitioner/doctor" // the requester's
	therapist     = "Practitioner/therapist"
	clinicNPI     = "1234567893"
	otherNPI      = "1992999825"
	doctorNPI     = "1679576722"
	elsewhere     = "https://elsewhere.example/fhir/Organization/clinic"
	progressNote  = "11506-3"
	discharge     = "18842-5"
	phq9          = "44249-1"
	depression    = "F33.1"
	alcohol       = "F10.20"
	consentForm   = "59284-0"
	usCoreNote    = "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category"
	profile       = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-documentreference"
	definitions   = "http://hl7.org/fhir/StructureDefinition/"
	integrity     = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
	taxSystem     = "urn:oid:2.16.840.1.113883.4.4"
	unknownMarker = "https://example.org/fhir/StructureDefinition/only-if"
)

func npi(value string) object { return object{"system": npiSystem, "value": value} }
