package egress

import (
	"crypto/sha256"
	"sync/atomic"

	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/outcome"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/stage"
)

// Response is what a handler may answer: *Resource, *Binary, *Page, *Document or *Failure, and nothing else.
type Response interface {
	response()
}

// Resource answers a read with one resource (FHIR R4 3.1.0.2).
type Resource struct {
	Released stage.Released
	Terms    []*consent.Terms // of the Consents that permit it
	Subset   fhirjson.Subset  // what of it is asked for
}

// Page answers a search with one page of a searchset Bundle (FHIR R4 3.1.1.2). It must follow from the released resources and the request
// alone: egress adds no time, no random id and no count of its own. A Page that is answered again is encoded once: it must not be changed.
type Page struct {
	// Self is the search as it was used, relative to the base: "DocumentReference?patient=...". FHIR requires the link.
	Self string
	// Next is the search for the next page, relative to the base; "" on the last page.
	Next string
	// First is the search for the first page, relative to the base; "" for none.
	First string
	// Entries are the matches and what is included with them, in order.
	Entries []Entry
	// Total is the number of matches on all pages, where HasTotal is set.
	Total    int
	HasTotal bool
	// Ignored are the names of the parameters that the search did not use. They are listed in an entry of mode outcome.
	Ignored []string
	// Subset is what of the matches is asked for. What is included is always whole.
	Subset   fhirjson.Subset
	answered atomic.Uint32
}

// Entry is one entry of a Page.
type Entry struct {
	Released stage.Released
	Mode     Mode
	Terms    []*consent.Terms // of the Consents that permit it
}

// Mode is why a resource is in a Page (http://hl7.org/fhir/search-entry-mode). The zero value is Match.
type Mode uint8

// The modes of a resource. Entries of mode outcome are egress's own.
const (
	Match Mode = iota
	Include
)

// Document answers with bytes that were fixed at start-up and hold nothing of any client: the CapabilityStatement and the SMART discovery
// document.
type Document struct {
	contentType string
	body        []byte
	digest      [sha256.Size]byte
}

// The content types of an answer.
const (
	FHIRJSON = "application/fhir+json; charset=utf-8"
	JSON     = "application/json; charset=utf-8"
)

// NewDocument makes a Document. Only what is known at start-up may go in: the arch test lists who calls it.
func NewDocument(contentType string, body []byte) *Document {
	return &Document{contentType: contentType, body: body, digest: sha256.Sum256(body)}
}

// Failure answers with an OperationOutcome.
type Failure struct {
	Err *outcome.Error
}

func (*Resource) response() {}
func (*Page) response()     {}
func (*Document) response() {}
func (*Failure) response()  {}
