package egress

import (
	"math"
	"strconv"
	"strings"
)

// ranged is what a Range header asks for.
type ranged int

const (
	wholeBody ranged = iota
	onePart
	outside
)

// rangeOf reads a Range header (RFC 9110 section 14.1.2) against a body of size bytes: the half-open part that it means. Several parts, or another
// unit, are answered with the whole, as the section allows; what is no range at all is outside, as net/http has it.
func rangeOf(header string, size int) (start, end int, found ranged) {
	unit, list, ok := strings.Cut(header, "=")
	if !ok || !strings.EqualFold(strings.TrimSpace(unit), "bytes") {
		return 0, 0, wholeBody
	}
	var one string
	for part := range strings.SplitSeq(list, ",") {
		if part = strings.Trim(part, " \t"); part == "" {
			continue
		}
		if one != "" {
			return 0, 0, wholeBody
		}
		one = part
	}
	if one == "" {
		return 0, 0, wholeBody
	}
	first, last, ok := strings.Cut(one, "-")
	if !ok {
		return 0, 0, outside
	}
	return span(strings.Trim(first, " \t"), strings.Trim(last, " \t"), size)
}

// span is the part from first to last, or of the last so many bytes where first is empty.
func span(first, last string, size int) (start, end int, found ranged) {
	to, toOK := position(last)
	if first == "" {
		if !toOK || to == 0 {
			return 0, 0, outside
		}
		return size - min(to, size), size, onePart
	}
	from, fromOK := position(first)
	switch {
	case !fromOK || from >= size:
		return 0, 0, outside
	case last == "":
		return from, size, onePart
	case !toOK || to < from:
		return 0, 0, outside
	}
	return from, min(to, size-1) + 1, onePart
}

// position reads a number of digits alone. One that is too large for any body is as large as can be.
func position(s string) (int, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return math.MaxInt, true
	}
	return n, true
}
