// Package ledger is the disclosure ledger (audit): what was released to whom, under which Consent, written before the bytes leave. If a
// record cannot be written, nothing is released.
//
// It must not import fhir or practice.
package ledger
