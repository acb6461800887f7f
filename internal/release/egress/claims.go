package egress

import (
	"slices"
	"strings"

	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	cpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/consent_go_proto"
	"google.golang.org/protobuf/proto"

	"github.com/consentry/gateway/internal/release/stage"
)

const (
	fhirProfiles = "http://hl7.org/fhir/StructureDefinition/"
	usCore       = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
	ours         = "https://consentry.dev/fhir/StructureDefinition/consentry-"

	extractProfile = ours + "consent-extract"
)

// needs are the references that a profile asks for and FHIR itself does not, by the path of the element (US Core 6.1: provenance-1, us-core-21).
// A resource from which one was taken keeps the profile no more. What a profile that is not listed asks for, nobody here knows.
var needs = map[string][]string{
	usCore + "careplan": nil, usCore + "condition-encounter-diagnosis": nil, usCore + "condition-problems-health-concerns": nil,
	usCore + "documentreference": nil, usCore + "encounter": nil, usCore + "goal": nil, usCore + "observation-screening-assessment": nil,
	usCore + "organization": nil, usCore + "patient": nil, usCore + "practitioner": nil, usCore + "procedure": nil, usCore + "relatedperson": nil,
	usCore + "medicationrequest": {"requester"},
	usCore + "provenance":        {"agent.onBehalfOf"},
	ours + "documentreference":   nil,
	ours + "provenance":          {"agent.onBehalfOf"},
	ours + "consent":             {"performer", "organization"},
	ours + "consent-extract":     nil,
	ours + "patient":             nil,
	ours + "auditevent":          nil,
}

// Profiles are those that egress itself names in meta.profile, by type, whatever the source says: of a Consent's extract, and those of IHE PCF
// that a whole Consent can keep.
func Profiles() map[string][]string {
	return map[string][]string{"Consent": {extractProfile, pcf + "Basic", pcf + "Intermediate", pcf + "Advanced"}}
}

// claimsMore tells whether a resource can claim a profile that its map does not know of: which of IHE PCF's a Consent keeps is in what it says.
func claimsMore(f *stage.Facts) bool {
	return f.Type == "Consent" && len(f.Profiles) > 0
}

// claim leaves in meta.profile what m still keeps without the references at the lost paths, and adds what a Consent keeps of IHE PCF.
func claim(m proto.Message, lost []string) {
	consent, isConsent := m.(*cpb.Consent)
	meta := metaOf(m)
	if meta == nil {
		return
	}
	meta.Profile = slices.DeleteFunc(meta.Profile, func(p *dtpb.Canonical) bool {
		url := p.GetValue()
		required, known := needs[url]
		known = known || strings.HasPrefix(url, fhirProfiles)
		return strings.HasPrefix(url, pcf) && isConsent || len(lost) > 0 && !known ||
			slices.ContainsFunc(required, func(path string) bool { return slices.Contains(lost, path) })
	})
	if url := pcfProfile(consent); url != "" {
		meta.Profile = append(meta.Profile, &dtpb.Canonical{Value: url})
	}
}

func metaOf(m proto.Message) *dtpb.Meta {
	r := m.ProtoReflect()
	f := r.Descriptor().Fields().ByName("meta")
	if f == nil || !r.Has(f) {
		return nil
	}
	meta, _ := r.Get(f).Message().Interface().(*dtpb.Meta)
	return meta
}
