package fhirjson

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"

	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// google/fhir marks in extensions of its own what FHIR JSON says by leaving out; they are never written.
const (
	urlNoValue   = "https://g.co/fhir/StructureDefinition/primitiveHasNoValue"
	urlSeparator = "https://g.co/fhir/StructureDefinition/base64Binary-separatorStride"
)

var (
	errNumber    = errors.New("fhirjson: a decimal that is no number")
	errCode      = errors.New("fhirjson: a code outside its value set")
	errPrimitive = errors.New("fhirjson: an unknown primitive type")
	errStride    = errors.New("fhirjson: a base64 separator without a stride")
)

// idOf and extensionsOf give what a FHIR primitive has beside its value. An xhtml has an id only.
func idOf(m protoreflect.Message) *dtpb.String {
	if x, ok := m.Interface().(interface{ GetId() *dtpb.String }); ok {
		return x.GetId()
	}
	return nil
}

func extensionsOf(m protoreflect.Message) []*dtpb.Extension {
	if x, ok := m.Interface().(interface{ GetExtension() []*dtpb.Extension }); ok {
		return x.GetExtension()
	}
	return nil
}

// hasValue tells whether a primitive has a value of its own: one may be there for its extensions only.
func hasValue(m protoreflect.Message, s *Shape) bool {
	for _, e := range extensionsOf(m) {
		if e.GetUrl().GetValue() == urlNoValue {
			return false
		}
	}
	return s.enumField == nil || m.Get(s.enumField).Enum() != 0
}

// HasExtra tells whether a primitive has an id or extensions, which stand under the key with an underscore.
func HasExtra(m protoreflect.Message) bool {
	if idOf(m) != nil {
		return true
	}
	for _, e := range extensionsOf(m) {
		if !isInternal(e) {
			return true
		}
	}
	return false
}

func isInternal(e *dtpb.Extension) bool {
	url := e.GetUrl().GetValue()
	return e.GetUrl() != nil && (url == urlNoValue || url == urlSeparator)
}

func appendPrimitive(dst []byte, m protoreflect.Message, s *Shape) ([]byte, error) {
	switch v := m.Interface().(type) {
	case *dtpb.String:
		return AppendString(dst, v.Value), nil
	case *dtpb.Code:
		return AppendString(dst, v.Value), nil
	case *dtpb.Uri:
		return AppendString(dst, v.Value), nil
	case *dtpb.Id:
		return AppendString(dst, v.Value), nil
	case *dtpb.Canonical:
		return AppendString(dst, v.Value), nil
	case *dtpb.Url:
		return AppendString(dst, v.Value), nil
	case *dtpb.Markdown:
		return AppendString(dst, v.Value), nil
	case *dtpb.Xhtml:
		return AppendString(dst, v.Value), nil
	case *dtpb.Oid:
		return AppendString(dst, v.Value), nil
	case *dtpb.Uuid:
		return AppendString(dst, v.Value), nil
	case *dtpb.Base64Binary:
		return appendBase64(dst, v)
	case *dtpb.DateTime:
		return appendDateTime(dst, v)
	case *dtpb.Date:
		return appendDate(dst, v)
	case *dtpb.Instant:
		return appendInstant(dst, v)
	case *dtpb.Time:
		return appendTimeOfDay(dst, v)
	}
	return appendNumberOrCode(dst, m, s)
}

func appendNumberOrCode(dst []byte, m protoreflect.Message, s *Shape) ([]byte, error) {
	switch v := m.Interface().(type) {
	case *dtpb.Boolean:
		return strconv.AppendBool(dst, v.Value), nil
	case *dtpb.Integer:
		return strconv.AppendInt(dst, int64(v.Value), 10), nil
	case *dtpb.PositiveInt:
		return strconv.AppendUint(dst, uint64(v.Value), 10), nil
	case *dtpb.UnsignedInt:
		return strconv.AppendUint(dst, uint64(v.Value), 10), nil
	case *dtpb.Decimal:
		if !json.Valid([]byte(v.Value)) {
			return dst, errNumber
		}
		return append(dst, v.Value...), nil
	case *dtpb.ReferenceId:
		return AppendString(dst, v.Value), nil
	}
	code, err := s.code(m)
	if err != nil {
		return dst, err
	}
	return AppendString(dst, code), nil
}

// code is FHIR's code of a primitive that is bound to a value set.
func (s *Shape) code(m protoreflect.Message) (string, error) {
	switch {
	case s.stringField != nil:
		return m.Get(s.stringField).String(), nil
	case s.enumField != nil:
		code, ok := s.enum[m.Get(s.enumField).Enum()]
		if !ok {
			return "", errCode
		}
		return code, nil
	}
	return "", errPrimitive
}

// Text gives the value of a primitive as text: a code's code, "true" or "false", a date as FHIR writes it. It is empty for a primitive
// without a value and for binary data.
func Text(m protoreflect.Message) string {
	s := ShapeOf(m.Descriptor())
	if !hasValue(m, s) {
		return ""
	}
	switch v := m.Interface().(type) {
	case *dtpb.Base64Binary:
		return ""
	case *dtpb.Decimal:
		return v.Value
	case interface{ GetValue() string }:
		return v.GetValue()
	}
	b, err := appendPrimitive(nil, m, s)
	if err != nil {
		return ""
	}
	if len(b) >= 2 && b[0] == '"' {
		return string(b[1 : len(b)-1]) // codes and dates need no escapes
	}
	return string(b)
}

func appendBase64(dst []byte, b *dtpb.Base64Binary) ([]byte, error) {
	dst = append(dst, '"')
	sep, stride := "", 0
	for _, e := range b.Extension {
		if e.GetUrl().GetValue() == urlSeparator {
			for _, part := range e.Extension {
				switch part.GetUrl().GetValue() {
				case "separator":
					sep = part.GetValue().GetStringValue().GetValue()
				case "stride":
					stride = int(part.GetValue().GetPositiveInt().GetValue())
				}
			}
			if stride <= 0 {
				return dst, errStride
			}
			break
		}
	}
	if stride == 0 {
		return append(base64.StdEncoding.AppendEncode(dst, b.Value), '"'), nil
	}
	text := base64.StdEncoding.EncodeToString(b.Value)
	for ; stride < len(text); text = text[stride:] {
		dst = append(append(dst, text[:stride]...), sep...)
	}
	return append(append(dst, text...), '"'), nil
}
