package explain

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
	"github.com/consentry/gateway/internal/spelling"
)

// Requester is one who asks, as a file states it.
type Requester struct {
	who     *requester.Requester
	related bool
}

type requesterFile struct {
	PartnerID    string        `json:"partnerId"`
	Kind         string        `json:"kind"`
	Organization *partyFile    `json:"organization"`
	Practitioner *partyFile    `json:"practitioner"`
	Purpose      []purposeFile `json:"purpose"`
	Scopes       string        `json:"scopes"`
	Patient      string        `json:"patient"`
	Person       string        `json:"person"`
	Related      *bool         `json:"related"`
	// Consents and Residual are what the token takes away, as it states them.
	Consents []string        `json:"consents"`
	Residual json.RawMessage `json:"residual"`
}

type partyFile struct {
	Reference  string           `json:"reference"`
	Identifier []identifierFile `json:"identifier"`
}

type identifierFile struct {
	System string `json:"system"`
	Value  string `json:"value"`
}

// members are the members of each object of the file.
var members = map[string][]string{
	"":                        {"partnerId", "kind", "organization", "practitioner", "purpose", "scopes", "patient", "person", "related", "consents", "residual"},
	"organization":            {"reference", "identifier"},
	"practitioner":            {"reference", "identifier"},
	"organization.identifier": {"system", "value"},
	"practitioner.identifier": {"system", "value"},
	"purpose":                 {"system", "code"},
}

var kinds = []string{string(requester.KindProvider), string(requester.KindPayer), string(requester.KindPatient), string(requester.KindEmployer), string(requester.KindOther)}

// ReadRequester reads a requester file, strictly: members that nobody takes or that stand twice are errors. All problems are reported at once,
// each with its file and line and never with a value.
func ReadRequester(file File) (*Requester, error) {
	var f requesterFile
	d := decode(file, members, &f)
	if d.failed() {
		return nil, d.err()
	}
	r := f.requester(d)
	return r, d.err()
}

func (f requesterFile) requester(d *document) *Requester {
	who := &requester.Requester{
		PartnerID: f.PartnerID, Kind: requester.Kind(f.Kind), Scopes: smart.ParseScopes(f.Scopes),
		Patient: d.reference("patient", f.Patient, "Patient"), Person: d.reference("person", f.Person, "Patient", "RelatedPerson"),
		Consents: f.Consents,
	}
	if slices.Contains(f.Consents, "") {
		d.problem("consents", "consents takes names of Consents")
	}
	if len(f.Residual) > 0 {
		var ok bool
		if who.Residual, ok = smart.ParseResidual(f.Residual, ""); !ok {
			d.problem("residual", "residual takes a list of rules")
		}
	}
	if f.Organization != nil {
		who.Organization = f.Organization.party(d, "organization", "Organization")
	}
	if f.Practitioner != nil {
		p := f.Practitioner.party(d, "practitioner", "Practitioner")
		who.Practitioner = &p
	}
	for _, p := range f.Purpose {
		if p.Code == "" {
			d.problem("purpose", "a purpose is an ActReason code, or a system and a code")
		}
		who.Purposes = append(who.Purposes, p.Coding)
	}
	who.Registered = who.Purposes // there is no register here: what is stated counts as registered
	switch {
	case !slices.Contains(kinds, f.Kind):
		d.problem("kind", "kind is one of "+strings.Join(kinds, ", ")+spelling.DidYouMean(f.Kind, kinds))
	case who.Kind != requester.KindPatient && f.Person != "":
		d.problem("person", "person is for the kind patient")
	case who.Kind == requester.KindPatient && f.Person == "":
		who.Person = who.Patient // the authenticated person is the client, where nobody else is named
	}
	return &Requester{who: who, related: f.Related == nil || *f.Related}
}

func (p partyFile) party(d *document, member, resourceType string) requester.Party {
	out := requester.Party{Reference: d.reference(member+".reference", p.Reference, resourceType)}
	for _, id := range p.Identifier {
		if id.System == "" || id.Value == "" {
			d.problem(member+".identifier", member+".identifier takes a system and a value")
			continue
		}
		out.Identifiers = append(out.Identifiers, fhir.Identifier{System: id.System, Value: id.Value})
	}
	return out
}

// reference reads a reference to one of the types.
func (d *document) reference(member, s string, types ...string) fhir.Reference {
	ref, ok := fhir.ParseReference(s)
	for _, t := range types {
		if ok && ref.Type == t {
			return ref
		}
	}
	if s != "" {
		d.problem(member, fmt.Sprintf("%s is a reference of the form %s/id", member, strings.Join(types, "/id or ")))
	}
	return fhir.Reference{}
}

// purposeFile is an ActReason code, or a system and a code.
type purposeFile struct{ fhir.Coding }

// UnmarshalJSON reads "TREAT" or {"system":"...","code":"..."}.
func (p *purposeFile) UnmarshalJSON(data []byte) error {
	p.System = fhir.SystemActReason
	if json.Unmarshal(data, &p.Code) == nil {
		return nil
	}
	var c struct {
		System string `json:"system"`
		Code   string `json:"code"`
	}
	if json.Unmarshal(data, &c) == nil {
		p.Coding = fhir.Coding{System: c.System, Code: c.Code}
	}
	return nil // without a code it is told with its place
}
