package egress

import (
	"strconv"
	"strings"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/consent"
)

// scope is the explanation of what a consent permits to the recipient of a record (42 CFR 2.32(b)): fixed words, and what the extract says.
type scope struct {
	text   string
	header string // the same, fit for a header
	url    string // of the extract; "" for those who cannot read it
}

// headerRoom bounds the explanation in a header: clients and proxies refuse headers of more than some kilobytes.
const headerRoom = 1500

func (e *Egress) scopeOf(t *consent.Terms) scope {
	s := scope{text: e.explain(t, true)}
	if s.header = visible(s.text); len(s.header) > headerRoom {
		s.header = visible(e.explain(t, false))
	}
	if t.Shown {
		s.url = e.base + "/" + t.Consent.String()
	}
	return s
}

// explain says what a consent permits: in full, or with the number of the kinds in place of their names.
func (e *Egress) explain(t *consent.Terms, full bool) string {
	var b strings.Builder
	b.WriteString("Scope of the consent of " + t.Client.String() + " to this disclosure (42 CFR 2.32(b)), as far as it concerns the recipient and within the " +
		"further limits that it may set. Recipient: " + t.Recipient.Name + ".")
	permits := t.Permits
	if !full {
		permits = permits[:min(len(permits), 3)]
	}
	for _, p := range permits {
		b.WriteString(" Permitted for " + purposesOf(p) + ": " + kinds(p, full) + e.when(p.Period) + ".")
	}
	if rest := len(t.Permits) - len(permits); rest > 0 {
		b.WriteString(" And " + strconv.Itoa(rest) + " more.")
	}
	return b.String()
}

// purposeNames are the names of the commonest purposes (v3-ActReason). The others stand by their code, as the partner has stated them.
var purposeNames = map[string]string{
	"TREAT": "treatment", "COC": "coordination of care", "ETREAT": "emergency treatment", "HPAYMT": "healthcare payment",
	"COVERAGE": "coverage under policy or program", "COVAUTH": "coverage authorization", "CLMATTCH": "claim attachment", "HOPERAT": "healthcare operations",
	"CAREMGT": "care management", "HRESCH": "healthcare research", "PATRQT": "patient requested", "PWATRNY": "power of attorney", "PUBHLTH": "public health",
}

func purposesOf(p consent.Permit) string {
	var out []string
	for _, c := range p.Purposes {
		name := c.Code
		if known, ok := purposeNames[c.Code]; ok && c.System == fhir.SystemActReason {
			name = known + " (" + c.Code + ")"
		}
		out = append(out, name)
	}
	return strings.Join(out, ", ")
}

// kinds names the kinds of record. Types and codes narrow each other: a record must be of one of either.
func kinds(p consent.Permit, full bool) string {
	types, codes := len(p.Classes), len(p.Codes)
	switch {
	case types+codes == 0:
		return "records of any kind"
	case !full:
		return "records of " + strconv.Itoa(types+codes) + " named kinds"
	case codes == 0:
		return "records of type " + names(p.Classes)
	case types == 0:
		return "records with code " + names(p.Codes)
	}
	return "records of type " + names(p.Classes) + " with code " + names(p.Codes)
}

// names gives resource types by their name, and every other code with its system.
func names(list []fhir.Coding) string {
	var out []string
	for _, c := range list {
		switch c.System {
		case fhir.SystemResourceTypes, fhir.SystemURI, fhir.SystemMIME, "":
			out = append(out, c.Code)
		default:
			out = append(out, c.Key())
		}
	}
	return strings.Join(out, ", ")
}

func (e *Egress) when(i fhir.Interval) string {
	text := ""
	if start := e.starting(i.Start); start != "" {
		text += ", from " + start
	}
	if end := e.ending(i.End); end != "" {
		return text + ", until " + end
	}
	return text + ", until revoked"
}

// visible keeps a text to what a header can hold (RFC 9110 section 5.5).
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
}
