package demo

import "cmp"

// Partner describes a partner of the synthetic practice: an OAuth client that may ask the gateway. The keys of its client assertions are made
// when the demo starts.
type Partner struct {
	ID           string // the OAuth client_id
	Name         string // as clients read it
	Address      string // of the organisation, where the practice knows it
	Kind         string // provider, payer, patient, employer, other
	Organization Organization
	Identifiers  []Identifier // of the organisation, as the practice's releases name it
	// Practitioners are the NPIs of those who may be named as asking on the organisation's behalf.
	Practitioners []string
	Purposes      []string // v3-ActReason codes that it is registered for; the first is its default
	Scopes        string   // SMART scopes that bound its tokens
	// Public says that it is an app in a browser: it has no key, and its people launch it themselves.
	Public bool
	// UserLogin says that its tokens come from a person who signs in; it never has client_credentials.
	UserLogin bool
}

// Identifier is a business identifier.
type Identifier struct{ System, Value string }

// Namespaces of the organisations' identifiers: NPI, NAIC company code, employer identification number, and the practice's own address book. The
// practice's Consents name organisations by the last, which all of them have: so any two of them can be told apart.
const (
	SystemAddressBook = "https://cedarbridge.example/fhir/organization"

	SystemNPI  = "http://hl7.org/fhir/sid/us-npi"
	SystemNAIC = "urn:oid:2.16.840.1.113883.6.300"
	SystemEIN  = "urn:oid:2.16.840.1.113883.4.4"
)

// Identifiers are the organisation's, in the namespaces in which the practice's address book has them.
func (o Organization) Identifiers() []Identifier {
	var out []Identifier
	for _, i := range []Identifier{{SystemNPI, o.NPI}, {SystemNAIC, o.NAIC}, {SystemEIN, o.EIN}, {SystemAddressBook, o.Code}} {
		if i.Value != "" {
			out = append(out, i)
		}
	}
	return out
}

// Partners are the partners of the demo: a referring provider, a Part 2 clinic, an insurer, an employer, a lawyer, the clients' own app, and one that whoever runs the demo brings along.
func Partners() []Partner {
	partners := []Partner{
		{ID: "harbor-family-medicine", Kind: "provider", Organization: ReferringClinic, Practitioners: []string{outsiders[0].npi, outsiders[1].npi}, Purposes: []string{"TREAT", "COC"}, Scopes: "system/*.rs"},
		{ID: "new-dawn-recovery", Kind: "provider", Organization: Part2Clinic, Practitioners: []string{outsiders[2].npi}, Purposes: []string{"TREAT"}, Scopes: "system/*.rs"},
		{ID: "blueriver-health-plan", Kind: "payer", Organization: Insurer, Purposes: []string{"HPAYMT"}, Scopes: "system/*.rs"},
		{ID: "northline-logistics", Kind: "employer", Organization: Employer, Purposes: []string{"PATRQT"}, Scopes: "system/Patient.rs system/Encounter.rs system/Procedure.rs system/Provenance.rs"},
		{ID: "reyes-attorneys", Kind: "other", Organization: LawFirm, Purposes: []string{"PATRQT"}, Scopes: "system/*.rs"},
		{ID: "my-records-app", Name: "My Records (app)", Kind: "patient", Scopes: "patient/*.rs", UserLogin: true},
		{ID: "wellness-diary", Name: "Wellness Diary (app)", Kind: "patient", Scopes: "patient/*.rs", UserLogin: true, Public: true},
	}
	addresses := map[string]string{
		"harbor-family-medicine": "18 Quay Street, Port Ellery, ME 04999", "new-dawn-recovery": "7 Mill Lane, Port Ellery, ME 04999",
		"blueriver-health-plan": "PO Box 310, Augusta, ME 04399",
	}
	for i := range partners {
		partners[i].Name, partners[i].Address = cmp.Or(partners[i].Name, partners[i].Organization.Name), addresses[partners[i].ID]
		partners[i].Identifiers = partners[i].Organization.Identifiers()
	}
	return partners
}
