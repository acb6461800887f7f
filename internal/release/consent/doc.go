// Package consent is the decision (in policy terms the decision point, PDP): for every resource of a chart, whether one requester may have
// it now, and why. It is a pure function of its Input; rule numbers in comments are those of the design's section 5.
//
// It must not import practice or net/http, and nothing here reads a clock, a file or a database. It is the only package that makes a
// stage.Released.
//
// # Readings
//
// What holds where the rules leave a choice: the plainest words first, and of two plain readings the one that withholds. Each has a case in
// testdata. Package conformance/oracle is a second implementation of the same readings that shares no code with this one; TestAgree
// compares the two.
//
// A provision and a record:
//
//   - A permit matches only as a whole: attributes, labels and purpose rule. One that fails in any of them leaves the word to its parent, and is
//     no exception from a deny. Below a deny a permit that matches is an exception, and a permit in its own right. Where the permits of a
//     Consent are silent (rule 7) or fall (rule 8) they are neither: the deny holds.
//   - A permit's confidentiality is its own: the record's must not be higher. What it names counts together with what the other permits of the
//     same Consent name that match the record in everything else and reach its confidentiality.
//   - A permit that lists labels and no confidentiality covers up to R, and the record must carry one of them, handling codes included. A
//     confidentiality that nobody knows reaches nothing.
//   - A Consent names a sensitivity where one of its permits lists one, or inherits it: any sensitivity, PSYTHPN and its like, or a code that
//     nobody knows. A deny that lists one names none, or a release "except substance use" would release nothing else either. 42CFRPart2 is
//     no sensitivity.
//   - A Consent made under 42CFRPart2CD covers SUD and below, on records marked 42CFRPart2 only. Naming 42CFRPart2 does not cover SUD.
//   - A deny that inherits its securityLabel from a permit, or through one, means all that the permit reached: a confidentiality in both
//     directions. A sensitivity goes down its tree only.
//   - A record with a label that nobody knows matches every deny that lists labels, and no permit. A code in a deny's securityLabel that nobody
//     knows matches every record. Handling codes decide whatever their code system, but in another system than HL7's or ours they are unknown
//     as well.
//   - A nested provision can match where its parent does not, if it states another purpose or securityLabel.
//   - No provision, or an empty one, is an untyped root: a deny of everything under a dissent, silent under an assent, a doubt under any other
//     policyRule or none. An explicit empty permit permits everything to the partners tied to the client.
//   - An untyped nested provision is silent: what it lacks is a type, so there is no deny to match. A modifierExtension on a provision takes away
//     what the provision states, so that a deny matches; what its ancestors state and it does not replace still narrows.
//   - The period of a provision is one of its attributes: a deny outside it says nothing. A period that ends before it begins is unknown.
//   - Actors: an Organization, Practitioner, Patient or RelatedPerson by local reference, or whoever has an identifier with system and value and no
//     reference. Everything else cannot be resolved, PractitionerRole included, and a reference of another type than the Consent says beside it.
//     Two parties are known to differ only where both are given in the same way (both by reference, or both in one identifier system);
//     otherwise a deny matches. This practice as custodian is no recipient.
//   - The organisation that asks is always known, the practitioner who acts for it only where one is stated and registered. Where none is, a deny
//     that names a Practitioner matches, whatever the organisation; so does one by an identifier that does not say whose it is. A deny that says
//     another type than the party has does not mean it, unless they have a number in common.
//   - A Patient or RelatedPerson is the person behind the token, known by reference only, and nobody else; that person is no practitioner. Nobody of
//     the family acts for an organisation, but who uses an app of clients without having signed in may be any of them.
//   - action: FHIR's other actions speak of something that we do not do; any other code is unknown. In a concept with several codings one that is
//     known tells.
//   - purpose: one outside the tree is unknown, even where Consent and request name the same. A deny without purpose means every purpose, the
//     four included.
//   - class and code: equal system and code is the same, whichever name the system goes by and however the code is spelled where that makes no
//     difference (codes.yaml in profiles/policies); a code may stand anywhere in the record, its labels included. Unknown are a code of a system that
//     is not listed there, a concept without code, a record that states no profile but the base definition of its type, and a document that
//     states no format.
//   - What a record is says the element that resources.yaml names (code, type, medication). Without a code of a known system there (words only, no
//     system, foreign systems only, or a code for not knowing) it is unknown and matches every deny by code; so does one that holds the very
//     code without a system. A record coded in another known system than the deny's is known to differ: nobody here translates codes.
//   - dataPeriod does not narrow a permit for what has no time of its own, and a deny with a dataPeriod does not reach it. A deny by authoredby
//     reaches what gives no author, but not a type that has none (Patient).
//   - authoredby: two of one type are known to differ, and so are people, organisations and devices. Who acts in a PractitionerRole is who holds it,
//     where that can be looked up; what is written in the role of an organisation may be the organisation's. A CareTeam may be anybody.
//   - A reference by which nobody can tell what is meant (an identifier, an absolute URL, a condition, words) matches a deny by related or dependents
//     of what it may mean: by the type that it says or, where it says none, by the types that FHIR lets stand there.
//   - data: what a reference leads to is looked up in this chart; what is not there refers to nothing. In a Consent of another client concerned, a
//     reference to what is not in this chart is unknown: there the record goes by another id.
//   - Purpose rules: a permit that states a class or code, or inherits one, names the kind. max-age-months: an event must have begun, a state must
//     not have ended, within so many months before now; what begins today or has not ended is in, what begins tomorrow is not. A month back is
//     counted forward from the record.
//
// Consents:
//
//   - dateTime, scope, category, performer, organization and verification concern permits only. Every performer must be the client or a
//     representative with authority now. Every category counts: one that is no release silences, and so does none that is one; another scope of
//     FHIR's beside patient-privacy silences too. implicitRules is a doubt, and so is a data reference that is no local one.
//   - Where the client of some Consent cannot be told, nothing is released, self-access included, whatever its status.
//
// Requesters:
//
//   - A partner must be registered for the very purpose it states. Of several purposes each must be permitted by the Consents of each client
//     concerned, not all by one Consent.
//   - Self-access by a representative: a missing or unreadable set of Consents withholds; a purpose that is not stated is unknown to
//     denies; a client whose birth date is not known is a minor for what is confidential, and of age for a guardian's authority. The
//     authority of a guardian ends with the beginning of the birthday. A label that nobody knows may be what a minor keeps to themselves.
//   - NOPAT withholds from every requester of kind patient and every authenticated person.
//
// Tokens:
//
//   - A Consent that the token does not name is as one whose permits fall (rule 8): its denies stand, and their exceptions do not. A name is its
//     reference or a business identifier; a version of it is another name. Self-access needs no Consent, named or not.
//   - Of residual rules that match a record the last one counts: a permit takes back what stands before it. They are read as provisions are, and decide
//     before any Consent, in self-access and for the directory too. What is unknown matches what forbids, within what else the rule states; a permit
//     with anything unknown in it permits nothing. A rule that is not of IHE PCF's form forbids everything, unless it is a permit.
//   - A permit that lists labels reaches and covers those of the record alone, as if it were a Consent of its own; one that lists none says nothing of
//     labels. A record of the directory, which has no label to lack, is unrestricted (U).
//   - A rule's data are looked up in this chart. Of a record about several clients, what is not in it may be that record, which has an id of its own
//     in each chart.
//   - The one client of IHE PCF is whose chart may be reached. The directory is about no client.
//
// Records:
//
//   - A record is about the clients that the source names and about every other Patient to whom it refers, but for who only acts in it (`acting` in
//     profiles/policies). It stands in the chart of its subject; a record about several is other-patient in self-access.
//   - One that refers to a Patient who cannot be named, or to what may be one, is about somebody unknown and unclassified: a reference that is no local
//     one, says no other type and stands where FHIR lets a Patient stand, or says Patient or Group anywhere; again but for who only acts. An absolute
//     URL is another server's. A Group as subject is its members, as far as they are known; anywhere else it is unknown.
//   - A Provenance needs scope, labels and no deny of its own, and is released with a target that is, by that target's permit, which must cover the
//     labels of both. Otherwise it has the reason of its first target; a target that is not in the chart is no-consent. It is about whom its
//     targets are about, as far as they are known: what is not known of is not visible in it either.
//   - Directory resources are decided by scope, and rules 1 and 2 as far as they have no label to lack; a patient/ scope reaches those that stand
//     in the launch patient's chart. `gateway explain` has no directory: there they are about nobody known.
//
// Reasons:
//
//   - A permit that fails by its labels is a near miss: label. So is what labels keep from self-access. One that only the purpose rules stop is
//     purpose-rule, which goes before label.
//   - Of several failing answers (purposes in the order stated, clients with the chart's own first) a deny is given, else the first. Where all
//     release, the first says why.
package consent
