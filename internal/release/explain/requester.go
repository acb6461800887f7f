package explain

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
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
}

type partyFile struct {
	Reference  string `json:"reference"`
	Identifier []struct {
		System string `json:"system"`
		Value  string `json:"value"`
	} `json:"identifier"`
}

// purposeFile is an ActReason code, or a system and a code.
type purposeFile struct{ fhir.Coding }

// UnmarshalJSON reads "TREAT" or {"system":"...","code":"..."}.
func (p *purposeFile) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &p.Code) == nil {
		p.System = fhir.SystemActReason
		return nil
	}
	var c struct {
		System string `json:"system"`
		Code   string `json:"code"`
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil || c.Code == "" {
		return errors.New("a purpose is an ActReason code or a system and a code")
	}
	p.Coding = fhir.Coding{System: c.System, Code: c.Code}
	return nil
}

// ReadRequester reads a requester file, strictly: unknown members are errors, all problems are reported at once.
func ReadRequester(r io.Reader) (*Requester, error) {
	var f requesterFile
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("explain: the requester cannot be read: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("explain: the requester is more than one JSON object")
	}
	return f.requester()
}

func (f requesterFile) requester() (*Requester, error) {
	var problems []error
	reference := func(member, s string) fhir.Reference {
		ref, ok := fhir.ParseReference(s)
		if s != "" && !ok {
			problems = append(problems, fmt.Errorf("explain: %s is no reference of the form Type/id", member))
		}
		return ref
	}
	party := func(member string, p *partyFile) requester.Party {
		out := requester.Party{Reference: reference(member+".reference", p.Reference)}
		for _, id := range p.Identifier {
			if id.System == "" || id.Value == "" {
				problems = append(problems, fmt.Errorf("explain: %s.identifier takes a system and a value", member))
				continue
			}
			out.Identifiers = append(out.Identifiers, fhir.Identifier{System: id.System, Value: id.Value})
		}
		return out
	}
	who := &requester.Requester{
		PartnerID: f.PartnerID, Kind: requester.Kind(f.Kind), Scopes: smart.ParseScopes(f.Scopes),
		Patient: reference("patient", f.Patient), Person: reference("person", f.Person),
	}
	switch who.Kind {
	case requester.KindProvider, requester.KindPayer, requester.KindPatient, requester.KindEmployer, requester.KindOther:
	default:
		problems = append(problems, errors.New("explain: kind is one of provider, payer, patient, employer, other"))
	}
	if f.Organization != nil {
		who.Organization = party("organization", f.Organization)
	}
	if f.Practitioner != nil {
		p := party("practitioner", f.Practitioner)
		who.Practitioner = &p
	}
	for _, p := range f.Purpose {
		who.Purposes = append(who.Purposes, p.Coding)
	}
	who.Registered = who.Purposes // there is no register here: what is stated counts as registered
	if who.Kind != requester.KindPatient {
		if f.Person != "" {
			problems = append(problems, errors.New("explain: person is for the kind patient"))
		}
	} else if f.Person == "" {
		who.Person = who.Patient // the authenticated person is the client, where nobody else is named
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return &Requester{who: who, related: f.Related == nil || *f.Related}, nil
}
