package smart

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/consentry/gateway/internal/fhir"
)

// actReasonOID is v3-ActReason as UDAP Security writes it in hl7-b2b.
const actReasonOID = "urn:oid:2.16.840.1.113883.5.8"

// purposes collects every purpose that the token states, wherever it states it: each of them must be permitted, so none may get lost.
func (c claims) purposes(paths []Path) ([]fhir.Coding, error) {
	var all []fhir.Coding
	for _, p := range paths {
		stated, err := c.codings(p)
		if err != nil {
			return nil, err
		}
		for _, one := range stated {
			if !slices.Contains(all, one) {
				all = append(all, one)
			}
		}
	}
	return all, nil
}

// codings reads one or many, each an object {system, code} or a text.
func (c claims) codings(p Path) ([]fhir.Coding, error) {
	v, ok, err := c.at(p)
	if err != nil || !ok {
		return nil, err
	}
	var parts []json.RawMessage
	if json.Unmarshal(v, &parts) != nil {
		parts = []json.RawMessage{v}
	}
	var all []fhir.Coding
	for _, part := range parts {
		one, err := parsePurpose(part)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func parsePurpose(raw json.RawMessage) (fhir.Coding, error) {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		if p := ParsePurpose(s); p.Code != "" {
			return p, nil
		}
		return fhir.Coding{}, refused("purpose_of_use")
	}
	var o claims
	if json.Unmarshal(raw, &o) != nil || o == nil {
		return fhir.Coding{}, refused("purpose_of_use")
	}
	system, err := o.text("system")
	if err != nil {
		return fhir.Coding{}, err
	}
	code, err := o.text("code")
	if err != nil || code == "" {
		return fhir.Coding{}, refused("purpose_of_use")
	}
	if system == actReasonOID {
		system = fhir.SystemActReason
	}
	return fhir.Coding{System: system, Code: code}, nil
}

// ParsePurpose reads a purpose of use written as one text: a v3-ActReason code alone, "system|code" as in FHIR search, or "system#code" as
// in UDAP Security. Without a code it is the zero Coding.
func ParsePurpose(s string) fhir.Coding {
	system, code, ok := strings.Cut(s, "|")
	if !ok {
		if system, code, ok = strings.Cut(s, "#"); !ok {
			system, code = fhir.SystemActReason, s
		}
	}
	if code == "" {
		return fhir.Coding{}
	}
	if system == actReasonOID {
		system = fhir.SystemActReason
	}
	return fhir.Coding{System: system, Code: code}
}

// npi is the practitioner whom the token claims, wherever it does, and by the subject_id of hl7-b2b if that is an NPI. They must agree.
func (c claims) npi(paths []Path) (string, error) {
	claimed, err := c.one(paths)
	if err != nil {
		return "", err
	}
	if claimed != "" && !isNPI(claimed) {
		return "", refused("npi")
	}
	subject, err := c.text("extensions", "hl7-b2b", "subject_id")
	if err != nil {
		return "", err
	}
	id, ok := strings.CutPrefix(subject, fhir.SystemNPI+"#")
	switch {
	case !ok && !isNPI(subject):
		return claimed, nil
	case !isNPI(id) || claimed != "" && claimed != id:
		return "", refused("npi")
	}
	return id, nil
}

// isNPI tells whether s has the form of a National Provider Identifier (45 CFR 162.406): ten digits.
func isNPI(s string) bool {
	return len(s) == 10 && strings.Trim(s, "0123456789") == ""
}
