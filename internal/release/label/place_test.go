package label_test

import (
	"testing"
	"time"

	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	rpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/bundle_and_contained_resource_go_proto"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/release/facts"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/profiles"
)

var mapped = []string{"Patient", "Practitioner", "Organization", "Encounter", "Condition", "MedicationRequest", "Observation", "Procedure",
	"CarePlan", "Goal", "DocumentReference", "Consent", "Provenance", "RelatedPerson", "DiagnosticReport", "ServiceRequest"}

// Filters elsewhere missed sensitive codes because they looked in one element only. So: a code of opioid use disorder, in any
// CodeableConcept or Coding of any mapped type, however deep, labels the record.
func TestASensitiveCodeCountsWhereverItStands(t *testing.T) {
	types, err := facts.LoadTypes(profiles.FS)
	if err != nil {
		t.Fatal(err)
	}
	r := rules(t)
	total := 0
	for _, name := range mapped {
		places(resourceNamed(t, name), func(path string, m protoreflect.Message) {
			total++
			f, err := facts.Extract(m.Interface(), facts.Options{Zone: time.UTC, Types: types, Origin: stage.Origin{Listed: true}})
			if err != nil {
				t.Fatalf("%s.%s: %v", name, path, err)
			}
			// The body does not matter here, the facts do.
			c, err := stage.New([]byte(`{"meta":{"profile":[]}}`), 20, f)
			if err != nil {
				t.Fatal(err)
			}
			l := r.Apply([]stage.Candidate{c})[0]
			var sud, restricted bool
			for _, x := range l.Labels() {
				sud = sud || x.Code == "OPIOIDUD"
				restricted = restricted || x.Code == "R"
			}
			// A label given by the source itself is kept, not read as a diagnosis.
			if asLabel := path == "meta.security" || name == "DocumentReference" && path == "securityLabel"; asLabel {
				if sud || len(l.Labels()) == 0 {
					t.Errorf("%s.%s: %v", name, path, l.Labels())
				}
				return
			}
			if !sud {
				t.Errorf("%s.%s: not labeled: %v", name, path, l.Labels())
			}
			_ = restricted // a record may be unclassified for other reasons, which withholds it too
		})
	}
	if total < 300 {
		t.Errorf("only %d places were tried", total)
	}
}

func resourceNamed(t *testing.T, name string) protoreflect.Message {
	t.Helper()
	fields := (&rpb.ContainedResource{}).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if string(fields.Get(i).Message().Name()) == name {
			return (&rpb.ContainedResource{}).ProtoReflect().NewField(fields.Get(i)).Message()
		}
	}
	t.Fatalf("no resource type %s", name)
	return nil
}

// places calls each with a copy of root for every CodeableConcept and Coding below it, with the code set there and nowhere else.
func places(root protoreflect.Message, each func(path string, m protoreflect.Message)) {
	code := &dtpb.Coding{System: &dtpb.Uri{Value: "http://hl7.org/fhir/sid/icd-10-cm"}, Code: &dtpb.Code{Value: "F11.20"}}
	var visit func(d protoreflect.MessageDescriptor, path string, seen map[protoreflect.FullName]bool, set func(protoreflect.Message) protoreflect.Message)
	visit = func(d protoreflect.MessageDescriptor, path string, seen map[protoreflect.FullName]bool, set func(protoreflect.Message) protoreflect.Message) {
		for _, e := range fhirjson.ShapeOf(d).Elements {
			if e.Kind != fhirjson.Complex && e.Kind != fhirjson.Reference {
				continue
			}
			below := path + e.Name
			reach := func(m protoreflect.Message) protoreflect.Message { return into(set(m), e) }
			switch e.Type {
			case "CodeableConcept":
				m := root.New()
				proto.Merge(reach(m).Interface(), &dtpb.CodeableConcept{Coding: []*dtpb.Coding{code}})
				each(below, m)
			case "Coding":
				m := root.New()
				proto.Merge(reach(m).Interface(), code)
				each(below, m)
			case "Narrative":
			default:
				inner := e.Value()
				v := e.Field.Message()
				if e.Option != nil {
					v = e.Option.Message()
				}
				if inner == nil || seen[v.FullName()] {
					continue
				}
				next := map[protoreflect.FullName]bool{v.FullName(): true}
				for k := range seen {
					next[k] = true
				}
				visit(v, below+".", next, reach)
			}
		}
	}
	visit(root.Descriptor(), "", map[protoreflect.FullName]bool{}, func(m protoreflect.Message) protoreflect.Message { return m })
}

// into makes the element e of m and gives it.
func into(m protoreflect.Message, e *fhirjson.Element) protoreflect.Message {
	if e.Repeated {
		return m.Mutable(e.Field).List().AppendMutable().Message()
	}
	v := m.Mutable(e.Field).Message()
	if e.Option != nil {
		v = v.Mutable(e.Option).Message()
	}
	return v
}
