package fhirjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/google/fhir/go/fhirversion"
	"github.com/google/fhir/go/jsonformat"
	"github.com/google/fhir/go/jsonformat/fhirvalidate"
	rpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/bundle_and_contained_resource_go_proto"
	"google.golang.org/protobuf/proto"
)

const (
	// MaxBytes is the largest resource that Parse reads.
	MaxBytes = 16 << 20
	// MaxNestingDepth is how deep elements may nest (google/fhir takes quadratic time in the depth).
	MaxNestingDepth = 64
)

// What Parse refuses before google/fhir sees it. No error of this package repeats a value.
var (
	ErrTooLarge  = errors.New("fhirjson: the resource is too large")
	ErrTooDeep   = errors.New("fhirjson: the resource nests too deep")
	ErrSyntax    = errors.New("fhirjson: not JSON in UTF-8")
	ErrDuplicate = errors.New("fhirjson: a key stands twice, or with a capital letter")
	ErrEmpty     = errors.New("fhirjson: an empty string, object or array (FHIR R4 2.6.2)")
	ErrType      = errors.New("fhirjson: no known resourceType")
)

// unmarshaler is shared: google/fhir's only reads it. Dates without a zone are read in UTC, so that they are written as they stood.
var unmarshaler = sync.OnceValues(func() (*jsonformat.Unmarshaller, error) {
	u, err := jsonformat.NewUnmarshaller("UTC", fhirversion.R4)
	if err != nil {
		return nil, err
	}
	u.MaxNestingDepth = MaxNestingDepth
	return u, nil
})

// Parse reads one FHIR R4 resource strictly and validates it: required elements, formats, codes of required bindings and types of
// references. Beyond google/fhir it refuses duplicate keys, empty values, deep nesting and size. What
// it does not look at: invariants, profiles, extensible bindings, contained resources and narratives.
func Parse(text []byte) (proto.Message, error) {
	if len(text) > MaxBytes {
		return nil, ErrTooLarge
	}
	if err := scan(text); err != nil {
		return nil, err
	}
	u, err := unmarshaler()
	if err != nil {
		return nil, err
	}
	// google/fhir decodes base64 in place.
	m, err := u.Unmarshal(bytes.Clone(text))
	if err != nil {
		return nil, withoutValues(err)
	}
	return Unwrap(m)
}

// Validate checks a resource that was built, not parsed, against what Parse checks in FHIR's rules.
func Validate(msg proto.Message) error {
	if err := fhirvalidate.Validate(msg); err != nil {
		return withoutValues(err)
	}
	return nil
}

// withoutValues keeps of google/fhir's errors what names elements and rules only.
func withoutValues(err error) error {
	if strings.HasPrefix(fmt.Sprintf("%T", err), "jsonpbhelper.UnmarshalError") || strings.HasPrefix(fmt.Sprintf("%T", err), "*jsonpbhelper.UnmarshalError") {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return errors.New("fhirjson: " + first)
	}
	return errors.New("fhirjson: not valid FHIR R4")
}

// frame is an object or array that the scan is in.
type frame struct {
	keys    map[string]struct{} // nil for an array
	members int
}

// scan looks at the text once for what google/fhir lets pass.
func scan(text []byte) error {
	if !utf8.Valid(text) {
		return ErrSyntax
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	s := scanner{d: d}
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return ErrSyntax
		}
		if err := s.token(t); err != nil {
			return err
		}
	}
	if s.values != 1 || s.resourceType == "" {
		return ErrType
	}
	return nil
}

type scanner struct {
	d            *json.Decoder
	stack        []frame
	key          string // the key whose value comes next; empty before a key
	values       int    // values at the top level
	resourceType string
}

func (s *scanner) token(t json.Token) error {
	if delim, ok := t.(json.Delim); ok {
		return s.delim(delim)
	}
	text, isText := t.(string)
	if isText && text == "" {
		return ErrEmpty
	}
	if len(s.stack) == 0 {
		return ErrSyntax
	}
	top := &s.stack[len(s.stack)-1]
	if top.keys == nil || s.key != "" {
		if s.key == "resourceType" {
			if !knownType(text) { // google/fhir would repeat it in its error
				return ErrType
			}
			if len(s.stack) == 1 {
				s.resourceType = text
			}
		}
		s.key = ""
		top.members++
		return nil
	}
	name := strings.TrimPrefix(text, "_")
	if _, twice := top.keys[text]; twice || name == "" || 'A' <= name[0] && name[0] <= 'Z' {
		return ErrDuplicate
	}
	top.keys[text] = struct{}{}
	s.key = text
	return nil
}

func (s *scanner) delim(delim json.Delim) error {
	switch delim {
	case '{', '[':
		if len(s.stack) == 0 {
			if s.values++; s.values > 1 || delim == '[' {
				return ErrSyntax
			}
		} else {
			s.stack[len(s.stack)-1].members++
		}
		s.key = ""
		f := frame{}
		if delim == '{' {
			f.keys = map[string]struct{}{}
		}
		if s.stack = append(s.stack, f); len(s.stack) > 2*MaxNestingDepth {
			return ErrTooDeep
		}
	default:
		if s.stack[len(s.stack)-1].members == 0 {
			return ErrEmpty
		}
		s.stack = s.stack[:len(s.stack)-1]
	}
	return nil
}

var resourceTypes = sync.OnceValue(func() map[string]struct{} {
	types := map[string]struct{}{}
	fields := (*rpb.ContainedResource)(nil).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		types[string(fields.Get(i).Message().Name())] = struct{}{}
	}
	return types
})

func knownType(typ string) bool {
	_, ok := resourceTypes()[typ]
	return ok
}
