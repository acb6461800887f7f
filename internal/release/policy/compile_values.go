package policy

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	cpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/codes_go_proto"
	dpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	rpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/bundle_and_contained_resource_go_proto"
	pb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/consent_go_proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/consentry/gateway/internal/fhir"
)

// noValue is the extension by which google/fhir marks a primitive that has extensions only.
const noValue = "https://g.co/fhir/StructureDefinition/primitiveHasNoValue"

// interval is what a dateTime covers; ok is false for one without a value.
func interval(dt *dpb.DateTime, zone *time.Location) (i fhir.Interval, ok bool) {
	for _, e := range dt.GetExtension() {
		if e.GetUrl().GetValue() == noValue {
			return fhir.Interval{}, false
		}
	}
	t := time.UnixMicro(dt.GetValueUs()).UTC()
	var layout string
	switch dt.GetPrecision() {
	case dpb.DateTime_YEAR:
		layout = "2006"
	case dpb.DateTime_MONTH:
		layout = "2006-01"
	case dpb.DateTime_DAY:
		layout = "2006-01-02"
	case dpb.DateTime_SECOND:
		return fhir.Interval{Start: t, End: t.Add(time.Second)}, true
	case dpb.DateTime_MILLISECOND, dpb.DateTime_MICROSECOND:
		return fhir.Interval{Start: t, End: t.Add(time.Millisecond)}, true
	default:
		return fhir.Interval{}, false
	}
	i, err := fhir.ParseDateTime(t.Format(layout), zone)
	return i, err == nil
}

// period reads a Period. One without a readable end, or that ends before it begins, cannot be read.
func (c *compiler) period(p *dpb.Period) Period {
	var out Period
	if p.GetStart() == nil && p.GetEnd() == nil {
		return Period{Unread: true}
	}
	if p.GetStart() != nil {
		i, ok := interval(p.GetStart(), c.zone)
		out.Start, out.Unread = i.Start, !ok
	}
	if p.GetEnd() != nil {
		i, ok := interval(p.GetEnd(), c.zone)
		out.End, out.Unread = i.End, out.Unread || !ok
	}
	if !out.Start.IsZero() && !out.End.IsZero() && !out.Start.Before(out.End) {
		out.Unread = true
	}
	return out
}

// party reads whom a reference names: a literal relative reference, a business identifier or both.
func party(r *dpb.Reference) Party {
	var p Party
	if id := r.GetIdentifier(); id.GetSystem().GetValue() != "" && id.GetValue().GetValue() != "" {
		p.Identifier = fhir.Identifier{System: id.GetSystem().GetValue(), Value: id.GetValue().GetValue()}
	}
	m := r.ProtoReflect()
	field := m.WhichOneof(m.Descriptor().Oneofs().ByName("reference"))
	if r == nil || field == nil || field.Message().Name() != "ReferenceId" {
		return p
	}
	id, _ := m.Get(field).Message().Interface().(*dpb.ReferenceId)
	ref := fhir.Reference{Type: typeName(field.Name()), ID: id.GetValue()}
	if fhir.IsID(ref.ID) && (r.GetType() == nil || r.GetType().GetValue() == ref.Type) {
		p.Reference = ref
	}
	return p
}

