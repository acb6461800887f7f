package egress

import (
	"slices"
	"strings"

	codes "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/codes_go_proto"
	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	cpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/consent_go_proto"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
)

// pcf begins the canonicals of the three Consent profiles of IHE Privacy Consent on FHIR 1.1.
const pcf = "https://profiles.ihe.net/ITI/PCF/StructureDefinition/IHE.PCF.consent"

// The codes that the profiles know. PCF binds the labels extensibly and lets anything in as a purpose that is one; read strictly here, so that
// what is claimed holds however one reads it.
var (
	basicPurposes = strings.Fields("TREAT HPAYMT HOPERAT")
	allPurposes   = strings.Fields(`TREAT CLINTRL COC POPHLTH TREATDS ETREAT BTG ERTREAT HPAYMT CLMATTCH COVAUTH REMITADV PMTDS COVERAGE ELIGDTRM ELIGVER
		ENROLLM MILDCRG HOPERAT CAREMGT DONAT FRAUD GOV HACCRED HCOMPL HDECD HDIRECT HDM HLEGAL HOUTCOMS HPRGRP HQUALIMP HSYSADMIN MEMADMIN MILCDM
		PATADMIN PATSFTY PERFMSR RECORDMGT SYSDEV HTEST TRAIN HRESCH BIORCH CLINTRCH DSRCH POARCH TRANSRCH PATRQT FAMRQT PWATRNY SUPNWK PUBHLTH
		DISASTER THREAT HMARKT`)
	advancedLabels = []fhir.Coding{
		{System: fhir.SystemConfidentiality, Code: "N"}, {System: fhir.SystemConfidentiality, Code: "R"},
		{System: fhir.SystemActCode, Code: "ETH"}, {System: fhir.SystemActCode, Code: "ETHUD"}, {System: fhir.SystemActCode, Code: "OPIOIDUD"},
		{System: fhir.SystemActCode, Code: "PSY"}, {System: fhir.SystemActCode, Code: "SDV"}, {System: fhir.SystemActCode, Code: "HIV"},
	}
)

// pcfProfile names the profile of IHE PCF that a Consent keeps, the narrowest of Basic, Intermediate and Advanced; "" for none.
func pcfProfile(c *cpb.Consent) string {
	root := c.GetProvision()
	if !pcfCommon(c) || !pcfProvision(root) || slices.ContainsFunc(root.GetProvision(), func(p *cpb.Consent_Provision) bool {
		return !pcfProvision(p) || len(p.GetProvision()) > 0
	}) {
		return ""
	}
	rules := append([]*cpb.Consent_Provision{root}, root.GetProvision()...)
	labeled := slices.ContainsFunc(rules, func(p *cpb.Consent_Provision) bool { return len(p.GetSecurityLabel()) > 0 })
	switch {
	case labeled:
		return pcf + "Advanced"
	case len(rules) == 1 && len(root.GetData()) == 0 && root.GetDataPeriod() == nil && among(root.GetPurpose(), purposes(basicPurposes)):
		return pcf + "Basic"
	}
	return pcf + "Intermediate"
}

// pcfCommon is what all three ask of the Consent around its provision: whole, on paper, by somebody, under a policy that is named.
func pcfCommon(c *cpb.Consent) bool {
	uri := func(p *cpb.Consent_Policy) bool { return p.GetUri().GetValue() != "" }
	return has(c.GetScope(), fhir.Coding{System: fhir.SystemConsentScope, Code: "patient-privacy"}) && len(c.GetCategory()) > 0 &&
		c.GetPatient() != nil && c.GetDateTime() != nil && len(c.GetPerformer()) > 0 && len(c.GetOrganization()) > 0 && c.GetSource() != nil &&
		len(c.GetPolicy()) > 0 && !slices.ContainsFunc(c.GetPolicy(), func(p *cpb.Consent_Policy) bool { return !uri(p) }) &&
		len(c.GetVerification()) == 0 && c.GetProvision() != nil
}

// pcfProvision is what all three ask of a rule.
func pcfProvision(p *cpb.Consent_Provision) bool {
	recipient := func(a *cpb.Consent_Provision_ProvisionActor) bool {
		return has(a.GetRole(), fhir.Coding{System: fhir.SystemParticipation, Code: "IRCP"})
	}
	return p.GetType().GetValue() != codes.ConsentProvisionTypeCode_INVALID_UNINITIALIZED &&
		len(p.GetAction())+len(p.GetClassValue())+len(p.GetCode()) == 0 &&
		!slices.ContainsFunc(p.GetActor(), func(a *cpb.Consent_Provision_ProvisionActor) bool { return !recipient(a) }) &&
		among(p.GetPurpose(), purposes(allPurposes)) && among(p.GetSecurityLabel(), advancedLabels) &&
		!slices.ContainsFunc(p.GetData(), func(d *cpb.Consent_Provision_ProvisionData) bool { return !pcfData(d) })
}

// pcfData: a record itself, what belongs to an encounter, plan or episode, or what somebody wrote.
func pcfData(d *cpb.Consent_Provision_ProvisionData) bool {
	typ := fhirjson.ReferenceOf(d.GetReference()).Type
	switch d.GetMeaning().GetValue() {
	case codes.ConsentDataMeaningCode_INSTANCE:
		return d.GetReference() != nil
	case codes.ConsentDataMeaningCode_RELATED:
		return slices.Contains([]string{"Encounter", "CarePlan", "EpisodeOfCare"}, typ)
	case codes.ConsentDataMeaningCode_AUTHOREDBY:
		return slices.Contains([]string{"Practitioner", "PractitionerRole", "Organization", "Device", "Group", "CareTeam", "Patient", "RelatedPerson"}, typ)
	}
	return false
}

func purposes(list []string) (out []fhir.Coding) {
	for _, code := range list {
		out = append(out, fhir.Coding{System: fhir.SystemActReason, Code: code})
	}
	return out
}

// among tells whether all codings are in the list.
func among(codings []*dtpb.Coding, list []fhir.Coding) bool {
	return !slices.ContainsFunc(codings, func(c *dtpb.Coding) bool {
		return !slices.Contains(list, fhir.Coding{System: c.GetSystem().GetValue(), Code: c.GetCode().GetValue()})
	})
}

func has(concept *dtpb.CodeableConcept, want fhir.Coding) bool {
	return slices.ContainsFunc(concept.GetCoding(), func(c *dtpb.Coding) bool {
		return want == fhir.Coding{System: c.GetSystem().GetValue(), Code: c.GetCode().GetValue()}
	})
}
