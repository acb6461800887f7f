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

// Confirmation is the key that the sender of the token must prove to have (RFC 7800, 3), the zero value for none.
type Confirmation struct {
	JKT     string // thumbprint of a DPoP key (RFC 9449, 6.1)
	X5TS256 string // of a client certificate (RFC 8705, 3.1)
}

// named are the Consents that the token is limited to, those of ours by their relative references.
func (c claims) named(paths []Path, base string) ([]string, error) {
	names, err := c.all(paths)
	for i, name := range names {
		names[i] = strings.TrimPrefix(name, strings.TrimSuffix(base, "/")+"/")
	}
	return names, err
}

// otherProofs are the confirmation methods of RFC 7800, 3, that we have no proof for.
var otherProofs = []string{"jwk", "jwe", "kid", "jku"}

// confirmation reads cnf. One that asks for a proof that we do not know refuses the token: it must not pass as a bearer token. Members that are no such
// method are left alone where there is one that we know (RFC 7800, 3.1): Keycloak has one about the kind of token.
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
	}
	for name := range members {
		if slices.Contains(otherProofs, name) || known == (Confirmation{}) || strings.HasPrefix(name, "x5t") && name != "x5t#S256" {
			return Confirmation{}, refused("cnf")
		}
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
