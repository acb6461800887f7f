package mapping

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
)

// base64Pairs are the two digits of every 12 bits, in the order of their bytes.
var base64Pairs = func() (p [1 << 12]uint16) {
	for i := range p {
		text := base64.StdEncoding.EncodeToString([]byte{byte(i >> 4), byte(i << 4)})
		p[i] = binary.LittleEndian.Uint16([]byte(text))
	}
	return p
}()

// appendBase64 appends what base64.StdEncoding does, two digits at a time: the text of a note is most of what a chart's bodies hold.
func appendBase64(dst, src []byte) []byte {
	n := base64.StdEncoding.EncodedLen(len(src))
	dst = slices.Grow(dst, n)
	out := dst[len(dst) : len(dst)+n]
	for len(src) >= 26 && len(out) >= 32 { // 24 of them become 32 digits: to ask for each 8 digits whether there is room costs a third more
		eightDigits(out, src)
		eightDigits(out[8:], src[6:])
		eightDigits(out[16:], src[12:])
		eightDigits(out[24:], src[18:])
		src, out = src[24:], out[32:]
	}
	base64.StdEncoding.Encode(out, src)
	return dst[:len(dst)+n]
}

// eightDigits writes the digits of the first 6 bytes of src, which has 8.
func eightDigits(out, src []byte) {
	v := binary.BigEndian.Uint64(src)
	binary.LittleEndian.PutUint64(out, uint64(base64Pairs[v>>52])|uint64(base64Pairs[v>>40&0xfff])<<16|
		uint64(base64Pairs[v>>28&0xfff])<<32|uint64(base64Pairs[v>>16&0xfff])<<48)
}
