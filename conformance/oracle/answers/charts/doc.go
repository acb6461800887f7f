// Package charts makes small practices at random, as folders of FHIR R4 NDJSON with their Consents, for the comparison of whole answers. Equal seeds
// make equal practices. Every resource carries its own source id as an identifier, so that what a gateway answers can be told apart whatever ids it
// gives; what has none (Provenance) is told by its content.
//
// One partner, Everybody, is permitted everything by every client: what it gets is what there is. So no deny here reaches it: each names a recipient
// or a purpose of somebody else's.
package charts
