package fhirjson

import (
	"strings"
	"testing"
)

func TestParametersAreReadAsAURLWouldStateThem(t *testing.T) {
	for value, want := range map[string]string{
		`"valueString":"a,b"`: "a,b", `"valueId":"x"`: "x", `"valueInteger":7`: "7", `"valueBoolean":true`: "true", `"valueDate":"2026-01"`: "2026-01",
		`"valueCoding":{"code":"x"}`: "x", `"valueCoding":{"system":"http://a","code":"x|y,z"}`: `http://a|x\|y\,z`, `"valueCanonical":"http://a|1"`: "http://a|1",
		`"id":"1","valueCode":"x"`: "x",
	} {
		got, err := ParseParameters([]byte(`{"resourceType":"Parameters","parameter":[{"name":"n",` + value + `},{"name":"n","valueCode":"last"}]}`))
		if err != nil || strings.Join(got["n"], " ") != want+" last" {
			t.Errorf("%s: %v, %v", value, got, err)
		}
	}
	for _, text := range []string{
		`{"resourceType":"Parameters","parameter":{}}`, `{"resourceType":"Parameters","parameter":[[]]}`, `{"resourceType":"Parameters","parameter":[{"name":"n","valueInteger":-1}]}`,
		`{"resourceType":"Parameters","parameter":[{"name":"n","valueInteger":1.5}]}`, `{"resourceType":"Parameters","parameter":[{"name":"n","valueInteger":"7"}]}`,
		`{"resourceType":"Parameters","parameter":[{"name":"n","valueCoding":{"system":"http://a"}}]}`, `{"resourceType":"Parameters","parameter":[{"name":"n","valueCoding":"x"}]}`,
		`{"resourceType":"Parameters","parameter":[{"name":7,"valueCode":"x"}]}`, `{"resourceType":"Parameters","parameter":[{"name":"n","valuecode":"x"}]}`,
		`{"resourceType":"Parameters","parameter":[{"name":"n","valueBoolean":"true"}]}`, `{"resourceType":"Parameters","parameter":[{"name":"n","valueCode":"x","extension":[{"url":"http://x"}]}]}`,
		`{"resourceType":"Bundle"}`, `null`, `"Parameters"`, "{\"resourceType\":\"Parameters\",\"id\":\"\xff\"}",
	} {
		if got, err := ParseParameters([]byte(text)); err == nil {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func FuzzParameters(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Parameters","parameter":[{"name":"n","valueCoding":{"system":"a","code":"b"}}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		values, err := ParseParameters(text)
		if err != nil && values != nil {
			t.Error("an error and values")
		}
		for name, all := range values {
			for _, v := range all {
				if name == "" || v == "" {
					t.Errorf("an empty name or value in %q", text)
				}
			}
		}
	})
}
