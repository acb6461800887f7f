package fhirsource

import (
	"slices"
	"strings"

	cpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/codes_go_proto"
	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	reportpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/diagnostic_report_go_proto"
	docpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/document_reference_go_proto"
	patientpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/patient_go_proto"
	prpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/practitioner_go_proto"
	"google.golang.org/protobuf/proto"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
)

// trim takes out what does not leave by way of a copy: the source's own version numbers and addresses, titles and file names that people
// write freely (design section 1), and of those who act, what is private.
func trim(m proto.Message) {
	r := m.ProtoReflect()
	if e := fhirjson.ShapeOf(r.Descriptor()).Lookup("meta"); e != nil && r.Has(e.Field) {
		if meta, ok := r.Mutable(e.Field).Message().Interface().(*dtpb.Meta); ok {
			meta.VersionId, meta.Source = nil, nil
		}
	}
	switch x := m.(type) {
	case *docpb.DocumentReference:
		x.Description = nil
		for _, c := range x.Content {
			if c.Attachment != nil {
				c.Attachment.Title = nil
			}
		}
	case *patientpb.Patient:
		x.Identifier = slices.DeleteFunc(x.Identifier, isOfficial)
	case *prpb.Practitioner:
		trimPractitioner(x)
	}
}

// officialTypes are the identifier types (v2-0203) of papers and numbers that a state gives: they open more than these records, and no purpose here
// needs them (45 CFR 164.502(b)).
var officialTypes = []string{"SS", "DL", "PPN", "TAX", "NI", "NNxxx", "CZ", "PRC"}

// isOfficial tells whether an identifier is a number that a state gave: by its system, or by its type.
func isOfficial(i *dtpb.Identifier) bool {
	switch strings.TrimSuffix(i.GetSystem().GetValue(), "/") {
	case "http://hl7.org/fhir/sid/us-ssn", "urn:oid:2.16.840.1.113883.4.1":
		return true
	}
	return slices.ContainsFunc(i.GetType().GetCoding(), func(c *dtpb.Coding) bool {
		return slices.Contains(officialTypes, c.GetCode().GetValue())
	})
}

// trimPractitioner leaves of somebody who acts the name, the NPI, the qualification and the work contact (design rule 22).
func trimPractitioner(p *prpb.Practitioner) {
	p.BirthDate, p.Gender, p.Photo, p.Communication, p.Extension = nil, nil, nil, nil, nil
	p.Identifier = slices.DeleteFunc(p.Identifier, func(i *dtpb.Identifier) bool { return i.GetSystem().GetValue() != systemNPI })
	p.Telecom = slices.DeleteFunc(p.Telecom, func(c *dtpb.ContactPoint) bool { return c.GetUse().GetValue() != cpb.ContactPointUseCode_WORK })
	p.Address = slices.DeleteFunc(p.Address, func(a *dtpb.Address) bool { return a.GetUse().GetValue() != cpb.AddressUseCode_WORK })
}

// isScan tells whether a document holds what no rule can read: a picture, a PDF, a C-CDA, or what does not say what it is. It takes the labels of
// the whole chart until a person classifies it (design rule 21).
func isScan(m proto.Message) bool {
	var attachments []*dtpb.Attachment
	switch x := m.(type) {
	case *docpb.DocumentReference:
		for _, c := range x.Content {
			attachments = append(attachments, c.GetAttachment())
		}
	case *reportpb.DiagnosticReport:
		attachments = x.PresentedForm
	}
	return slices.ContainsFunc(attachments, func(a *dtpb.Attachment) bool {
		format, _, _ := strings.Cut(a.GetContentType().GetValue(), ";")
		return format != "text/plain" && format != "text/html"
	})
}

// withoutDefaults leaves out the confidentiality that another system gives to everything. A scan keeps the labels of the whole chart until a person
// classifies it (design rule 21), and whether a person set "normal" there cannot be told; what says restricted holds.
func withoutDefaults(labels []fhir.Coding) []fhir.Coding {
	return slices.DeleteFunc(slices.Clone(labels), func(l fhir.Coding) bool {
		return l.System == fhir.SystemConfidentiality && l.Code != "R" && l.Code != "V"
	})
}

// setID gives a resource its id.
func setID(m proto.Message, id string) error {
	r := m.ProtoReflect()
	e := fhirjson.ShapeOf(r.Descriptor()).Lookup("id")
	if e == nil {
		return errNoID
	}
	i, ok := r.Mutable(e.Field).Message().Interface().(*dtpb.Id)
	if !ok {
		return errNoID
	}
	i.Value = id
	return nil
}
