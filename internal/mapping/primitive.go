package mapping

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	apb "github.com/google/fhir/go/proto/google/fhir/proto/annotations_go_proto"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/practice"
)

// primitiveKind is a FHIR primitive type (R4 2.24.0.1) as far as writing it differs.
type primitiveKind int

const (
	kindString primitiveKind = iota + 1
	kindCode
	kindCodeOf // bound to a required value set
	kindURI
	kindID
	kindOID
	kindUUID
	kindBoolean
	kindInteger
	kindPositive
	kindUnsigned
	kindDecimal
	kindDate
	kindDateTime
	kindInstant
	kindBase64
)

var primitiveKinds = map[protoreflect.Name]primitiveKind{
	"String": kindString, "Markdown": kindString, "Code": kindCode, "Uri": kindURI, "Url": kindURI, "Canonical": kindURI, "Id": kindID,
	"Oid": kindOID, "Uuid": kindUUID, "Boolean": kindBoolean, "Integer": kindInteger, "PositiveInt": kindPositive, "UnsignedInt": kindUnsigned,
	"Decimal": kindDecimal, "Date": kindDate, "DateTime": kindDateTime, "Instant": kindInstant, "Base64Binary": kindBase64,
}

// primitive is the type of a primitive element.
type primitive struct {
	name  string
	kind  primitiveKind
	codes []string // of a required value set, sorted
}

// primitiveOf reads a google/fhir message as a primitive type; nil for what a map cannot fill (xhtml, time).
func primitiveOf(d protoreflect.MessageDescriptor) *primitive {
	if kind, ok := primitiveKinds[d.Name()]; ok {
		return &primitive{name: string(d.Name()), kind: kind}
	}
	if !proto.HasExtension(d.Options(), apb.E_FhirValuesetUrl) {
		return nil
	}
	value := d.Fields().ByName("value")
	if value == nil || value.Kind() != protoreflect.EnumKind {
		return &primitive{name: "Code", kind: kindCode}
	}
	p := &primitive{name: "code", kind: kindCodeOf}
	values := value.Enum().Values()
	for i := range values.Len() {
		v := values.Get(i)
		if v.Number() == 0 {
			continue
		}
		code := proto.GetExtension(v.Options(), apb.E_FhirOriginalCode).(string)
		if code == "" {
			code = strings.ReplaceAll(strings.ToLower(string(v.Name())), "_", "-")
		}
		p.codes = append(p.codes, code)
	}
	slices.Sort(p.codes)
	return p
}

var (
	oid  = regexp.MustCompile(`^urn:oid:[0-2](\.(0|[1-9][0-9]*))+$`)
	uuid = regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
)

// maxString is the longest string of FHIR (R4 2.24.0.1).
const maxString = 1 << 20

// refuse says why a non-empty text cannot stand in the element, "" if it can.
func (p *primitive) refuse(s string) string {
	ok := true
	switch p.kind {
	case kindString:
		if len(s) > maxString {
			return "longer than a FHIR string may be"
		}
		if hasControl(s) {
			return "has control characters, which FHIR strings cannot hold"
		}
	case kindCode:
		ok = isCode(s)
	case kindCodeOf:
		_, ok = slices.BinarySearch(p.codes, s)
	case kindURI:
		_, err := url.Parse(s)
		ok = err == nil && !strings.ContainsAny(s, " \t\r\n")
	case kindID:
		ok = fhir.IsID(s)
	case kindOID:
		ok = oid.MatchString(s)
	case kindUUID:
		ok = uuid.MatchString(s)
	}
	if !ok {
		return fmt.Sprintf("not a %s that its element takes", strings.ToLower(p.name))
	}
	return ""
}

func hasControl(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			return true
		}
	}
	return false
}

// isCode tells whether s is made of words with single blanks between them, and nothing else.
func isCode(s string) bool {
	space := true
	for _, c := range s {
		blank := c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r'
		if blank && space {
			return false
		}
		space = blank
	}
	return !space
}

// takes tells which column types fit the element.
func (p *primitive) takes(t practice.ColumnType) bool {
	switch p.kind {
	case kindBoolean:
		return t == practice.Bool
	case kindInteger, kindPositive, kindUnsigned:
		return t == practice.Int
	case kindDecimal:
		return t == practice.Decimal || t == practice.Int
	case kindDate, kindDateTime, kindInstant:
		return t == practice.Date || t == practice.LocalTime || t == practice.Instant
	case kindBase64:
		return t == practice.Bytes || t == practice.Text
	case kindString:
		return t == practice.Text || t == practice.Int || t == practice.Decimal || t == practice.Date
	}
	return t == practice.Text || t == practice.Int
}
