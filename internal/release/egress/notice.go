package egress

import (
	"net/http"
	"slices"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/outcome"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/stage"
)

// codePart2 marks records of a substance use disorder program (v3-ActCode, 42 CFR Part 2).
const codePart2 = "42CFRPart2"

// shortNotice and fullNotice are the two statements of 42 CFR 2.32(a), in the wording of the 2024 rule (89 FR 12472). The law fixes the words.
const (
	shortNotice = "42 CFR part 2 prohibits unauthorized use or disclosure of these records."
	fullNotice  = "This record which has been disclosed to you is protected by Federal confidentiality rules (42 CFR part 2). These rules prohibit you " +
		"from using or disclosing this record, or testimony that describes the information contained in this record, in any civil, criminal, " +
		"administrative, or legislative proceedings by any Federal, State, or local authority, against the patient, unless authorized by the " +
		"consent of the patient, except as provided at 42 CFR 2.12(c)(5) or as authorized by a court in accordance with 42 CFR 2.64 or 2.65. In " +
		"addition, the Federal rules prohibit you from making any other use or disclosure of this record unless at least one of the following " +
		"applies: (i) Further use or disclosure is expressly permitted by the written consent of the individual whose information is being " +
		"disclosed in this record or as otherwise permitted by 42 CFR part 2. (ii) You are a covered entity or business associate and have " +
		"received the record for treatment, payment, or health care operations, or (iii) You have received the record from a covered entity or " +
		"business associate as permitted by 45 CFR part 164, subparts A and E. A general authorization for the release of medical or other " +
		"information is NOT sufficient to meet the required elements of written consent to further use or redisclose the record (see 42 CFR 2.31)."
)

// notice is what must go with an answer that holds Part 2 records (rule 23): the notice of 42 CFR 2.32(a), and the explanation of each consent's
// scope (2.32(b)). Nil where there are none.
type notice struct {
	scopes []scope
	inside bool // the body says it all
}

// noticeFor looks for Part 2 records in an answer. ok is false if one of them was permitted by a Consent of which nobody says what it permits:
// such an answer does not leave.
func (e *Egress) noticeFor(entries []Entry, inside bool) (n *notice, ok bool) {
	var seen []*consent.Terms
	for i := range entries {
		x := &entries[i]
		if !isPart2(x.Released.Labels()) {
			continue
		}
		if n == nil {
			n = &notice{inside: inside}
		}
		if len(x.Terms) == 0 && x.Released.Grant().Consent != (fhir.Reference{}) {
			return nil, false
		}
		for _, t := range x.Terms {
			if !slices.Contains(seen, t) {
				seen = append(seen, t)
				n.scopes = append(n.scopes, e.scopeOf(t))
			}
		}
	}
	return n, true
}

// HoldPart2 tells whether a record of a substance use disorder program is among the released (42 CFR Part 2).
func HoldPart2(released []stage.Released) bool {
	return slices.ContainsFunc(released, func(r stage.Released) bool { return isPart2(r.Labels()) })
}

func isPart2(labels []fhir.Coding) bool {
	for i := range labels {
		if labels[i].Code == codePart2 {
			return true
		}
	}
	return false
}

// header puts the notice where a read can carry it: beside the resource, which is all that FHIR lets the body of a read be. Clients pass over
// headers that they do not know. Link is that of RFC 8288: it leads to the extract of the Consent, for those who can read it.
func (n *notice) header(h http.Header) {
	if n == nil {
		return
	}
	h.Set("Redisclosure-Notice", shortNotice)
	if n.inside {
		return
	}
	for _, s := range n.scopes {
		h.Add("Consent-Scope", s.header)
		if s.url != "" {
			h.Add("Link", "<"+s.url+`>; rel="describedby"`)
		}
	}
}

// append writes the notice as issues of an OperationOutcome, each followed by a comma.
func (n *notice) append(b []byte) []byte {
	if n == nil {
		return b
	}
	b = append(outcome.AppendIssue(b, "information", "business-rule", fullNotice, ""), ',')
	for _, s := range n.scopes {
		b = append(b, `{"severity":"information","code":"informational","details":{"text":`...)
		b = append(appendString(b, s.text), '}')
		if s.url != "" {
			b = append(b, `,"diagnostics":`...)
			b = appendString(b, s.url)
		}
		b = append(b, `},`...)
	}
	return b
}

// appendOutcomes writes the entry of mode outcome, if there is anything to say, followed by a comma.
func appendOutcomes(b []byte, ignored []string, n *notice) []byte {
	if len(ignored) == 0 && n == nil {
		return b
	}
	b = append(b, `{"resource":{"resourceType":"OperationOutcome","issue":[`...)
	b = n.append(b)
	for _, name := range ignored {
		b = append(b, `{"severity":"warning","code":"not-supported","details":{"text":"A search parameter was ignored."},"diagnostics":`...)
		b = append(appendString(b, "Parameter: "+name), `},`...)
	}
	b[len(b)-1] = ']'
	b = append(b, '}')
	return append(append(b, entryOutcome...), ',')
}