// typeName makes a resource type of google/fhir's name of a reference's field: care_plan_id is CarePlan.
func typeName(field protoreflect.Name) string {
	var b strings.Builder
	for word := range strings.SplitSeq(strings.TrimSuffix(string(field), "_id"), "_") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// actors reads the actors of a provision (rules 8 and 13).
func (c *compiler) actors(p *pb.Consent_Provision, path string) []Actor {
	var list []Actor
	for i, a := range p.GetActor() {
		actor := Actor{Party: party(a.GetReference()), Type: a.GetReference().GetType().GetValue()}
		actor.Type = cmp.Or(actor.Reference.Type, actor.Type)
		role := codings(a.GetRole())
		w := c.reading.words
		recipient, custodian := anyOf(w.recipient, role), anyOf(w.custodian, role)
		actor.Unread = len(a.GetModifierExtension()) > 0 || !resolvable(a.GetReference(), actor) || recipient == custodian
		actor.Custodian = custodian && !actor.Unread
		if actor.Unread {
			c.doubt(path + ".actor[" + strconv.Itoa(i) + "]")
		}
		list = append(list, actor)
	}
	return list
}

// resolvable tells whether the actor is somebody whom we can tell from others: an organisation or a person, by a local reference, or by an
// identifier and no reference. A Group, a CareTeam, a Device or a PractitionerRole stands for others.
func resolvable(r *dpb.Reference, a Actor) bool {
	m := r.ProtoReflect()
	literal := r != nil && m.WhichOneof(m.Descriptor().Oneofs().ByName("reference")) != nil
	switch a.Type {
	case "Organization", "Practitioner", "Patient", "RelatedPerson", "":
		return a.Reference != fhir.Reference{} || !literal && a.Identifier != fhir.Identifier{}
	}
	return false
}

func (c *compiler) actions(list []*dpb.CodeableConcept) Actions {
	var out Actions
	for _, concept := range list {
		cs := codings(concept)
		switch {
		case anyOf(c.reading.words.does, cs):
			out.Ours = true
		case !slices.ContainsFunc(cs, isOtherAction):
			out.Unread = true
		}
	}
	return out
}

// isOtherAction tells whether the coding is an action of FHIR's that the gateway does not do.
func isOtherAction(c fhir.Coding) bool {
	return c.System == fhir.SystemConsentAction && slices.Contains([]string{"collect", "access", "use", "disclose", "correct"}, c.Code)
}

// Listed reads the security labels that a provision, or a rule of a token, lists.
func (l *Labels) Listed(list []fhir.Coding) *LabelSet {
	s := &LabelSet{}
	for _, c := range list {
		key := bare(c)
		level, isLevel := l.confidentiality[key]
		sens, isSensitivity := l.sensitivity[key]
		switch {
		case isLevel:
			s.Limited, s.Highest = true, max(s.Highest, level)
			if s.Lowest == 0 || level < s.Lowest {
				s.Lowest = level
			}
		case isSensitivity:
			s.Named |= sens.below
			s.Sensitive = true
		case c.Code == l.part2 && c.System == fhir.SystemActCode:
			s.Part2 = true
		case l.isNever(c.Code):
			s.Handling = append(s.Handling, key)
			s.Sensitive = true
		case key == l.legal, l.isHandling(c):
			s.Handling = append(s.Handling, key)
		case c.System == l.confidentialitySystem:
			s.Limited, s.Unread = true, true
		default:
			s.Sensitive, s.Unread = true, true
		}
	}
	return s
}

// formatSystems are the code systems of document formats.
var formatSystems = map[string]bool{
	fhir.SystemMIME: true,
	"http://ihe.net/fhir/ValueSet/IHE.FormatCode.codesystem":          true,
	"http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode":   true,
	"http://terminology.hl7.org/CodeSystem/v3-HL7DocumentFormatCodes": true,
}

func classes(list []*dpb.Coding) []Class {
	var out []Class
	for _, c := range codingList(list) {
		class := Class{Name: c.Code}
		switch {
		case c.Code == "":
		case c.System == fhir.SystemResourceTypes && IsResourceType(c.Code):
			class.Kind = ClassType
		case c.System == fhir.SystemURI:
			class.Kind = ClassProfile
		case formatSystems[c.System]:
			class.Kind = ClassFormat
		}
		out = append(out, class)
	}
	return out
}

// IsResourceType tells whether R4 knows the resource type.
func IsResourceType(name string) bool {
	fields := (&rpb.ContainedResource{}).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if m := fields.Get(i).Message(); m != nil && string(m.Name()) == name {
			return true
		}
	}
	return false
}

// codes reads the codes of a provision: those of one concept and those of several are alternatives.
func (c *compiler) codes(list []*dpb.CodeableConcept) []Code {
	var out []Code
	for _, concept := range list {
		cs := codings(concept)
		if len(cs) == 0 {
			out = append(out, Code{Foreign: true})
		}
		for _, code := range cs {
			if code.System == "" || code.Code == "" {
				out = append(out, Code{Foreign: true})
				continue
			}
			out = append(out, c.reading.systems.code(code))
		}
	}
	return out
}

func (c *compiler) data(list []*pb.Consent_Provision_ProvisionData, path string) []Datum {
	var out []Datum
	for i, d := range list {
		datum := Datum{Reference: party(d.GetReference()).Reference}
		switch d.GetMeaning().GetValue() {
		case cpb.ConsentDataMeaningCode_INSTANCE:
			datum.Meaning = Instance
		case cpb.ConsentDataMeaningCode_RELATED:
			datum.Meaning = Related
		case cpb.ConsentDataMeaningCode_DEPENDENTS:
			datum.Meaning = Dependents
		case cpb.ConsentDataMeaningCode_AUTHOREDBY:
			datum.Meaning = AuthoredBy
		}
		if datum.Meaning == MeaningUnknown || datum.Reference == (fhir.Reference{}) || len(d.GetModifierExtension()) > 0 {
			datum.Unread = true
			c.doubt(path + ".data[" + strconv.Itoa(i) + "]")
		}
		out = append(out, datum)
	}
	return out
}

func codings(c *dpb.CodeableConcept) []fhir.Coding { return codingList(c.GetCoding()) }

func codingList(list []*dpb.Coding) []fhir.Coding {
	out := make([]fhir.Coding, 0, len(list))
	for _, c := range list {
		out = append(out, fhir.Coding{System: c.GetSystem().GetValue(), Code: c.GetCode().GetValue()})
	}
	return out
}
