// Package fhirjson turns FHIR R4 JSON into google/fhir protos and back: Parse is the strict way in for everything that comes as FHIR,
// Append the fast way out, and Project takes out what a projection or a removed reference takes out.
//
// Append writes the bytes that google/fhir's jsonformat would (compact, keys in alphabetical order), from a plan per message type that
// is made once (see Shape). The tests hold the two against each other for every resource type.
//
// It knows nothing of clients or consents and imports no package of this module but fhir.
package fhirjson
