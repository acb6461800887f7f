// Package ident makes the identifiers that leave: FHIR logical ids, in which the practice's own keys are sealed, and page tokens.
//
// An id can be opened only with the gateway's key: a tampered, guessed or foreign id is refused before any database is asked.
package ident
