package smart

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir"
)

const ourBase = "https://clinic.example.org/fhir"

func TestAResidualRuleIsReadWholeOrSaysThatItIsNot(t *testing.T) {
	encounter := fhir.Reference{Type: "Encounter", ID: "a"}
	normal := fhir.Coding{System: "s", Code: "N"}
	data := func(meaning string, refs ...fhir.Reference) (out []ResidualData) {
		for _, r := range refs {
			out = append(out, ResidualData{meaning, r})
		}
		return out
	}
	for text, want := range map[string]ResidualRule{
		`{"type":"forbid"}`: {},
		`{"type":"permit","securityLabel":[{"system":"s","code":"N","display":"normal","version":"1"}]}`:                                                     {Permit: true, Labels: []fhir.Coding{normal}},
		`{"type":"permit","securityLabel":{"system":"s","code":"N"}}`:                                                                                        {Permit: true, Labels: []fhir.Coding{normal}},
		`{"type":"forbid","dataPeriod":{"start":"2022-01-01","end":"2022-12-31"}}`:                                                                           {Periods: []ResidualPeriod{{"2022-01-01", "2022-12-31"}}},
		`{"type":"forbid","dataPeriod":[{"start":"2022"},{"end":"2020"}]}`:                                                                                   {Periods: []ResidualPeriod{{"2022", ""}, {"", "2020"}}},
		`{"type":"forbid","dataPeriod":{"start":"last week"}}`:                                                                                               {Periods: []ResidualPeriod{{"last week", ""}}},
		`{"type":"forbid","data":[{"meaning":"related","reference":"Encounter/a"}]}`:                                                                         {Data: data("related", encounter)},
		`{"type":"forbid","data":[{"meaning":"instance","reference":{"reference":"` + ourBase + `/Encounter/a","type":"Encounter"}}]}`:                       {Data: data("instance", encounter)},
		`{"type":"forbid","data":[{"meaning":"instance","reference":"https://elsewhere.example.org/Encounter/a"},{"meaning":"x","reference":"urn:uuid:1"}]}`: {Data: append(data("instance", fhir.Reference{}), data("x", fhir.Reference{})...)},
		`{"type":"forbid","data":[{"meaning":"instance","reference":{"reference":"Encounter/a","type":"Condition"}}]}`:                                       {Data: data("instance", fhir.Reference{})},
		`{"type":"forbid","data":[{"meaning":"instance","reference":{"identifier":{"value":"1"}}}]}`:                                                         {Data: data("instance", fhir.Reference{})},
		`{"type":"deny"}`:                          {Unread: true},
		`{}`:                                       {Unread: true},
		`"forbid"`:                                 {Unread: true},
		`null`:                                     {Unread: true},
		`{"type":["permit"]}`:                      {Unread: true},
		`{"type":"permit","class":[]}`:             {Permit: true, Unread: true},
		`{"type":"permit","Data":[]}`:              {Permit: true, Unread: true},
		`{"type":"permit","securityLabel":[]}`:     {Permit: true, Unread: true},
		`{"type":"permit","securityLabel":"N"}`:    {Permit: true, Unread: true},
		`{"type":"permit","securityLabel":null}`:   {Permit: true, Unread: true},
		`{"type":"permit","securityLabel":[null]}`: {Permit: true, Unread: true},
		`{"type":"permit","securityLabel":[{"system":"s"}]}`:                                 {Permit: true, Unread: true},
		`{"type":"permit","securityLabel":[{"system":1,"code":"N"}]}`:                        {Permit: true, Unread: true},
		`{"type":"permit","securityLabel":[{"system":"s","code":"N","extension":[]}]}`:       {Permit: true, Unread: true},
		`{"type":"permit","dataPeriod":{}}`:                                                  {Permit: true, Unread: true},
		`{"type":"permit","dataPeriod":"2022"}`:                                              {Permit: true, Unread: true},
		`{"type":"permit","dataPeriod":{"start":"2022","end":2023}}`:                         {Permit: true, Unread: true},
		`{"type":"permit","data":[{"reference":"a"}]}`:                                       {Permit: true, Unread: true},
		`{"type":"permit","data":[{"meaning":"instance"}]}`:                                  {Permit: true, Unread: true},
		`{"type":"permit","data":{"meaning":"instance"}}`:                                    {Permit: true, Unread: true},
		`{"type":"permit","data":[{"meaning":"instance","reference":"a","but":"not this"}]}`: {Permit: true, Unread: true},
		`{"type":"permit","securityLabel":[{"code":"N"},{"system":"s"}]}`:                    {Permit: true, Unread: true, Labels: []fhir.Coding{{Code: "N"}}},
	} {
		if d := cmp.Diff(want, parseResidual([]byte(text), ourBase)); d != "" {
			t.Errorf("%s (-want +got):\n%s", text, d)
		}
	}
}

// FuzzResidual: a rule is read whole only if what was read of it, written anew, is all that it said.
func FuzzResidual(f *testing.F) {
	for _, seed := range []string{
		`{"type":"forbid"}`, `{"type":"permit","securityLabel":[{"system":"s","code":"N"}]}`, `{"type":"forbid","dataPeriod":{"start":"2022"}}`,
		`{"type":"forbid","data":[{"meaning":"related","reference":{"reference":"https://clinic.example.org/fhir/Encounter/a"}}]}`, `{"type":"permit","class":[]}`,
		`[{"type":"forbid"},{"type":"permit"}]`, `{"type":"forbid","dataPeriod":[{"start":"2022"},{"end":"2020"}],"data":{"meaning":"instance","reference":"Goal/g"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r := parseResidual(text, ourBase)
		if d := cmp.Diff(r, parseResidual(text, ourBase)); d != "" {
			t.Fatalf("read twice: %s", d)
		}
		if r.Unread {
			return
		}
		var said map[string]json.RawMessage
		if json.Unmarshal(text, &said) != nil {
			t.Fatal("a rule that is no object is read whole")
		}
		read := map[string]int{"securityLabel": len(r.Labels), "dataPeriod": len(r.Periods), "data": len(r.Data)}
		for name, v := range said {
			want := 1
			var list []json.RawMessage
			if json.Unmarshal(v, &list) == nil {
				want = len(list)
			}
			if n, known := read[name]; name != "type" && (!known || n != want || n == 0) {
				t.Errorf("%q says %d things, of which %d are read", name, want, n)
			}
		}
		kind := strings.TrimSpace(string(said["type"]))
		if r.Permit != (kind == `"permit"`) && !strings.Contains(kind, `\`) {
			t.Errorf("%s permits: %t", kind, r.Permit)
		}
		for _, p := range r.Periods {
			if p == (ResidualPeriod{}) {
				t.Error("a period without ends is read")
			}
		}
	})
}
