// Package label gives every record of a chart its final security labels (in standard terms: the security labeling service, SLS): what the
// source says of it, what its codes, programme and kind mean by the rules in profiles/labels, and what it takes from the records that it
// is written about.
//
// Labels only ever add up. PSYTHPN and the label of SUD counselling notes stick like all others; nothing here or later takes one away. A
// record that gets no confidentiality is unclassified and reaches nobody.
//
// It must not import requester or practice: a label does not depend on who asks.
package label

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/internal/sealed"
	"github.com/consentry/gateway/internal/release/stage"
)

// Apply labels one client's chart. The result has the order of the chart. The labels of one record depend on the others (see the rules),
// so a chart is labeled whole.
func (r *Rules) Apply(chart []stage.Candidate) []stage.Labeled {
	b := newBoard(r, chart)
	b.own()
	b.programmes()
	b.spread()
	b.defaults()
	out := make([]stage.Labeled, len(chart))
	for i, c := range chart {
		labels := b.final(i)
		out[i] = sealed.Label(c, labels, r.security(labels))
	}
	return out
}

// AsTheyStand takes the labels that the source gives for final and applies no rule: `gateway explain` is given a chart labeled already.
// It is for deciding only: the body stays without labels, and so cannot leave.
func AsTheyStand(chart []stage.Candidate) []stage.Labeled {
	out := make([]stage.Labeled, len(chart))
	for i, c := range chart {
		if f := c.Facts(); f != nil {
			out[i] = sealed.Label(c, sorted(f.SourceLabels), nil)
		}
	}
	return out
}

// security encodes meta.security as it is spliced into a body, without the codes that are for deciding only.
func (r *Rules) security(labels []fhir.Coding) []byte {
	var b bytes.Buffer
	for _, l := range labels {
		if r.internal[l.Code] {
			continue
		}
		if b.Len() == 0 {
			b.WriteString(`,"security":[`)
		} else {
			b.WriteByte(',')
		}
		b.WriteString(`{"code":`)
		b.Write(quote(l.Code))
		if l.System != "" {
			b.WriteString(`,"system":`)
			b.Write(quote(l.System))
		}
		b.WriteByte('}')
	}
	if b.Len() == 0 {
		return nil
	}
	b.WriteByte(']')
	return b.Bytes()
}

// sorted gives labels by system and code, each once, without displays.
func sorted(labels []fhir.Coding) []fhir.Coding {
	out := make([]fhir.Coding, 0, len(labels))
	for _, l := range labels {
		out = append(out, fhir.Coding{System: l.System, Code: l.Code})
	}
	slices.SortFunc(out, func(a, b fhir.Coding) int {
		return cmp.Or(cmp.Compare(a.System, b.System), cmp.Compare(a.Code, b.Code))
	})
	return slices.Compact(out)
}
