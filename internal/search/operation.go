package search

import (
	"strings"

	"github.com/consentry/gateway/internal/fhir"
)

// Date reads the date, dateTime or instant of an operation's parameter as the interval that it covers, in the practice's zone where it states
// none. A plus sign that was sent unescaped has become a space: no date holds one.
func (p *Parser) Date(text string) (fhir.Interval, bool) {
	text = strings.Replace(text, " ", "+", 1)
	if text == "" || text[0] < '0' || text[0] > '9' { // operations know no prefixes
		return fhir.Interval{}, false
	}
	v, ok := p.parseDate(text)
	return v.interval, ok
}

// Readable cuts the name of a parameter that nobody knows down to what such names are made of: it is named in the answer.
func Readable(name string) string { return readable(name) }
