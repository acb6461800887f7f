package policy

import (
	"slices"
	"strings"

	"github.com/consentry/gateway/internal/fhir"
)

// Mask is a set of sensitivities.
type Mask uint64

// maxSensitivities is how many sensitivity codes a Mask can tell apart.
const maxSensitivities = 64

// Labels is how security labels are read (profiles/labels/sensitivity.yaml, rules 1, 2, 5 and 16).
type Labels struct {
	// Default is the highest confidentiality that a permit without a stated one covers.
	Default int
	// ToBeNamed are the sensitivities that a permit covers only if it names them.
	ToBeNamed Mask
	// Part2 are SUD and what lies below: what a permit for 42CFRPart2 covers on a record marked so.
	Part2 Mask
	// SelfPay says from whom and for which purposes a record marked as paid for by the client is withheld.
	SelfPay SelfPay

	confidentiality       map[fhir.Coding]int // level, from 1
	confidentialitySystem string
	sensitivity           map[fhir.Coding]sensitivity
	never                 []string
	handling              map[string]bool // codes
	handlingSystems       map[string]bool
	part2                 string
	noDisclosure          string
	notToClient           string
	legal                 fhir.Coding
}

// SelfPay is the hard restriction of 164.522(a)(1)(vi).
type SelfPay struct {
	Kind     string
	Purposes []string
	code     string
}

type sensitivity struct{ own, below Mask }

// bare is the coding without its display: what two codings are compared by.
func bare(c fhir.Coding) fhir.Coding { return fhir.Coding{System: c.System, Code: c.Code} }

// Marks is what the labels of one record say.
type Marks struct {
	// Confidentiality is the highest level that the record carries, 0 for none.
	Confidentiality int
	Sensitivity     Mask
	// Unknown says that the record carries a code that no rule knows: it withholds.
	Unknown bool
	// Never says that the record is never released to anybody: psychotherapy notes, SUD counselling notes.
	Never            bool
	Part2            bool
	SelfPay          bool
	NoDisclosure     bool
	NotToClient      bool
	LegalProceedings bool
}

// Read says what the labels of a record say. Codes that only restrict are seen in whatever code system they stand.
func (l *Labels) Read(labels []fhir.Coding) Marks {
	var m Marks
	for _, c := range labels {
		l.read(c, &m)
	}
	return m
}

// Never tells whether one of the labels is of those that are never released, whatever its code system (rule 1).
func (l *Labels) Never(labels []fhir.Coding) bool {
	return slices.ContainsFunc(labels, func(c fhir.Coding) bool { return l.isNever(c.Code) })
}

func (l *Labels) read(c fhir.Coding, m *Marks) {
	key := bare(c)
	if level, ok := l.confidentiality[key]; ok {
		m.Confidentiality = max(m.Confidentiality, level)
		return
	}
	if s, ok := l.sensitivity[key]; ok {
		m.Sensitivity |= s.own
		return
	}
	switch c.Code {
	case l.part2:
		m.Part2 = true
	case l.SelfPay.code:
		m.SelfPay = true
	case l.noDisclosure:
		m.NoDisclosure = true
	case l.notToClient:
		m.NotToClient = true
	case l.legal.Code:
		m.LegalProceedings = true
	}
	switch {
	case l.isNever(c.Code):
		m.Never = true
	case key != l.legal && !l.isHandling(c):
		m.Unknown = true
	}
}

func (l *Labels) isHandling(c fhir.Coding) bool {
	return l.handlingSystems[c.System] && l.handling[c.Code]
}

func (l *Labels) isNever(code string) bool {
	code = strings.TrimSpace(code)
	return slices.ContainsFunc(l.never, func(n string) bool { return strings.EqualFold(n, code) })
}

// alwaysNever are never released, whatever the data file says: no setting turns this off.
var alwaysNever = []string{"PSYTHPN", "HIPAAPsyNotes", fhir.CodeSUDCounselingNote}

