// Package ledger is the disclosure ledger (audit): what was released to whom, under which Consent, written before the bytes leave. If a
// record cannot be written, nothing is released.
//
// Every process has a chain of its own: each record is linked to the one before by a hash, the end of the chain is signed with every
// commit, and signed checkpoints name the ends of all chains. Records that come in while the disk is busy share the next commit. A record
// names each text once in its chain and by a number from then on: a repeated answer of fifty resources takes some 150 bytes, the first
// one about a chart some 2.5 KB, because it holds the fifty ids (names.go).
//
// Between two checkpoints of a chain lies a segment, with a signed list of whom it is about: so the records of one client are found without reading
// all (Reader.Of).
//
// What Verify cannot show: that the whole file was put back to an older copy of itself, unless a checkpoint was noted elsewhere (Anchor);
// that someone who holds the signing key wrote another history; and that the newest records were cut off together with their tip by
// someone who had kept a copy of an earlier tip, as long as no later checkpoint names them.
//
// It must not import fhir or practice.
package ledger
