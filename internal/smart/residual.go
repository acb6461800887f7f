package smart

import (
	"encoding/json"
	"slices"

	"github.com/consentry/gateway/internal/fhir"
)

// ResidualRule is one rule of the residual of IHE PCF 1.1: what the token forbids, or permits again, of what is released otherwise. A rule that
// names neither labels, period nor data concerns everything.
type ResidualRule struct {
	Permit  bool             // otherwise it forbids
	Labels  []fhir.Coding    // securityLabel
	Periods []ResidualPeriod // dataPeriod, of which there may be several
	Data    []ResidualData
	// Unread says that the rule is not one of the standard's form. Then a permit permits nothing, and any other rule forbids everything.
	Unread bool
}

// ResidualPeriod is a Period of FHIR, as it is written.
type ResidualPeriod struct{ Start, End string }

// ResidualData is what a rule says of a resource: it itself, or what relates to it.
type ResidualData struct {
	Meaning   string         // v3 ConsentDataMeaning: instance, related, dependents, authoredby
	Reference fhir.Reference // zero for what is none of ours
}

// residual reads the rules, in their order.
func (c claims) residual(paths []Path, base string) (rules []ResidualRule, err error) {
	for _, p := range paths {
		v, ok, err := c.at(p)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		more, ok := ParseResidual(v, base)
		if !ok {
			return nil, refused(p.String())
		}
		rules = append(rules, more...)
	}
	return rules, nil
}

// ParseResidual reads a list of rules, in their order. References are relative or below base, the FHIR service's own URL ("" for none). ok is false
// if it is no list.
func ParseResidual(text []byte, base string) (rules []ResidualRule, ok bool) {
	var list []json.RawMessage
	if json.Unmarshal(text, &list) != nil {
		return nil, false
	}
	for _, one := range list {
		rules = append(rules, parseResidual(one, base))
	}
	return rules, true
}

func parseResidual(raw json.RawMessage, base string) (r ResidualRule) {
	c, ok := members(raw, "type", "securityLabel", "dataPeriod", "data")
	kind, err := c.text("type")
	r.Permit = kind == "permit"
	r.Unread = !ok || err != nil || kind != "permit" && kind != "forbid"
	for _, one := range r.list(c, "securityLabel") {
		r.label(one)
	}
	for _, one := range r.list(c, "dataPeriod") {
		r.period(one)
	}
	for _, one := range r.list(c, "data") {
		r.datum(one, base)
	}
	return r
}

// members reads an object that may have no others than these. One that is null is not as good as absent: who writes it meant something.
func members(raw json.RawMessage, known ...string) (c claims, ok bool) {
	if json.Unmarshal(raw, &c) != nil || c == nil {
		return nil, false
	}
	for name, v := range c {
		if string(v) == "null" || !slices.Contains(known, name) {
			return c, false
		}
	}
	return c, true
}

// list reads what stands once or several times. Where it is there it must not be empty.
func (r *ResidualRule) list(c claims, name string) (list []json.RawMessage) {
	v, there := c[name]
	if !there {
		return nil
	}
	if json.Unmarshal(v, &list) != nil {
		list = []json.RawMessage{v}
	}
	r.Unread = r.Unread || len(list) == 0
	return list
}

func (r *ResidualRule) label(raw json.RawMessage) {
	c, ok := members(raw, "id", "system", "version", "code", "display", "userSelected")
	system, err := c.text("system")
	code, bad := c.text("code")
	if !ok || err != nil || bad != nil || code == "" {
		r.Unread = true
		return
	}
	r.Labels = append(r.Labels, fhir.Coding{System: system, Code: code})
}

func (r *ResidualRule) period(raw json.RawMessage) {
	c, ok := members(raw, "id", "start", "end")
	start, err := c.text("start")
	end, bad := c.text("end")
	if !ok || err != nil || bad != nil || start == "" && end == "" {
		r.Unread = true
		return
	}
	r.Periods = append(r.Periods, ResidualPeriod{Start: start, End: end})
}

func (r *ResidualRule) datum(raw json.RawMessage, base string) {
	c, ok := members(raw, "id", "meaning", "reference")
	meaning, err := c.text("meaning")
	reference, typ, stated := referenceIn(c["reference"])
	if !ok || err != nil || meaning == "" || !stated {
		r.Unread = true
		return
	}
	ref, ours := fhir.ParseURL(base, reference)
	if !ours || typ != "" && typ != ref.Type {
		ref = fhir.Reference{}
	}
	r.Data = append(r.Data, ResidualData{Meaning: meaning, Reference: ref})
}

// referenceIn reads a reference as a text, or as a Reference of FHIR, which may say the type beside it. One by identifier alone is empty.
func referenceIn(raw json.RawMessage) (reference, typ string, ok bool) {
	if json.Unmarshal(raw, &reference) == nil {
		return reference, "", reference != ""
	}
	c, ok := members(raw, "id", "reference", "type", "identifier", "display")
	reference, err := c.text("reference")
	typ, bad := c.text("type")
	return reference, typ, ok && err == nil && bad == nil
}
