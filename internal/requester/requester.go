// Package requester says who asks, for whom and for what purpose: one partner, for one purpose, with one set of scopes. It owns the partner
// register: what a token claims can only choose among what is registered there.
//
// It must not import practice or release: who asks is settled before anything about a client is read.
package requester

import (
	"crypto/sha256"
	"sync"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/smart"
)

// Kind is what a partner is to the practice. The zero value is no kind and gets nothing.
type Kind string

// The kinds of partner. A body that is both a provider and a payer is two partners.
const (
	KindProvider Kind = "provider"
	KindPayer    Kind = "payer"
	KindPatient  Kind = "patient"
	KindEmployer Kind = "employer"
	KindOther    Kind = "other"
)

// Party is an organisation or a practitioner as a Consent may name it: by reference or by any registered identifier.
type Party struct {
	Reference   fhir.Reference // zero if the practice keeps no resource for it
	Identifiers []fhir.Identifier
}

// systemURI is the system of an identifier that is a URI (FHIR R4, Identifier).
const systemURI = "urn:ietf:rfc:3986"

// isCalled tells whether a token's name of an organization is one of the party's: an identifier's value where that is a URI or the NPI, its system
// and value ("system|value" or "system#value"), or the reference.
func (p *Party) isCalled(name string) bool {
	for _, id := range p.Identifiers {
		alone := id.System == systemURI || id.System == fhir.SystemNPI
		if id.Value != "" && (name == id.System+"|"+id.Value || name == id.System+"#"+id.Value || alone && name == id.Value) {
			return true
		}
	}
	return p.Reference != (fhir.Reference{}) && name == p.Reference.String()
}

// Requester is one partner, for one purpose, with one set of scopes. It is immutable once made.
type Requester struct {
	PartnerID    string // the partner's OAuth client_id
	Name         string // for people: as the register has it, or else the id
	Kind         Kind
	Organization Party
	Practitioner *Party // the registered practitioner that the token claims, nil for none
	// Purposes are the purposes stated for this request, each of which must be permitted. Empty matches nothing.
	Purposes []fhir.Coding
	// Registered are the purposes that the partner is registered for.
	Registered []fhir.Coding
	Scopes     smart.Scopes
	// Patient is the launch patient, zero for none.
	Patient fhir.Reference
	// Person is the authenticated person behind the token, Patient/x or RelatedPerson/x; zero for a machine (client_credentials). Only a
	// person has self-access.
	Person fhir.Reference
	// Consents are those whose permits count, by reference or business identifier; nil for all. Every deny of every Consent stands.
	Consents []string
	// Residual are the rules by which the token itself forbids what is released otherwise, in their order (IHE PCF 1.1).
	Residual []smart.ResidualRule
	// Only is the one client who may be reached, zero for no limit.
	Only fhir.Reference
	// Sender is what the partner must prove besides having its token. No decision depends on it.
	Sender smart.Constraint

	once   sync.Once
	digest [sha256.Size]byte
}

// For is the same requester, for one purpose alone.
func (r *Requester) For(purpose fhir.Coding) *Requester {
	return r.but([]fhir.Coding{purpose}, r.Scopes)
}

// Through is the same requester, through other scopes.
func (r *Requester) Through(scopes smart.Scopes) *Requester { return r.but(r.Purposes, scopes) }

func (r *Requester) but(purposes []fhir.Coding, scopes smart.Scopes) *Requester {
	return &Requester{
		PartnerID: r.PartnerID, Name: r.Name, Kind: r.Kind, Organization: r.Organization, Practitioner: r.Practitioner, Purposes: purposes,
		Registered: r.Registered, Scopes: scopes, Patient: r.Patient, Person: r.Person, Consents: r.Consents, Residual: r.Residual, Only: r.Only, Sender: r.Sender,
	}
}
