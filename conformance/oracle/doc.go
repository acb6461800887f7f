// Package oracle is a second, deliberately naive implementation of the Consent decision (design section 5), over decoded JSON. It exists to be
// compared with the engine: where the two differ, one of them has misread a rule. So it shares nothing with the engine but the data files
// in package profiles, and it must never import anything below internal/. It reads every attribute afresh for every record, keeps no index
// and prepares nothing: one small function per rule, named for it, in the order in which the rules are numbered.
//
// # Readings
//
// It was written from section 5 alone. Where the text leaves a choice and the two had chosen differently, one reading was agreed on: the plainest
// words first, and of two plain ones that which withholds. The list of them is the package comment of internal/release/consent, and each is
// a case of the truth table there. What follows is only how they are applied to the files of `gateway explain`:
//
//   - A record stands in the chart of its `subject` or `patient`; one whose subject is not a Patient is about nobody known, and so are Practitioners,
//     Organizations and the rest of the directory. Every type in profiles/policies/resources.yaml counts as a listed kind.
//   - A resource with contained resources, a modifierExtension, implicitRules or a label without a code is unclassified.
//   - A confidentiality code that the order does not know is no confidentiality label, and is a label that no rule knows.
//   - An allowing scope must be whole: an unknown permission, parameter form, modifier or chain voids it. A v1 scope has no parameters. A granular
//     parameter that the gateway does not have for the type matches nothing. `status` is a bare code, `patient` and `subject` take Patient/x or x.
//   - other-patient: some `patient/` scope would allow the record were it in the launch patient's chart. Without launch patient: scope.
//   - No stated purpose withholds with `purpose` (not in self-access). One purpose that the kind never holds spoils all.
//   - Self-access is for kind `patient` with a launch patient through a patient/ scope. Without `person`, the person is the launch patient. A
//     representative is a RelatedPerson in the file for this client, not inactive, in its period, with a listed relationship.
//   - A Consent whose client cannot be told refuses everything; rules 1 to 5 keep their reasons, the rest is `denied`.
//   - Of several policyRule codings a dissent goes before an assent. A dateTime is in the future if its first moment is.
//   - What a record is says a concept of resources.yaml's, by its JSON name or with CodeableConcept behind it. Whose a PractitionerRole is is looked up
//     in the whole file. What may stand at an element is a table (mayStand), by the names of FHIR R4.
//   - related in the requester file may also be a list of clients: those to whom the practice's data tie the requester.
//   - A time element that is present but no date (age, text) leaves the record undated. A date-time with seconds lasts that second.
//
// A Line names every provision that could be named for the decision (Places); the engine names one of them.
package oracle
