package search

import (
	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/release/stage"
)

// Query is a search request that has been read. It is immutable and safe for concurrent use; Parser makes it.
type Query struct {
	resource *Resource
	criteria []criterion
	sort     []sortKey
	count    int
	noTotal  bool
	counts   bool // `_summary=count`
	subset   fhirjson.Subset
	includes []inclusion
	clients  []fhir.Reference
	ignored  []string
	self     string
	token    string // _page as it came, unopened
	after    []byte // the position of a resumed query; nil for the first page
}

// Type is the resource type that is searched.
func (q *Query) Type() string { return q.resource.Type }

// Clients are the references that say whose chart is asked for. Where `patient` or `subject` is given it is that one Patient: two
// different ones are refused, because a record stands in the chart of one client only and one answer is about one client. Where only `_id` is
// given it is each id with the searched type ("DocumentReference/x"): the id itself says whose it is (ident.Sealer.Open), and ids of
// several clients mean the union of their charts, each looked at, and recorded in the ledger, on its own. It is empty for a search of
// the directory, and for a Patient search without `_id`, which runs over the requester's reach. A Patient with an empty ID stands for a
// reference that cannot be a client here (another server's, another type's): the answer is that of an unknown client.
func (q *Query) Clients() []fhir.Reference { return q.clients }

// Subset is what of a match is asked for. Of what is included nothing is left out (FHIR R4 3.1.1.5.9).
func (q *Query) Subset() fhirjson.Subset { return q.subset }

// Count is the greatest number of matches on a page; 0 asks for the number alone.
func (q *Query) Count() int { return q.count }

// Ignored are the names of parameters, inclusions and elements that the type does not have and that were left out of account, in order. They are the
// requester's own words, cut down to letters, digits and `_-.:=*`.
func (q *Query) Ignored() []string { return q.ignored }

// Self is the query string of the parameters that were used, without a page: what the self link states after "?". Two requests that
// mean the same have the same Self.
func (q *Query) Self() string { return q.self }

// Key identifies the query among all queries of all types: the key of a memo. It holds the requester's values; do not log it.
func (q *Query) Key() string { return q.resource.Type + "?" + q.self }

// PageToken is the value of `_page`, which stands alone; the query of a page is made by Parser.Resume from the token's payload.
func (q *Query) PageToken() string { return q.token }

// Matches tells whether a resource fits every criterion.
func (q *Query) Matches(f *stage.Facts) bool {
	if f == nil || f.Type != q.resource.Type {
		return false
	}
	for i := range q.criteria {
		if !q.criteria[i].matches(f) {
			return false
		}
	}
	return true
}
