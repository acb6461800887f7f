package fhirjson_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/consentry/gateway/internal/fhir/fhirjson"
)

func TestWhatParseRefuses(t *testing.T) {
	nested := func(n int) string {
		return strings.Repeat(`{"url":"u","extension":[`, n) + `{"url":"u","valueBoolean":true}` + strings.Repeat("]}", n)
	}
	cases := []struct {
		name, json string
		want       error // nil: any
	}{
		{"no resource", `{}`, fhirjson.ErrEmpty},
		{"an array", `[1]`, fhirjson.ErrSyntax},
		{"not JSON", `{"resourceType":"Patient"`, nil},
		{"text behind it", `{"resourceType":"Patient"} {"resourceType":"Patient"}`, fhirjson.ErrSyntax},
		{"an unknown type", `{"resourceType":"Client"}`, fhirjson.ErrType},
		{"no type", `{"id":"a"}`, fhirjson.ErrType},
		{"the type of something inside", `{"id":"a","link":{"resourceType":"Patient"}}`, fhirjson.ErrType},
		{"bytes that are not UTF-8", "{\"resourceType\":\"Patient\",\"id\":\"\xff\"}", fhirjson.ErrSyntax},
		{"a key twice", `{"resourceType":"Patient","id":"a","id":"b"}`, fhirjson.ErrDuplicate},
		{"a key twice, escaped", `{"resourceType":"Patient","id":"a","\u0069d":"b"}`, fhirjson.ErrDuplicate},
		{"a key twice further in", `{"resourceType":"Patient","name":[{"family":"a","family":"b"}]}`, fhirjson.ErrDuplicate},
		{"a key in capitals", `{"resourceType":"Patient","Id":"a"}`, fhirjson.ErrDuplicate},
		{"an empty string", `{"resourceType":"Patient","id":"a","language":""}`, fhirjson.ErrEmpty},
		{"an empty object", `{"resourceType":"Patient","meta":{}}`, fhirjson.ErrEmpty},
		{"an empty array", `{"resourceType":"Patient","name":[]}`, fhirjson.ErrEmpty},
		{"null", `{"resourceType":"Patient","gender":null}`, nil},
		{"an unknown element", `{"resourceType":"Patient","sex":"f"}`, nil},
		{"a code outside its value set", `{"resourceType":"Patient","gender":"f"}`, nil},
		{"a missing element", `{"resourceType":"Condition"}`, nil},
		{"a reference of the wrong type", `{"resourceType":"Condition","subject":{"reference":"Observation/a"}}`, nil},
		{"two values of a choice", `{"resourceType":"Patient","deceasedBoolean":true,"deceasedDateTime":"2026"}`, nil},
		{"a day that does not exist", `{"resourceType":"Patient","birthDate":"2026-02-30"}`, nil},
		{"an id that is none", `{"resourceType":"Patient","id":"a/b"}`, nil},
		{"too deep", `{"resourceType":"Patient","extension":[` + nested(70) + `]}`, fhirjson.ErrTooDeep},
		{"too large", `{"resourceType":"Patient","id":"` + strings.Repeat("a", fhirjson.MaxBytes) + `"}`, fhirjson.ErrTooLarge},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := fhirjson.Parse([]byte(c.json))
			if err == nil {
				t.Fatal("accepted")
			}
			if c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

func TestNoErrorRepeatsAValue(t *testing.T) {
	const secret = "s3cr3t"
	for _, json := range []string{
		`{"resourceType":"` + secret + `"}`,
		`{"resourceType":"Patient","` + secret + `":1}`,
		`{"resourceType":"Patient","gender":"` + secret + `"}`,
		`{"resourceType":"Patient","birthDate":"` + secret + `"}`,
		`{"resourceType":"Patient","id":"` + secret + `!"}`,
		`{"resourceType":"Patient","active":"` + secret + `"}`,
		`{"resourceType":"Patient","photo":[{"data":"` + secret + `!"}]}`,
		`{"resourceType":"Patient","contained":[{"resourceType":"` + secret + `"}]}`,
		`{"resourceType":"Patient","name":"` + secret + `"}`,
		`{"resourceType":"Patient","multipleBirthInteger":"` + secret + `"}`,
		`{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":"` + secret + `"}}`,
		`{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueTime":"` + secret + `"}`,
		`{"resourceType":"Condition","subject":{"reference":"` + secret + `/1"},"severity":` + secret + `}`,
	} {
		_, err := fhirjson.Parse([]byte(json))
		if err == nil {
			t.Errorf("accepted: %s", json)
			continue
		}
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", json, err)
		}
	}
}

func TestParseLeavesItsInputAlone(t *testing.T) {
	const json = `{"resourceType":"Binary","contentType":"text/plain","data":"YWJj ZGVm"}`
	text := []byte(json)
	if _, err := fhirjson.Parse(text); err != nil {
		t.Fatal(err)
	}
	if string(text) != json {
		t.Errorf("changed to %s", text)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Patient","id":"a"}`))
	f.Add([]byte(`{"resourceType":"Condition","subject":{"reference":"Patient/a"},"_recordedDate":{"extension":[{"url":"u","valueString":"x"}]}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := fhirjson.Parse(text)
		if err != nil {
			return
		}
		out, err := fhirjson.Append(nil, m, fhirjson.Projection{})
		if err != nil {
			t.Fatalf("parsed, but cannot be written: %v", err)
		}
		if again, err := fhirjson.Parse(out); err != nil || again == nil {
			t.Fatalf("written, but cannot be parsed: %v", err)
		}
	})
}
