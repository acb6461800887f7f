package audit

import (
	"strings"

	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"

	"github.com/consentry/gateway/internal/fhir"
)

func text(s string) *dtpb.String { return &dtpb.String{Value: s} }

func coding(system, code string) *dtpb.Coding {
	return &dtpb.Coding{System: &dtpb.Uri{Value: system}, Code: &dtpb.Code{Value: code}}
}

// keyed is a coding from "system|code".
func keyed(key string) *dtpb.Coding {
	i := strings.LastIndexByte(key, '|')
	if i <= 0 {
		return &dtpb.Coding{Code: &dtpb.Code{Value: key[i+1:]}}
	}
	return coding(key[:i], key[i+1:])
}

func concept(system, code string) *dtpb.CodeableConcept {
	return &dtpb.CodeableConcept{Coding: []*dtpb.Coding{coding(system, code)}}
}

func identifier(i fhir.Identifier) *dtpb.Identifier {
	return &dtpb.Identifier{System: &dtpb.Uri{Value: i.System}, Value: text(i.Value)}
}

func reference(r fhir.Reference) *dtpb.Reference {
	return &dtpb.Reference{Reference: &dtpb.Reference_Uri{Uri: text(r.String())}}
}

const (
	dataAbsentReason = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
	noValue          = "https://g.co/fhir/StructureDefinition/primitiveHasNoValue" // google/fhir's mark of a primitive without a value
)

// unknown is a string that is not known (FHIR R4, extension data-absent-reason).
func unknown() *dtpb.String {
	return &dtpb.String{Extension: []*dtpb.Extension{
		{Url: &dtpb.Uri{Value: dataAbsentReason}, Value: &dtpb.Extension_ValueX{Choice: &dtpb.Extension_ValueX_Code{Code: &dtpb.Code{Value: "unknown"}}}},
		{Url: &dtpb.Uri{Value: noValue}, Value: &dtpb.Extension_ValueX{Choice: &dtpb.Extension_ValueX_Boolean{Boolean: &dtpb.Boolean{Value: true}}}},
	}}
}
