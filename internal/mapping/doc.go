// Package mapping turns the practice's own rows into FHIR resources by maps: YAML files that say which statement to run and what
// becomes of each column. A map is compiled once, when it is loaded, into a byte plan: literals and typed slots that append the JSON of
// the resource and fill its Facts in one pass. google/fhir's descriptors are the type checker while a map is loaded, and the oracle
// in the tests and in `gateway check`; no proto is made while rows are mapped.
//
// The maps are an allow-list (45 CFR 164.501, wall 2 of the design): a kind of record that no map names is never read. A psychotherapy
// note has no mapper at all.
//
// A row that is broken in any way is withheld whole and reported by table, key and column, never with a value. A broken Consent makes
// all Consents of its client unreadable.
//
// It must not import smart, requester or net/http.
package mapping
