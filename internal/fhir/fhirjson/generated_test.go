package fhirjson_test

import (
	"bytes"
	"sync"
	"testing"

	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	rpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/bundle_and_contained_resource_go_proto"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
	"pgregory.net/rapid"

	"github.com/consentry/gateway/internal/fhir/fhirjson"
)

// resourceFields are the resource types, as fields of a ContainedResource.
func resourceFields() protoreflect.FieldDescriptors {
	return (*rpb.ContainedResource)(nil).ProtoReflect().Descriptor().Fields()
}

func newResource(f protoreflect.FieldDescriptor) protoreflect.Message {
	return (&rpb.ContainedResource{}).ProtoReflect().NewField(f).Message()
}

// Every element of every resource type, one at a time.
func TestEveryElementOfEveryTypeIsWrittenAsJsonformatWritesIt(t *testing.T) {
	o := oracle(t)
	n := 0
	for i := range resourceFields().Len() {
		f := resourceFields().Get(i)
		for _, e := range fhirjson.ShapeOf(f.Message()).Elements {
			m := newResource(f)
			put(m, e, func(v protoreflect.Message, d int) { sample(v, d) }, 2)
			same(t, o, m.Interface())
			n++
		}
	}
	if n < 3000 {
		t.Errorf("only %d elements", n)
	}
}

// put gives the element e of m one value, made by fill.
func put(m protoreflect.Message, e *fhirjson.Element, fill func(protoreflect.Message, int), depth int) {
	var v protoreflect.Message
	if e.Repeated {
		v = m.Mutable(e.Field).List().AppendMutable().Message()
	} else {
		v = m.Mutable(e.Field).Message()
		if e.Option != nil {
			v = v.Mutable(e.Option).Message()
		}
	}
	fill(v, depth-1)
}

// sample fills a message with one value per element, down to a depth.
func sample(m protoreflect.Message, depth int) {
	if simple(m, "x") {
		return
	}
	s := fhirjson.ShapeOf(m.Descriptor())
	if s.IsPrimary {
		code(m, 1)
		return
	}
	if depth < 0 {
		return
	}
	for _, e := range s.Elements {
		if depth == 0 && e.Kind != fhirjson.Primitive || e.Option != nil && m.Has(e.Field) || e.Kind == fhirjson.Contained {
			continue
		}
		put(m, e, sample, depth)
	}
}

// simple fills a primitive that is no code, and what is packed.
func simple(m protoreflect.Message, text string) bool {
	switch v := m.Interface().(type) {
	case *dtpb.String:
		v.Value = text
	case *dtpb.Code:
		v.Value = text
	case *dtpb.Uri:
		v.Value = text
	case *dtpb.Url:
		v.Value = text
	case *dtpb.Canonical:
		v.Value = text
	case *dtpb.Id:
		v.Value = text
	case *dtpb.Oid:
		v.Value = text
	case *dtpb.Uuid:
		v.Value = text
	case *dtpb.Markdown:
		v.Value = text
	case *dtpb.Xhtml:
		v.Value = text
	case *dtpb.Base64Binary:
		v.Value = []byte(text)
	case *dtpb.Decimal:
		v.Value = "1.50"
	case *dtpb.Boolean:
		v.Value = len(text)%2 == 1
	case *dtpb.Integer:
		v.Value = -int32(len(text))
	case *dtpb.PositiveInt:
		v.Value = uint32(len(text))
	case *dtpb.UnsignedInt:
		v.Value = uint32(len(text))
	case *dtpb.Date:
		v.ValueUs, v.Timezone, v.Precision = 1e15, "UTC", dtpb.Date_DAY
	case *dtpb.DateTime:
		v.ValueUs, v.Timezone, v.Precision = 1e15+123456, "-05:30", dtpb.DateTime_MICROSECOND
	case *dtpb.Instant:
		v.ValueUs, v.Timezone, v.Precision = 1e15+123000, "Z", dtpb.Instant_MILLISECOND
	case *dtpb.Time:
		v.ValueUs, v.Precision = 3600e6, dtpb.Time_SECOND
	case *rpb.ContainedResource:
		sample(v.ProtoReflect().Mutable(resourceFields().ByName("basic")).Message(), 1)
	case *anypb.Any:
		inner := &rpb.ContainedResource{}
		sample(inner.ProtoReflect().Mutable(resourceFields().ByName("basic")).Message(), 1)
		_ = v.MarshalFrom(inner)
	default:
		return false
	}
	return true
}

// code sets the n-th value of a code that is bound to a value set, or "c" where the set is open.
func code(m protoreflect.Message, n int) {
	v := m.Descriptor().Fields().ByName("value")
	switch {
	case v == nil:
	case v.Kind() == protoreflect.EnumKind:
		m.Set(v, protoreflect.ValueOfEnum(v.Enum().Values().Get(n%v.Enum().Values().Len()).Number()))
	case v.Kind() == protoreflect.StringKind:
		m.Set(v, protoreflect.ValueOfString("c"))
	}
}

