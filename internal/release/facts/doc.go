// Package facts fills stage.Facts from a FHIR R4 resource: one walk over the google/fhir proto that treats every type alike. It is the
// definition of what Facts hold. A byte plan fills them without a proto and must come to equal Facts; a test of package mapping holds
// it to that.
//
// What the walk collects, in the order in which the elements stand in the JSON (keys sorted, repetitions as they come; what stands in
// the extensions of a primitive comes right before its value):
//
//   - A path is the element's name below the resource, joined by dots, without indexes and without the type of a choice: "code",
//     "context.encounter", "effective", "medication", "value". Extensions are walked like any element ("extension.value"), those of
//     primitives too ("birthDate.extension.value"), and so are contained resources ("contained.code").
//   - Codings: each coding of a CodeableConcept at the concept's path, each Coding at its own; code and boolean primitives, also those
//     bound to a value set, with System "" and the code or "true"/"false". Codings without a code are left out. meta.security and
//     DocumentReference.securityLabel are no Codings but SourceLabels, like the inline labels of DS4P; meta.tag is "meta.tag".
//   - References: one entry per Reference that is there, at its path: the literal relative reference (without version), or the zero
//     Reference for anything else (absolute, fragment, URN, conditional, logical, display alone), which is about nobody we can name.
//     Attachment.url likewise, at "….url".
//   - Unnamed: an entry for each zero Reference but those of an Attachment, with the resource types that it may mean: what it says by its URL, its
//     condition or its type, or else what FHIR lets stand there.
//     A reference that means a Patient whom we cannot name, or may mean one, makes the record be about somebody unknown, so that it is not
//     Listed: where FHIR lets a Patient stand, one that cannot be resolved and does not say what else it is; anywhere, one that says Patient or
//     Group by its type, URL or condition. Who only acts in the record is nobody whom it is about (`acting` in policies/resources.yaml).
//   - Identifiers: system and value at the Identifier's path; Reference.identifier at "….identifier". Identifier.assigner is a
//     Reference, Identifier.type a concept; its use and period are left out.
//   - Dates: date, dateTime and instant at their path, partial ones as what they cover in the zone; a Period as one interval at its
//     path. meta.lastUpdated is LastUpdated. A Period without start and end is left out.
//   - Strings: the parts of HumanName, Address and ContactPoint ("name.family", "address.city", "telecom.value") and the elements name,
//     title and alias of a resource or backbone element. Never a narrative, note, display, description or attachment.
//   - Quantities: Quantity and its kin (Age, Count, Duration, ...), at their path.
//   - In a datatype that is collected as a whole (an Identifier, a HumanName, a Period, a Quantity, ...), the concepts, references and
//     identifiers in it and its extensions count, its codes and dates (use, since when) do not.
//   - Formats: Attachment.contentType, and the codes of DocumentReference.content.format. Nothing else of an Attachment but its url.
//   - Profiles: meta.profile. Nothing else of meta. Nothing of the narrative.
package facts
