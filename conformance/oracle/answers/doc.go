// Package answers computes whole answers: from the charts of a practice, the Consents, who asks and what is asked, the status, the Bundle with its total, matches
// in their order, includes and pages, and the JSON of every resource. It is the oracle for interactions as package oracle is for single decisions, which
// it takes from there, and as naive: every answer is computed from the beginning, over decoded JSON. It imports nothing below internal/.
//
// What a record is nobody outside can compute (ids are sealed, narratives and titles are left out), so a World is learned: it takes as given what one
// partner gets to whom every client permits everything, and what each client gets of their own Consents, and computes what everybody else gets, and every
// other answer for these too. AuditEvents it computes from the requests that it is told of (Make); ids, instants and the ledger's numbers it takes from what
// the client sees, each once, and the instant only if the answer was made then (LearnEvents).
//
// # Readings
//
// Where FHIR R4 leaves a choice:
//
//   - Without _sort, and where _sort finds two equal, the order is that of the ids. What has no value comes last, ascending and descending. Of several values
//     the lowest counts ascending, the highest descending; a period counts by its beginning.
//   - Strings are compared without case and accents; tokens without case in the code, with case in the system. A bare code (status, gender) has the system
//     of its value set, and is also found as one without a system.
//   - :not leaves out what has any of the values given, and keeps what has none.
//   - A date without a time is a day, month or year in the practice's zone. Every boundary is that of the R4 table of prefixes, but that ge and le also
//     find a period that only ends or begins within the date; ap is not supported.
//   - The parameter patient of a Provenance is the client in whose chart it stands.
//   - Of _include, _revinclude and _elements what is not understood is named with its value in the outcome entry. Where no name of _elements is left, the
//     least is given. Both parts of an answer, _elements and _summary, are for matches alone; _summary=true leaves elements of the summary whole, but for
//     the data of an Attachment.
//   - $everything has no pages unless a count is asked for. Provenances are there if a target is, staff and sites if somebody there refers to them, types are
//     picked last. A state lasts until somebody says that it has ended.
//   - Of several provisions that permit a record that one is its ground whose Consent has the id that goes first, and of one Consent the one that stands
//     first. A Consent's extract is made of the grounds of what is shown, its permits in the order of their times, purposes and kinds. A minimal Patient
//     is shown on the grounds of all else.
//   - A partner's Part 2 record brings the notice and the scope of its Consent, in the order of the records; a client's own brings the notice alone.
//   - The date of an answer is that of the newest record in it. If-None-Match goes before If-Modified-Since, which counts for reads only, and both go
//     before Range. Several ranges are answered with the whole.
//   - An answer is one disclosure to each client something of whose chart stands in it, page by page and entry by entry; of a Binary as of a read. So is a
//     304, and an answer to HEAD, that vouches for it. AuditEvents themselves, and staff and sites of the practice, disclose nothing of a client.
//   - Of a disclosure an AuditEvent tells what the person has a right to see, whatever the app may, or there is none; then references to what the app may
//     not see are taken out, and with the reference to what was read the claim of BALP's profile. Nothing is included with AuditEvents, nor they with anything.
//   - Where somebody asks for a chart of their own, all of the practice's staff and sites may be named in it. The notice of Part 2 goes with a record: not with
//     a 304, nor with a range that is not there.
//   - A permit that names nobody reaches an organisation that the source ties to the very client: who treats (Patient.generalPractitioner), the active care team,
//     who pays by an active Coverage, and who referred or was referred to by an active ServiceRequest; each within its period, a member also within that of
//     the membership and of the role by which somebody is one. A period of which a side is not said is none.
//   - A Consent that who represents the client may see is withheld where its provision would lose whom or what it names: it would say something else.
//   - A backbone element that loses something required is gone as a whole; what loses something required itself is withheld.
package answers
