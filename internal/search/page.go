package search

import (
	"encoding/binary"
	"slices"
	"sort"

	"github.com/consentry/gateway/internal/release/stage"
)

// Result is all matches of a query, sorted. It is immutable and safe for concurrent use: a view may keep it by Query.Key for as long as
// the view lives.
type Result struct {
	matches []stage.Released
	rows    []row // what they are sorted by
}

// Total is the number of matches.
func (r *Result) Total() int { return len(r.rows) }

// Page is one page of an answer.
type Page struct {
	Matches []stage.Released // shared with the Result: not to be changed
	// Total is the number of all matches, or -1 where `_total=none` leaves it out.
	Total int
	// Next is the payload of the next page's token, nil on the last page: the query and the sort position after which to go on. Seal
	// it with ident.Pages, bound to the requester and the type; the next link is `[base]/[type]?_page=[token]` and nothing else, so that
	// no search value stands in a URL that we make.
	Next []byte
	// First tells that no page stands before this one.
	First bool
}

// Evaluate finds and sorts the matches among the resources of a view (or of several views, one after the other).
func (q *Query) Evaluate(in []stage.Released) *Result {
	rows, texts := make([]row, 0, len(in)), make([]string, 0, len(in)*len(q.sort))
	for i, released := range in {
		if f := released.Facts(); q.Matches(f) {
			texts = appendKeys(texts, q.sort, f)
			rows = append(rows, row{at: i, keys: texts[len(texts)-len(q.sort) : len(texts) : len(texts)], id: f.ID})
		}
	}
	order := make([]*row, len(rows))
	for i := range rows {
		order[i] = &rows[i]
	}
	slices.SortFunc(order, func(a, b *row) int { return compare(q.sort, a, b) })
	r := &Result{matches: make([]stage.Released, len(rows)), rows: make([]row, len(rows))}
	for i, o := range order {
		r.matches[i], r.rows[i] = in[o.at], *o
	}
	return r
}

// Page cuts the query's page out of a Result that the same query, or one with the same Key, has made.
func (q *Query) Page(r *Result) (Page, error) {
	start := 0
	if q.after != nil {
		last, ok := decodePosition(q.after, len(q.sort))
		if !ok {
			return Page{}, fail("_page", BadPage)
		}
		start = sort.Search(len(r.rows), func(i int) bool { return compare(q.sort, &r.rows[i], &last) > 0 })
	}
	end := min(start+q.count, len(r.rows))
	p := Page{Total: len(r.rows), First: q.after == nil, Matches: r.matches[start:end:end]}
	if q.noTotal && q.count > 0 {
		p.Total = -1
	}
	if end < len(r.rows) && end > start {
		p.Next = q.payload(&r.rows[end-1])
	}
	return p, nil
}

// Run evaluates the query and cuts its page.
func (q *Query) Run(in []stage.Released) (Page, error) { return q.Page(q.Evaluate(in)) }

// payload is what a page token carries: the query, so that the link states none of it, and the position of the last row.
func (q *Query) payload(last *row) []byte {
	b := appendText(nil, q.self)
	for _, k := range last.keys {
		b = appendText(b, k)
	}
	return appendText(b, last.id)
}

// Resume makes the query of a page from the payload of its token. Who asks and whether they may is decided anew, as for any request.
func (p *Parser) Resume(resourceType string, payload []byte) (*Query, error) {
	self, position, ok := cutText(payload)
	if !ok {
		return nil, fail("_page", BadPage)
	}
	q, err := p.ParseText(resourceType, self, true)
	if err != nil || q.token != "" {
		return nil, fail("_page", BadPage)
	}
	if _, ok := decodePosition(position, len(q.sort)); !ok {
		return nil, fail("_page", BadPage)
	}
	q.after = position
	return q, nil
}

func decodePosition(b []byte, keys int) (row, bool) {
	r := row{keys: make([]string, keys)}
	var ok bool
	for i := range r.keys {
		if r.keys[i], b, ok = cutText(b); !ok {
			return row{}, false
		}
	}
	r.id, b, ok = cutText(b)
	return r, ok && len(b) == 0 && r.id != ""
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func cutText(b []byte) (s string, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return "", nil, false
	}
	end := size + int(n)
	return string(b[size:end]), b[end:], true
}
