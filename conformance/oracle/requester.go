package oracle

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
)

// party is an organisation or practitioner as the requester file gives it.
type party struct {
	Reference  string `json:"reference"`
	Identifier []struct {
		System string `json:"system"`
		Value  string `json:"value"`
	} `json:"identifier"`
}

// requester is who asks, for what purpose and with which scopes.
type requester struct {
	kind     string
	parties  []party
	purposes []coding
	scopes   []scope
	patient  string // launch context
	person   string // "" for the launch patient's own app
	related  bool
}

var errRequester = errors.New("the requester file cannot be read")

func readRequester(raw json.RawMessage) (requester, error) {
	var f struct {
		PartnerID    string            `json:"partnerId"`
		Kind         string            `json:"kind"`
		Organization *party            `json:"organization"`
		Practitioner *party            `json:"practitioner"`
		Purpose      []json.RawMessage `json:"purpose"`
		Scopes       string            `json:"scopes"`
		Patient      string            `json:"patient"`
		Person       string            `json:"person"`
		Related      *bool             `json:"related"`
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return requester{}, errRequester
	}
	if !slices.Contains([]string{"provider", "payer", "patient", "employer", "other"}, f.Kind) {
		return requester{}, errRequester
	}
	q := requester{kind: f.Kind, scopes: rule3Parse(f.Scopes), patient: localReference(f.Patient), person: localReference(f.Person)}
	if (f.Patient != "" && typeOf(q.patient) != "Patient") || (f.Person != "" && q.person == "") {
		return requester{}, errRequester
	}
	q.related = f.Related == nil || *f.Related
	for _, p := range []*party{f.Organization, f.Practitioner} {
		if p != nil {
			q.parties = append(q.parties, *p)
		}
	}
	q.addPerson()
	for _, p := range f.Purpose {
		c, err := purposeOf(p)
		if err != nil {
			return requester{}, err
		}
		q.purposes = append(q.purposes, c)
	}
	return q, nil
}

// addPerson makes the person behind a client's app one of the parties whom an actor may name.
func (q *requester) addPerson() {
	if q.kind == "patient" && q.person == "" {
		q.person = q.patient
	}
	if q.person != "" {
		q.parties = append(q.parties, party{Reference: q.person})
	}
}

func purposeOf(raw json.RawMessage) (coding, error) {
	var code string
	if json.Unmarshal(raw, &code) == nil {
		return coding{actReason, code}, nil
	}
	var c struct {
		System string `json:"system"`
		Code   string `json:"code"`
	}
	if json.Unmarshal(raw, &c) != nil {
		return coding{}, errRequester
	}
	return coding{c.System, c.Code}, nil
}

// is says whether a Reference of a Consent names this party, by reference or by an identifier.
func (p party) is(reference any) bool {
	if r := text(child(reference, "reference")); r != "" && (r == p.Reference || localReference(r) != "" && localReference(r) == p.Reference) {
		return true
	}
	system, value := identifierOf(reference)
	for _, i := range p.Identifier {
		if system != "" && value != "" && i.System == system && i.Value == value {
			return true
		}
	}
	return false
}

func identifierOf(reference any) (system, value string) {
	i := child(reference, "identifier")
	return text(child(i, "system")), text(child(i, "value"))
}
