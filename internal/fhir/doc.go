// Package fhir holds what every other package may say in FHIR's own words: references, codings, identifiers, the
// intervals that FHIR's partial dates mean, the code systems we name, and thin helpers over the google/fhir R4 protos.
//
// It knows nothing of clients, consents or the practice, and imports no other package of this module.
package fhir
