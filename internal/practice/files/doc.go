// Package files reads a folder of NDJSON, as a FHIR Bulk Data export leaves it (Bulk Data Access 2.0, section "Bulk Data Output File"): one
// resource a line, one resource type a file, named after the type ("Patient.ndjson", "Patient.000.ndjson"). It knows names, lines and
// offsets, not what a line says.
//
// A folder has no transactions. What is read of it is held against what it was when it was listed: a file that is another by now, or a line
// whose bytes are others, is an error, never an answer.
package files
