// Package consent is the decision (in policy terms the decision point, PDP): for every resource of a chart, whether one requester may have
// it now, and why. It is a pure function of its Input; rule numbers in comments are those of the design's section 5.
//
// It must not import practice or net/http, and nothing here reads a clock, a file or a database. It is the only package that makes a
// stage.Released.
//
// # Readings
//
// Where the rules leave a choice it is made towards withholding, as follows.
//
//   - Matching and covering are two things. A permit matches by all its attributes but the labels that must be covered; of its
//     securityLabel only this counts for matching: where it lists no confidentiality, the record must carry one of the labels listed
//     (42CFRPart2 and handling codes included). A permit that does not match leaves the word to its parent; a permit that matches and does
//     not cover does not: a nested permit up to N below a permit up to R withholds R from whom it names.
//   - The labels of a record are covered within one Consent by the union of what its matching permits cover: the deepest match of each
//     branch, after denies.
//   - A permit that lists sensitivities and no confidentiality covers up to R, as one without securityLabel does.
//   - A Consent names a sensitivity where one of its permits lists one, whichever. A deny that lists one names none, or a release "except
//     substance use" would release nothing else either. 42CFRPart2 is no sensitivity.
//   - A code in a permit's securityLabel that we do not know covers nothing; in a deny it makes the deny match every label.
//   - A Consent made under 42CFRPart2CD covers SUD and below, on records marked 42CFRPart2 only. A permit that names 42CFRPart2 must name
//     SUD as well.
//   - A deny that inherits its securityLabel from a permit means all that the permit reached: a confidentiality in both directions.
//   - A nested permit below a deny is an exception from it, and a permit in its own right, but only where it releases: where its labels do
//     not cover, or a purpose rule stops it, the deny holds against other Consents too. In a Consent whose permits are silent (rule 7)
//     or fall (rule 8) it is neither: the deny holds.
//   - A nested provision can match where its parent does not, if it states another purpose or securityLabel.
//   - No provision, or an empty one, is an untyped root: a deny of everything under a dissent, silent under an assent, a doubt under any other
//     policyRule or none. An explicit empty permit permits everything to the partners tied to the client.
//   - An untyped provision is silent: what it lacks is a type, so there is no deny to match. A provision with a modifierExtension states
//     nothing that narrows it; what its ancestors state still does.
//   - The period of a provision is one of its attributes: a deny outside it says nothing. dateTime, scope, category, performer,
//     organization and verification concern permits only.
//   - Every performer must be the client or a representative with authority. Every category counts: one that is no release silences, and
//     so does none that is one. implicitRules is a doubt.
//   - Actors: Organization, Practitioner, Patient and RelatedPerson can be resolved, by reference or identifier with system and value;
//     a Patient or RelatedPerson is the person behind the token. Everything else cannot, PractitionerRole included. Two parties are known to
//     differ only where both are given in the same way (both by reference, or both in one identifier system); otherwise a deny matches.
//   - This practice as custodian is no recipient: a permit with that actor only is a permit without actor.
//   - action: another code of the consentaction system speaks of something that we do not do; a code of another system is unknown.
//   - purpose: one outside the tree is unknown, even where Consent and request name the same. A partner must be registered for the very
//     purpose it states. Of several purposes each must be permitted by the Consents of each client concerned, not all by one Consent.
//   - class and code: equal system and code is the same. A record that states no profile, and a document that states no format, is
//     unknown; so is a code of a system that we do not know, and a concept without code.
//   - dataPeriod does not narrow a permit for what has no time of its own, and a deny with a dataPeriod does not reach it.
//   - data: what a reference leads to is looked up in this chart. In a Consent of another client concerned, a reference to what is not in
//     this chart is unknown.
//   - Purpose rules: a permit that states a class or code, or inherits one, names the kind. The window of max-age-months ends now: a record
//     that lies in the future, or an event without an end, is not in it. A month back is counted forward from the record.
//   - Self-access by a representative: a missing or unreadable set of Consents withholds; a purpose that is not stated is unknown to
//     denies; a client whose birth date is not known is a minor for what is confidential, and of age for a guardian's authority. The
//     authority of a guardian ends with the beginning of the birthday.
//   - What labels keep from self-access (legal proceedings, what a minor may keep to themselves) has the reason label.
//   - A Provenance is released with a target that is (rule 22), by that target's permit, which must cover the labels of both. Otherwise it has
//     the reason of its first target.
//   - A record about several people is other-patient in self-access. Directory resources are decided by scope, and rules 1 and 2 as far
//     as they have no label to lack; a patient/ scope reaches those that stand in the launch patient's chart.
//   - NOPAT withholds from every requester of kind patient and every authenticated person.
//   - Of several failing answers (purposes in the order stated, clients with the chart's own first) a deny is given, else the first. Where all
//     release, the first says why.
//   - A permit that fails only because the record carries none of the labels that it lists is a near miss: the reason is label.
package consent
