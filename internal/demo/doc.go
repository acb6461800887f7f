// Package demo owns the synthetic practice: a made-up therapy clinic, the same for the same seed, written as a small EHR's SQLite database, and a
// second SQLite database of psychotherapy notes that are kept apart from the record (45 CFR 164.501), which the gateway never opens.
//
// The schema is an EHR's, not FHIR's: local times without zone, soft deletes, status words, form names. What it means in FHIR is said by
// profiles/maps/demo. Everybody in it is invented; names are never printed.
//
// It must not import mapping, release, smart or net/http: it stands outside the gateway, where the practice's own system stands.
package demo
