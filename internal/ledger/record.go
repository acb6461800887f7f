package ledger

import "time"

// Record is one answer that may have told somebody something about a client: also a 304, a HEAD and an empty result.
type Record struct {
	At          time.Time
	RequestID   string
	Partner     string   // the partner's OAuth client_id
	Purposes    []string // "system|code"
	Interaction string   // the route template and method, "GET /fhir/DocumentReference"; never a query
	Status      int
	// Client is the client's FHIR id ("Patient/x"), empty where a request named nobody the requester may know of.
	Client       string
	ChartVersion string
	Consents     []ConsentUse
	Released     []string          // "Type/id" of each resource in the answer; not to be changed any more
	Withheld     map[string]uint32 // counts by reason
	// Accountable says that the accounting of disclosures (45 CFR 164.528) lists it: not TPO, not the client, not under an authorisation.
	Accountable bool
	// ToIndividual says that it went to the client, or to who may act for the client (164.528(a)(1)(ii)).
	ToIndividual bool
	// Authorized says that every Consent that permitted it is an authorization (164.508) or a Part 2 consent.
	Authorized bool
	// Part2 says that a record of a substance use disorder program was in it: 42 CFR 2.25 has an accounting of its own.
	Part2  bool
	Digest [32]byte // SHA-256 over the digests of the released bodies, in order
}

// ConsentUse is a Consent that decided, and its version: the digest of its content.
type ConsentUse struct {
	Reference string // "Consent/x"
	Version   [32]byte
}
