// Package stage names the three stages of a resource on its way out (release of information), and the Facts that every stage may know:
//
//	stage.Candidate -> stage.Labeled -> stage.Released
//
// Mapping makes Candidates, package label makes Labeled, package consent makes Released, and only package egress reads a body. The
// types cannot be converted into each other and nothing here opens one: a handler that holds a Candidate holds nothing to leak.
package stage

import "github.com/consentry/gateway/internal/release/internal/sealed"

type (
	// Candidate is a mapped resource that nobody has labeled yet.
	Candidate = sealed.Candidate
	// Labeled is a resource with its final security labels.
	Labeled = sealed.Labeled
	// Released is a resource that a decision lets out to one requester.
	Released = sealed.Released
	// Grant says why a resource was released.
	Grant = sealed.Grant

	// Facts is what every stage may know of a resource.
	Facts = sealed.Facts
	// Origin says where a resource comes from.
	Origin = sealed.Origin
	// When says when a record's matter happened.
	When = sealed.When
	// Quantity is the searchable part of a Quantity.
	Quantity = sealed.Quantity
)

// At is a value at the path of its element.
type At[T any] = sealed.At[T]

// New makes a Candidate from an encoded resource without meta.security, the offset at which `,"security":[...]` is to be spliced in
// (inside meta, behind a member that sorts before it), and its facts. Only package mapping calls it.
// binaries are what its attachments lead to: they are labeled, released and withheld with it.
func New(json []byte, securityAt int, f *Facts, binaries ...Candidate) (Candidate, error) {
	return sealed.New(json, securityAt, f, binaries...)
}

// AttachmentURL is the path of the element that leads from a document to its Binary.
const AttachmentURL = sealed.AttachmentURL

// NewBinary makes the Candidate of a Binary, which has no labels and no decision of its own: it is given to New, and goes where that resource
// goes (design rule 22). json is the resource without data, which is to be spliced in at dataAt, and without meta.security. Only package mapping
// calls it.
func NewBinary(json []byte, dataAt, securityAt int, raw []byte, f *Facts) (Candidate, error) {
	return sealed.NewBinary(json, dataAt, securityAt, raw, f)
}
