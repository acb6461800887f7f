package mapping

import "bytes"

// bodies is where the bodies of a chart are written, one behind the other in blocks that many of them share: so none is copied, and few
// arrays are made. A body that is done is never changed.
type bodies struct {
	free []byte // of length 0
	next int    // the size of the next block
	need int    // the largest body so far that stays in its block
}

// Sizes of blocks, in bytes: the first is enough for a chart that has little, or for a client's Consents.
const (
	leastBlock = 4 << 10
	mostBlock  = 32 << 10
)

// begin gives room for a body, which may outgrow it.
func (b *bodies) begin() []byte {
	if cap(b.free) == 0 || cap(b.free) < b.need {
		b.next = min(max(leastBlock, 2*b.next), mostBlock)
		b.free = make([]byte, 0, b.next)
	}
	return b.free
}

// keep takes over a body that was begun. A large one gets an array of its own: it would leave too much of a block unused.
func (b *bodies) keep(body []byte) []byte {
	if len(body) > mostBlock/4 {
		b.free = body[:0]
		return bytes.Clone(body)
	}
	b.need = max(b.need, len(body))
	b.free = body[len(body):]
	return body[:len(body):len(body)]
}
