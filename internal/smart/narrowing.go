package smart

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/consentry/gateway/internal/fhir"
)

// The standard places of what narrows a token: UDAP Security hl7-b2b, IHE IUA and IHE PCF 1.1.
var (
	standardPurposes      = []Path{{"purpose_of_use"}, {"extensions", "hl7-b2b", "purpose_of_use"}, {"extensions", "ihe_iua", "purpose_of_use"}}
	standardOrganizations = []Path{{"extensions", "hl7-b2b", "organization_id"}, {"extensions", "ihe_iua", "subject_organization_id"}}
	standardNPIs          = []Path{{"npi"}, {"extensions", "ihe_iua", "national_provider_identifier"}}
	standardConsents      = []Path{{"extensions", "ihe_pcf", "doc_id"}, {"extensions", "hl7-b2b", "consent_reference"}}
	standardResidual      = []Path{{"extensions", "ihe_pcf", "residual"}}
	standardOnly          = Path{"extensions", "ihe_pcf", "patient_id"}
)

// ResidualRule is one rule of the residual of IHE PCF 1.1: what the token forbids, or permits again, of what is released otherwise. A rule that
// names neither labels, period nor data concerns everything.
type ResidualRule struct {
	Permit bool          // otherwise it forbids
	Labels []fhir.Coding // securityLabel
	// Start and End are the dataPeriod, as written.
	Start, End string
	Data       []ResidualData
	// Unread says that something in the rule could not be read. Then a permit permits nothing, and a forbid concerns all that it could.
	Unread bool
}

// ResidualData is what a rule says of a resource: it itself, or what relates to it.
type ResidualData struct {
	Meaning   string // v3 ConsentDataMeaning: instance, related, dependents, authoredby
	Reference string
}

// Confirmation is the key that the sender of the token must prove to have (RFC 7800, 3), the zero value for none.
type Confirmation struct {
	JKT     string // thumbprint of a DPoP key (RFC 9449, 6.1)
	X5TS256 string // of a client certificate (RFC 8705, 3.1)
}

// Narrows tells whether the token states that it opens less than its scopes and purposes do: which Consents, which records, whose, or from whom it
// is good.
func (t *Token) Narrows() bool {
	return t.Consents != nil || t.Residual != nil || t.Only != (fhir.Reference{}) || t.Confirmation != (Confirmation{})
}

// residual reads the rules, in their order.
func (c claims) residual(paths []Path) (rules []ResidualRule, err error) {
	for _, p := range paths {
		v, ok, err := c.at(p)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		var list []json.RawMessage
		if json.Unmarshal(v, &list) != nil {
			return nil, refused(p.String())
		}
		for _, one := range list {
			rules = append(rules, parseResidual(one))
		}
	}
	return rules, nil
}

func parseResidual(raw json.RawMessage) (r ResidualRule) {
	var c claims
	if json.Unmarshal(raw, &c) != nil || c == nil {
		return ResidualRule{Unread: true}
	}
	kind, err := c.text("type")
	r.Permit = kind == "permit"
	r.Unread = err != nil || kind != "permit" && kind != "forbid"
	for name := range c {
		if !slices.Contains([]string{"type", "securityLabel", "dataPeriod", "data"}, name) {
			r.Unread = true
		}
	}
	r.labels(c)
	r.period(c)
	r.data(c)
	return r
}

func (r *ResidualRule) labels(c claims) {
	list, ok := r.list(c, "securityLabel")
	for _, one := range list {
		system, err := one.text("system")
		code, bad := one.text("code")
		if err != nil || bad != nil || code == "" {
			r.Unread = true
			continue
		}
		r.Labels = append(r.Labels, fhir.Coding{System: system, Code: code})
	}
	r.Unread = r.Unread || ok && len(r.Labels) == 0
}

func (r *ResidualRule) data(c claims) {
	list, ok := r.list(c, "data")
	for _, one := range list {
		meaning, err := one.text("meaning")
		reference, bad := one.text("reference")
		if bad != nil { // a Reference of FHIR
			reference, bad = one.text("reference", "reference")
		}
		if err != nil || bad != nil || meaning == "" || reference == "" {
			r.Unread = true
			continue
		}
		r.Data = append(r.Data, ResidualData{Meaning: meaning, Reference: reference})
	}
	r.Unread = r.Unread || ok && len(r.Data) == 0
}

func (r *ResidualRule) period(c claims) {
	v, ok, _ := c.at(Path{"dataPeriod"})
	if !ok {
		return
	}
	var p claims
	var err, bad error
	if json.Unmarshal(v, &p) != nil {
		r.Unread = true
		return
	}
	r.Start, err = p.text("start")
	r.End, bad = p.text("end")
	if err != nil || bad != nil || r.Start == "" && r.End == "" {
		r.Unread = true
	}
}

// list reads objects. ok tells whether the member is there at all.
func (r *ResidualRule) list(c claims, name string) (list []claims, ok bool) {
	v, ok, _ := c.at(Path{name})
	if ok && json.Unmarshal(v, &list) != nil {
		r.Unread = true
	}
	return list, ok
}

// confirmation reads cnf. One that asks for a proof that we do not know refuses the token: it must not pass as a bearer token.
func (c claims) confirmation() (Confirmation, error) {
	var known Confirmation
	v, ok, err := c.at(Path{"cnf"})
	if err != nil || !ok {
		return known, err
	}
	var members claims
	if json.Unmarshal(v, &members) != nil || len(members) == 0 {
		return known, refused("cnf")
	}
	for name, to := range map[string]*string{"jkt": &known.JKT, "x5t#S256": &known.X5TS256} {
		if _, there := members[name]; !there {
			continue
		}
		if *to, err = members.text(name); err != nil || *to == "" {
			return Confirmation{}, refused("cnf")
		}
		delete(members, name)
	}
	if len(members) > 0 {
		return Confirmation{}, refused("cnf")
	}
	return known, nil
}

// only is the one client whom the token is for (IHE PCF): a reference to a Patient of ours. One that we cannot read refuses the token.
func (c claims) only(base string) (fhir.Reference, error) {
	s, err := c.text(standardOnly...)
	if _, ok, _ := c.at(standardOnly); err != nil || !ok {
		return fhir.Reference{}, err
	}
	if strings.Contains(s, "://") {
		r, ours := fhir.ParseURL(base, s)
		if !ours || r.Type != "Patient" {
			return fhir.Reference{}, refused(standardOnly.String())
		}
		return r, nil
	}
	return patientOf(s, standardOnly.String())
}

// patientOf reads an id, or a relative reference.
func patientOf(s, name string) (fhir.Reference, error) {
	id := strings.TrimPrefix(s, "Patient/")
	if !fhir.IsID(id) {
		return fhir.Reference{}, refused(name)
	}
	return fhir.Reference{Type: "Patient", ID: id}, nil
}
