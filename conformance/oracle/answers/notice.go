package answers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/consentry/gateway/conformance/oracle"
)

// The two statements of 42 CFR 2.32(a). The law fixes the words.
const (
	shortNotice = "42 CFR part 2 prohibits unauthorized use or disclosure of these records."
	fullNotice  = `This record which has been disclosed to you is protected by Federal confidentiality rules (42 CFR part 2). These rules prohibit you from using or disclosing this record, or testimony that describes the information contained in this record, in any civil, criminal, administrative, or legislative proceedings by any Federal, State, or local authority, against the patient, unless authorized by the consent of the patient, except as provided at 42 CFR 2.12(c)(5) or as authorized by a court in accordance with 42 CFR 2.64 or 2.65. In addition, the Federal rules prohibit you from making any other use or disclosure of this record unless at least one of the following applies: (i) Further use or disclosure is expressly permitted by the written consent of the individual whose information is being disclosed in this record or as otherwise permitted by 42 CFR part 2. (ii) You are a covered entity or business associate and have received the record for treatment, payment, or health care operations, or (iii) You have received the record from a covered entity or business associate as permitted by 45 CFR part 164, subparts A and E. A general authorization for the release of medical or other information is NOT sufficient to meet the required elements of written consent to further use or redisclose the record (see 42 CFR 2.31).`
)

// notice is what goes with Part 2 records (rule 23): the explanation of each consent by which one of them is given. Nil where there is none of them.
type notice struct{ scopes []*terms }

// noticeFor looks for Part 2 records in an answer.
func (a *Asker) noticeFor(records []Object, p permission) *notice {
	var n *notice
	for _, r := range records {
		if !slices.Contains(at(r, "meta.security.code"), any(part2)) {
			continue
		}
		if n == nil {
			n = &notice{}
		}
		for _, t := range a.termsOf(refOf(r), p) {
			if !slices.Contains(n.scopes, t) {
				n.scopes = append(n.scopes, t)
			}
		}
	}
	return n
}

// termsOf are those of the Consents by which a record is shown.
func (a *Asker) termsOf(ref string, p permission) (out []*terms) {
	for _, client := range a.clients(a.Who, p) {
		v := a.View(a.Who, client, p)
		for _, consent := range v.under[ref] {
			out = append(out, v.terms[consent])
		}
	}
	return out
}

// inside are the issues that stand in a Bundle.
func (n *notice) inside(base string) (out []string) {
	if n == nil {
		return nil
	}
	out = append(out, issue("business-rule", fullNotice, ""))
	for _, t := range n.scopes {
		link := ""
		if t.shown {
			link = base + "/" + t.consent
		}
		out = append(out, issue("informational", t.explained(true), link))
	}
	return out
}

func issue(code, words, diagnostics string) string {
	return fmt.Sprintf("information %s: %s (%s)", code, words, diagnostics)
}

// beside are the headers of a read. What does not fit into a header is shortened.
func (n *notice) beside(base string, h Headers) {
	if n == nil {
		return
	}
	h["Redisclosure-Notice"] = []string{shortNotice}
	for _, t := range n.scopes {
		words := t.explained(true)
		if len(words) > 1500 {
			words = t.explained(false)
		}
		h["Consent-Scope"] = append(h["Consent-Scope"], words)
		if t.shown {
			h["Link"] = append(h["Link"], "<"+base+"/"+t.consent+`>; rel="describedby"`)
		}
	}
}

// reasons are HL7's names of purposes.
var reasons = map[string]string{"TREAT": "treatment", "HPAYMT": "healthcare payment", "HOPERAT": "healthcare operations"}

// explained is what a consent permits, in words: in full, or three permits with the number of their kinds.
func (t *terms) explained(full bool) string {
	said := []string{"Scope of the consent of " + t.client + " to this disclosure (42 CFR 2.32(b)), as far as it concerns the recipient and within the further limits that it may set.",
		"Recipient: " + t.recipient + "."}
	for i, p := range t.Permits {
		if !full && i == 3 {
			said = append(said, fmt.Sprintf("And %d more.", len(t.Permits)-3))
			break
		}
		said = append(said, "Permitted for "+purposesOf(p)+": "+kindsOf(p, full)+t.times[i]+".")
	}
	return strings.Join(said, " ")
}

func purposesOf(p oracle.Permit) string {
	var out []string
	for _, c := range p.Purposes {
		if name := reasons[c.Code]; name != "" {
			out = append(out, name+" ("+c.Code+")")
		} else {
			out = append(out, c.Code)
		}
	}
	return strings.Join(out, ", ")
}

func kindsOf(p oracle.Permit, full bool) string {
	n := len(p.Classes) + len(p.Codes)
	if n == 0 {
		return "records of any kind"
	}
	if !full {
		return fmt.Sprintf("records of %d named kinds", n)
	}
	words := "records"
	var classes, codes []string
	for _, c := range p.Classes {
		classes = append(classes, c.Code)
	}
	for _, c := range p.Codes {
		codes = append(codes, c.System+"|"+c.Code)
	}
	if len(classes) > 0 {
		words += " of type " + strings.Join(classes, ", ")
	}
	if len(codes) > 0 {
		words += " with code " + strings.Join(codes, ", ")
	}
	return words
}
