package egress

import (
	"math/bits"
	"sync"
)

// buffers are those that no answer needs now, by their class: one of class k has room for 2^k bytes and no more, so what is counted for an answer is what it
// holds. Longer ones than those of the last class are not kept, nor those that have grown.
var buffers [maxClass + 1]sync.Pool

const minClass, maxClass = 12, 20

// classOf is the least class whose buffers have room for n bytes.
func classOf(n int) int { return max(minClass, bits.Len(uint(max(n, 1)-1))) }

// roomOf is how long a buffer for n bytes is.
func roomOf(n int) int {
	if class := classOf(n); class <= maxClass {
		return 1 << class
	}
	return n
}

// newBuffer gives an empty buffer with room for n bytes.
func newBuffer(n int) *[]byte {
	if class := classOf(n); class <= maxClass {
		if p, ok := buffers[class].Get().(*[]byte); ok {
			return p
		}
	}
	b := make([]byte, 0, roomOf(n))
	return &b
}

// freeBuffer gives back a buffer that nobody uses any more.
func freeBuffer(p *[]byte, used []byte) {
	if class := classOf(cap(used)); class <= maxClass && cap(used) == 1<<class {
		*p = used[:0]
		buffers[class].Put(p)
	}
}
