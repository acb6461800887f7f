// Package policy reads FHIR R4 Consents, of every origin alike, into compiled Policies: trees of provisions with the attributes that
// they inherit resolved, periods as intervals in the practice's zone, and everything that cannot be understood marked as such. It also
// reads the data that says how the words of a Consent are understood (profiles/policies, profiles/purposes,
// profiles/labels/sensitivity.yaml): the Reading.
//
// A Policy says what a Consent says, never what follows for one requester: that is package consent.
//
// It must not import practice or net/http: where a Consent comes from makes no difference to what it says.
package policy
