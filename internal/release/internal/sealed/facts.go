package sealed

import "github.com/consentry/gateway/internal/fhir"

// Facts is what every stage may know of a resource: enough to label, decide, search and count, and never its narrative or
// attachment. Facts are made once, by mapping, and are read-only from then on.
//
// A Path is the FHIR element's path below the resource, without indexes and without the type of a choice: "code",
// "context.encounter", "effective", "agent.who". A CodeableConcept's codings carry the path of the concept.
type Facts struct {
	Type string // resource type, "DocumentReference"
	ID   string // logical id, sealed (package ident) for mapped rows

	// Subject is the client in whose chart the resource stands ("Patient/x"), zero for the practice's directory.
	Subject fhir.Reference
	// Clients are all whom the record is about, Subject among them, sorted. A record of a couple has two.
	Clients []fhir.Reference

	Origin Origin
	When   When

	// Authors are the parties that authored the record (see profiles/policies/resources.yaml for the elements that count).
	Authors []fhir.Reference

	// SourceLabels are the security labels that the source itself gives, wherever they stand: meta.security,
	// DocumentReference.securityLabel, inline labels.
	SourceLabels []fhir.Coding
	// Inherits names the resources whose labels this one takes as its own (encounter, episode), by reference.
	Inherits []fhir.Reference
	// InheritsChart says that nobody has classified the content (a scan, a C-CDA): it takes the labels of the whole chart.
	InheritsChart bool

	Profiles    []string // meta.profile
	Formats     []string // attachment content types and format codes, "application/pdf"
	LastUpdated fhir.Interval

	References []At[fhir.Reference]
	// Unnamed are the references among them that name nothing we can follow, with the resource types that each may mean ("Resource" for any).
	Unnamed     []At[[]string]
	Codings     []At[fhir.Coding] // codings, and code and boolean primitives (System "")
	Identifiers []At[fhir.Identifier]
	Dates       []At[fhir.Interval]
	Strings     []At[string] // names, addresses, contact points and titles; never narrative, notes or attachments
	Quantities  []At[Quantity]
}

// At is a value at the path of its element.
type At[T any] struct {
	Path  string
	Value T
}

// Quantity is the searchable part of a Quantity: the decimal as it stands, its system and code.
type Quantity struct {
	Value  string
	System string
	Code   string
}

// Origin says where a resource comes from.
type Origin struct {
	Map       string // the map that made it, or the file
	Table     string // the source table, for reports
	Kind      string // the note or record kind as the map lists it; "" where no map lists it
	Programme string // the treatment programme it belongs to, "" for none
	// Listed says that a map or an allow-list names this kind or type. The zero value withholds (rule 2).
	Listed bool
	// Directory says that this is the practice's own staff or site, about no client.
	Directory bool
}

// When says when a record's matter happened, for dataPeriod (rule 12).
type When struct {
	fhir.Interval
	// Known is false for an undated record: it never matches a permit and always matches a deny.
	Known bool
	// State says that the record is a state (Condition, CarePlan, Goal, MedicationRequest), for which overlap is enough.
	State bool
	// EndUnknown says that the state has ended, nobody knows when: a permit takes it as ended at Start, a deny as not ended.
	EndUnknown bool
	// Timeless says that the type has no time of its own (Patient, RelatedPerson, the directory): dataPeriod does not narrow a
	// permit for it, and a deny with a dataPeriod does not reach it.
	Timeless bool
}