// random fills a message by draws.
func random(t *rapid.T) func(m protoreflect.Message, depth int) {
	text := rapid.OneOf(rapid.SampledFrom([]string{"", `"\`, "a\u2028b\u2029", "\x00\x1f\b\f\n\r\t", "\xff\xfe", "<a>&amp;'é😀"}), rapid.String())
	few := rapid.IntRange(0, 9)
	var fill func(m protoreflect.Message, depth int)
	extras := func(m protoreflect.Message) {
		x := &dtpb.Extension{Url: &dtpb.Uri{Value: rapid.SampledFrom([]string{"u", "https://g.co/fhir/StructureDefinition/primitiveHasNoValue"}).Draw(t, "url")},
			Value: &dtpb.Extension_ValueX{Choice: &dtpb.Extension_ValueX_Boolean{Boolean: &dtpb.Boolean{Value: true}}}}
		if f := m.Descriptor().Fields().ByName("extension"); f != nil {
			m.Mutable(f).List().Append(protoreflect.ValueOfMessage(x.ProtoReflect()))
		}
		if f := m.Descriptor().Fields().ByName("id"); f != nil && rapid.Bool().Draw(t, "id") {
			m.Set(f, protoreflect.ValueOfMessage((&dtpb.String{Value: "i"}).ProtoReflect()))
		}
	}
	fill = func(m protoreflect.Message, depth int) {
		s := fhirjson.ShapeOf(m.Descriptor())
		if simple(m, text.Draw(t, "text")) || s.IsPrimary {
			if s.IsPrimary {
				code(m, rapid.IntRange(0, 50).Draw(t, "code"))
				if few.Draw(t, "extras") == 0 {
					extras(m)
				}
			}
			return
		}
		if ref, ok := m.Interface().(*dtpb.Reference); ok {
			ref.Reference = rapid.SampledFrom([]*dtpb.Reference{
				{}, {Reference: &dtpb.Reference_Uri{Uri: &dtpb.String{Value: "http://x"}}}, {Reference: &dtpb.Reference_Fragment{Fragment: &dtpb.String{Value: "f"}}},
				{Reference: &dtpb.Reference_PatientId{PatientId: &dtpb.ReferenceId{Value: "p", History: &dtpb.Id{Value: "2"}}}},
				{Reference: &dtpb.Reference_ResourceId{ResourceId: &dtpb.ReferenceId{Value: "r"}}},
			}).Draw(t, "reference").Reference
		}
		for _, e := range s.Elements {
			if depth <= 0 && e.Kind != fhirjson.Primitive || e.Option != nil && m.Has(e.Field) || few.Draw(t, "there") > 1 {
				continue
			}
			if _, ok := m.Interface().(*dtpb.Reference); ok && e.Name == "reference" {
				continue
			}
			if e.Kind == fhirjson.Contained && e.Name != "contained" {
				continue // Parameters.parameter.resource, which jsonformat neither reads nor writes
			}
			put(m, e, fill, depth)
			for e.Repeated && rapid.Bool().Draw(t, "again") {
				put(m, e, fill, depth)
			}
		}
	}
	return fill
}

func TestWhateverIsInAProtoIsWrittenAsJsonformatWritesIt(t *testing.T) {
	o := oracle(t)
	rapid.Check(t, func(t *rapid.T) {
		m := newResource(resourceFields().Get(rapid.IntRange(0, resourceFields().Len()-1).Draw(t, "type")))
		random(t)(m, 2)
		want, err := o.MarshalResource(m.Interface())
		got, ourErr := fhirjson.Append(nil, m.Interface(), fhirjson.Projection{})
		if (err != nil) != (ourErr != nil) {
			t.Fatalf("jsonformat's error: %v; ours: %v", err, ourErr)
		}
		if err == nil && !bytes.Equal(got, want) {
			t.Fatalf("\n got %s\nwant %s", got, want)
		}
	})
}

// A marshaler that changes its input writes something else the second time.
func TestWritingTwiceGivesTheSameAndChangesNothing(t *testing.T) {
	for i := range resourceFields().Len() {
		m := newResource(resourceFields().Get(i))
		sample(m, 2)
		before := proto.Clone(m.Interface())
		first, err := fhirjson.Append(nil, m.Interface(), fhirjson.Projection{})
		if err != nil {
			t.Fatal(err)
		}
		second, err := fhirjson.Append(nil, m.Interface(), fhirjson.Projection{})
		if err != nil || !bytes.Equal(first, second) {
			t.Fatalf("%s: the second time %v\n%s\n%s", m.Descriptor().Name(), err, first, second)
		}
		if !proto.Equal(before, m.Interface()) {
			t.Fatalf("%s was changed", m.Descriptor().Name())
		}
		// The version of google/fhir that we must not use fails here.
		o := oracle(t)
		a, errA := o.MarshalResource(m.Interface())
		b, errB := o.MarshalResource(m.Interface())
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Fatalf("%s: jsonformat changes what it writes", m.Descriptor().Name())
		}
	}
}

func TestWritingInParallel(t *testing.T) {
	m := newResource(resourceFields().ByName("document_reference"))
	sample(m, 2)
	want, err := fhirjson.Append(nil, m.Interface(), fhirjson.Projection{})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if got, err := fhirjson.Append(nil, m.Interface(), fhirjson.Projection{}); err != nil || !bytes.Equal(got, want) {
					t.Error("differs", err)
				}
			}
		})
	}
	wg.Wait()
}