func newLabels(l *loader, f sensitivityFile) *Labels {
	out := &Labels{
		confidentiality: map[fhir.Coding]int{}, confidentialitySystem: f.Confidentiality.System, sensitivity: map[fhir.Coding]sensitivity{},
		never: append(slices.Clone(alwaysNever), f.NeverReleased...), handling: set(f.Handling),
		handlingSystems: map[string]bool{fhir.SystemActCode: true, fhir.SystemObservation: true, fhir.SystemSensitivity: true},
		part2:           f.Part2, noDisclosure: f.NoDisclosure, notToClient: f.NotToClient,
		legal:   fhir.Coding{System: f.LegalProceedings.System, Code: f.LegalProceedings.Code},
		SelfPay: SelfPay{Kind: f.SelfPay.WithheldFrom, Purposes: f.SelfPay.Purposes, code: f.SelfPay.Code},
	}
	for i, code := range f.Confidentiality.Order {
		out.confidentiality[fhir.Coding{System: f.Confidentiality.System, Code: code}] = i + 1
	}
	out.Default = out.confidentiality[fhir.Coding{System: f.Confidentiality.System, Code: f.Confidentiality.PermitDefault}]
	l.need(fileSensitivity, "confidentiality", f.Confidentiality.System != "" && len(f.Confidentiality.Order) > 0 && out.Default > 0)
	l.need(fileSensitivity, "part2, no-disclosure and not-to-client", f.Part2 != "" && f.NoDisclosure != "" && f.NotToClient != "")
	l.need(fileSensitivity, "self-pay", f.SelfPay.Code != "" && f.SelfPay.WithheldFrom != "" && len(f.SelfPay.Purposes) > 0)
	l.need(fileSensitivity, "legal-proceedings", f.LegalProceedings.System != "" && f.LegalProceedings.Code != "")
	l.need(fileSensitivity, "never-released", len(f.NeverReleased) > 0)
	l.need(fileSensitivity, "handling", len(f.Handling) > 0)
	out.grow(l, f)
	return out
}

// grow makes the tree of sensitivities.
func (l *Labels) grow(ld *loader, f sensitivityFile) {
	system, tree := f.Sensitivity.System, f.Sensitivity.Tree
	codes := make([]string, 0, maxSensitivities)
	for code, children := range tree {
		codes = append(append(codes, code), children...)
	}
	slices.Sort(codes)
	codes = slices.Compact(codes)
	ld.need(fileSensitivity, "sensitivity", system != "" && len(codes) > 0)
	ld.need(fileSensitivity, "sensitivity.tree with at most 64 codes", len(codes) <= maxSensitivities)
	own := map[string]Mask{}
	for i, code := range codes {
		own[code] = 1 << i
	}
	var below func(code string, depth int) Mask
	below = func(code string, depth int) Mask {
		m := own[code]
		ld.need(fileSensitivity, "sensitivity.tree without a ring at "+code, depth <= len(codes))
		for _, c := range tree[code] {
			if depth <= len(codes) {
				m |= below(c, depth+1)
			}
		}
		return m
	}
	for _, code := range codes {
		ld.need(fileSensitivity, "sensitivity.tree without what is never released: "+code, !l.isNever(code))
		l.sensitivity[fhir.Coding{System: system, Code: code}] = sensitivity{own: own[code], below: below(code, 0)}
	}
	ld.need(fileSensitivity, "sensitivity.to-be-named", len(f.Sensitivity.ToBeNamed) > 0)
	for _, code := range f.Sensitivity.ToBeNamed {
		ld.need(fileSensitivity, "sensitivity.to-be-named: "+code, own[code] != 0)
		l.ToBeNamed |= l.sensitivity[fhir.Coding{System: system, Code: code}].below
	}
	for _, code := range f.Sensitivity.Ordinary {
		ld.need(fileSensitivity, "sensitivity.ordinary: "+code, own[code] != 0 && own[code]&l.ToBeNamed == 0)
	}
	l.Part2 = l.sensitivity[fhir.Coding{System: fhir.SystemActCode, Code: "SUD"}].below
	ld.need(fileSensitivity, "sensitivity: SUD", l.Part2 != 0)
}
