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
	kind         string
	organization party
	practitioner party
	purposes     []coding
	scopes       []scope
	patient      string // launch context
	person       string // who has signed in to a client's app; the launch patient if the file does not say
	tied         ties
	consents     []string // those that the token names; nil for none
	residual     []any    // the token's own rules
}

// ties say to which clients the practice's own data tie the requester (rule 13): to all, to none, or to those in a list.
type ties struct {
	all bool
	to  []string
}

// read takes what the requester file has: nothing, true or false; or, as only the oracle has it, the clients.
func (t *ties) read(raw json.RawMessage) error {
	if t.all = raw == nil; t.all || json.Unmarshal(raw, &t.all) == nil {
		return nil
	}
	return json.Unmarshal(raw, &t.to)
}

func (t ties) include(client string) bool { return t.all || slices.Contains(t.to, client) }

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
		Related      json.RawMessage   `json:"related"`
		Consents     []string          `json:"consents"`
		Residual     []any             `json:"residual"`
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
	if err := q.tied.read(f.Related); err != nil {
		return requester{}, errRequester
	}
	q.consents, q.residual = f.Consents, f.Residual
	if f.Organization != nil {
		q.organization = *f.Organization
	}
	if f.Practitioner != nil {
		q.practitioner = *f.Practitioner
	}
	if q.kind == "patient" && q.person == "" {
		q.person = q.patient
	}
	for _, p := range f.Purpose {
		c, err := purposeOf(p)
		if err != nil {
			return requester{}, err
		}
		q.purposes = append(q.purposes, c)
	}
	return q, nil
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

// nobody says whether nothing is known of a party.
func (p party) nobody() bool { return p.Reference == "" && len(p.Identifier) == 0 }

// is says whether a Reference of a Consent means this party, by reference or by an identifier. It is known not to only where both are given in
// the same way: by reference, or by an identifier of one system.
func (p party) is(reference any) truth {
	if p.nobody() {
		return no
	}
	found := unknown
	if r := referenceOf(reference); r != "" && p.Reference != "" {
		if r == localReference(p.Reference) {
			return yes
		}
		found = no
	}
	system, value := identifierOf(reference)
	for _, i := range p.Identifier {
		if i.System != system || value == "" {
			continue
		}
		if i.Value == value {
			return yes
		}
		found = no
	}
	return found
}

func identifierOf(reference any) (system, value string) {
	i := child(reference, "identifier")
	return text(child(i, "system")), text(child(i, "value"))
}
