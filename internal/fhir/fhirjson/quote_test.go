package fhirjson_test

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/consentry/gateway/internal/fhir/fhirjson"
)

func TestAStringIsEscapedAsEncodingJSONDoes(t *testing.T) {
	hard := rapid.SampledFrom([]string{"\x00", "\x1f", "\x7f", "\b", "\f", "\n", "\r", "\t", `"`, `\`, "/", "<", ">", "&", "\u2027", "\u2028", "\u2029", "\ufffd", "\U0001F600",
		"\xff", "\xc3", "\xe2\x80", "\xed\xa0\x80"})
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Join(rapid.SliceOfN(rapid.OneOf(hard, rapid.String()), 0, 6).Draw(t, "parts"), "")
		var want strings.Builder
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		if err := e.Encode(s); err != nil {
			t.Fatal(err)
		}
		if got := string(fhirjson.AppendString([]byte("x"), s)); got+"\n" != "x"+want.String() {
			t.Fatalf("%s, want %s", got, want.String())
		}
	})
}
