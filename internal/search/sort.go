package search

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/stage"
)

// sortKey is one parameter of `_sort`.
type sortKey struct {
	param      *Parameter
	descending bool
}

// row is a match with what it is sorted by: one text for each sort key, whose byte order is the parameter's order, and the id. An empty
// text is a missing value, which stands last in either direction.
type row struct {
	at   int // its place before sorting
	keys []string
	id   string
}

// appendKeys appends the sort texts of a resource. Of several values the one that stands first in the direction counts.
func appendKeys(texts []string, keys []sortKey, f *stage.Facts) []string {
	for _, k := range keys {
		texts = append(texts, k.of(f))
	}
	return texts
}

func (k sortKey) of(f *stage.Facts) string {
	best := ""
	offer := func(s string) bool {
		if best == "" || k.descending && s > best || !k.descending && s < best {
			best = s
		}
		return false
	}
	switch k.param.Kind {
	case Token:
		k.param.eachToken(f, func(system, code string, _ bool) bool { return offer("t" + strings.ToLower(code) + "|" + system) })
	case Date:
		k.param.eachDate(f, func(i fhir.Interval) bool { return offer(instant(i.Start)) })
	case String:
		k.param.eachString(f, func(s string) bool { return offer("s" + fold(s)) })
	case Reference:
		k.param.eachReference(f, func(r fhir.Reference) bool { return offer("r" + r.String()) })
	}
	return best
}

// instant writes t so that bytes sort as times do; an open start comes first.
func instant(t time.Time) string {
	var b [13]byte
	b[0] = 'd'
	if !t.IsZero() {
		binary.BigEndian.PutUint64(b[1:], uint64(t.Unix())^1<<63)
		binary.BigEndian.PutUint32(b[9:], uint32(t.Nanosecond()))
	}
	return string(b[:])
}

// compare orders two rows; no two resources of one type have the same id.
func compare(keys []sortKey, a, b *row) int {
	for i, k := range keys {
		x, y := a.keys[i], b.keys[i]
		switch {
		case x == y:
		case x == "":
			return 1
		case y == "":
			return -1
		case k.descending:
			return strings.Compare(y, x)
		default:
			return strings.Compare(x, y)
		}
	}
	return strings.Compare(a.id, b.id)
}
