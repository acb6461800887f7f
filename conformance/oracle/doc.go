// Package oracle is a second, deliberately naive implementation of the Consent decision (design section 5), over decoded JSON. It exists to be
// compared with the engine: where the two differ, one of them has misread a rule. So it shares nothing with the engine but the data files
// in package profiles, and it must never import anything below internal/. It reads every attribute afresh for every record, keeps no index
// and prepares nothing: one small function per rule, named for it, in the order in which the rules are numbered.
//
// # Readings
//
// Where the text leaves a choice, this is what was chosen: the plainest words first, and of two plain ones that which withholds.
//
// About records:
//
//   - A record stands in the chart of its `subject` or `patient`; every other Patient that it refers to is a client too (rule 20). A record
//     whose subject is not a Patient is about nobody known. A Provenance is about the clients of its targets.
//   - A Provenance (rule 22) needs scope, labels and no deny of its own; its permit is that of its targets: released if one target is, else
//     withheld for the reason of its first target in the file, or no-consent if none is in the file.
//   - Practitioners, Organizations and other directory resources in the file are about nobody known: unclassified.
//   - A confidentiality code that the order does not know is no confidentiality label, and is a label that no rule knows.
//   - Handling codes and the codes of rule 1 count whatever their code system; sensitivities only in v3-ActCode. Any other label is unknown.
//   - In a file every type in profiles/policies/resources.yaml counts as a listed kind.
//
// About the requester:
//
//   - An allowing scope must be whole: an unknown permission, parameter form, modifier or chain voids it. A v1 scope has no parameters.
//   - A granular parameter that the type does not have matches nothing. `status` is a bare code, `patient` and `subject` take Patient/x or x.
//   - other-patient: some `patient/` scope would allow the record were it in the launch patient's chart. Without launch patient: scope.
//   - No stated purpose withholds with `purpose` (not in self-access). An unknown purpose passes rule 4 and then matches no permit, every
//     deny and the self-pay restriction. One purpose that the kind never holds spoils all.
//   - Several purposes are decided one by one; a deny for any withholds; else the first that is not permitted gives the reason.
//   - NOPAT withholds from kind `patient` with or without self-access, and so from a representative.
//   - Self-access is for kind `patient` with a launch patient through a patient/ scope. Without `person`, the person is the launch patient.
//   - A representative is a RelatedPerson in the file for this client, not inactive, in its period, with a listed relationship. Without a
//     birth date nobody is a minor for authority and everybody is one for confidentiality. Majority begins with the birthday's first moment.
//   - In self-access a record about several clients is `other-patient`; legal proceedings and a minor's confidential care are `label`.
//   - For a representative without purpose a deny for any purpose matches, and a Consent that cannot be parsed is a deny.
//
// About Consents:
//
//   - Every performer must be the client or a representative, and every verification must not be false; one release category is enough, one of the
//     others spoils it. A dateTime is in the future if its first moment is.
//   - A Consent without `provision` has an empty untyped root. Of several policyRule codings a dissent goes before an assent.
//   - A Consent whose client cannot be told refuses everything whatever its status; rules 1 to 5 keep their reasons, the rest is `denied`.
//   - Where permits fall or are silenced they carve nothing out of a deny either.
//   - implicitRules is something that we cannot interpret. Under a modifierExtension on a provision, its own attributes match every deny; on an
//     actor or data, that one does; elsewhere the denies stand as written.
//   - An untyped nested provision is neither permit nor deny (rule 9 names every deny); nor is an untyped root under an unlisted policyRule.
//   - Actors resolve if they are a local Organization, Practitioner, Patient or RelatedPerson, or have a whole identifier. A PractitionerRole,
//     CareTeam, Device, Group, contained or foreign reference does not, unless it is the requester's own.
//   - A custodian is no recipient: a permit with only a custodian is one without actor. With --practice another custodian is unresolved.
//   - A requester who names no practitioner is not the practitioner that a deny names.
//   - A nested provision may match where its parent does not only by purpose or label (rule 10: those two are replaced).
//   - An inherited securityLabel means, for a permit, what it means in a permit; a deny that inherits it from a permit takes both directions (X and
//     lower, X and higher): it is an exception to what that permit reached.
//   - A deny without purpose means every purpose, the four included. Below TREAT a deny reaches BTG; a permit does not.
//   - `code` is equality of system and code with any Coding in the record. A code without system is unknown. `class` knows resource types,
//     meta.profile and attachment content types; any other system is unknown.
//   - No author (also where the type has none) matches every deny by authoredby. An author given without a local reference is unknown.
//   - What a deny by `related` cannot find in the chart has no references.
//   - A time element that is present but no date (age, text) leaves the record undated. A date-time with seconds lasts that second.
//
// About labels and purpose rules:
//
//   - A Consent names a sensitivity if one of its permits lists one, wherever; a deny's list ("except substance use") makes nothing to be named.
//   - The names of all permits of one Consent that match in everything but sensitivity count together for one record.
//   - A permit that lists labels but no confidentiality covers up to R, and the record must carry one of those listed.
//   - Naming 42CFRPart2 alone does not cover SUD; a Consent under 42CFRPart2CD does, on records marked 42CFRPart2.
//   - A deny that names ETHUD does not reach a record labeled only SUD (labels go down only).
//   - The purpose rule is part of a permit's match: a permit that it stops is no exception to a deny.
//   - Matter lies "within so many months before now" if it ends by now: an encounter that goes on, or a bare date of today, does not (an event).
//   - Reason `label` does not ask whether the purpose rule would have stopped the permit as well.
package oracle
