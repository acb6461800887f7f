package mapping_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/fhir/go/fhirversion"
	"github.com/google/fhir/go/jsonformat"
	"pgregory.net/rapid"

	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/practice"
)

// given is a source that yields the rows that a test gives it, as a driver would.
type given struct{ rows [][]any }

func (g given) Rows(_ context.Context, q practice.Query, _ []practice.ClientKey, each func(practice.Row) error, broken func(*practice.BrokenRow)) error {
	for _, raw := range g.rows {
		row := make(practice.Row, len(q.Columns))
		fits := true
		for i := range q.Columns {
			if practice.Scan(&row[i], &q.Columns[i], raw[i], chicago) != nil {
				broken(&practice.BrokenRow{Map: q.Map, Column: q.Columns[i].Name})
				fits = false
				break
			}
		}
		if !fits {
			continue
		}
		if err := each(row); err != nil {
			return err
		}
	}
	return nil
}
func (given) Version(context.Context) (string, error)        { return "", practice.ErrNoVersion }
func (given) Describe(context.Context, practice.Query) error { return nil }
func (given) ProveSeparation(context.Context) error          { return nil }
func (given) Close() error                                   { return nil }

// slots has a text column in an element of every kind that takes texts.
var slots = map[string]string{"slots.yaml": `
kind: slots
columns: {id: int, client: int, a: text?, b: text?, c: text?, d: text?, e: text?, f: text?, l: list}
rows: SELECT 1 WHERE 1 IN (:clients)
key: id
client: client
resource:
  resourceType: DocumentReference
  meta: {profile: ["http://example.org/p"]}
  status: "current"
  subject: {ref: self}
  description: a
  type: {text: "=row.b == null ? 'none' : row.b", coding: [{system: c, code: d, display: a}]}
  category: [{each: l, do: {text: item}}]
  identifier: [{system: c, value: b}]
  content:
    - attachment: {contentType: "text/plain; charset=utf-8", data: {text: [{A: a}, b]}, title: {join: ["t", e]}}
    - attachment: {contentType: "text/plain; charset=utf-8", data: f}
`}

// anyText leans on what is hard: control characters, quotes, markup, surrogates' neighbours, invalid UTF-8.
func anyText() *rapid.Generator[any] {
	hard := rapid.SampledFrom([]string{"\x00", "\x01", "\x08", "\x0b", "\x0c", "\x1f", "\x7f", "\n", "\r", "\t", `"`, `\`, "<", ">", "&", "\u2028", "\u2029", "\u0085",
		"\ufeff", "\ufffd", "\U0001F600", "é", "\xff", "\xc3", "\xed\xa0\x80", " ", "  ", "</script>", "=", "$x", "{", "]"})
	text := rapid.Custom(func(t *rapid.T) any {
		return strings.Join(rapid.SliceOfN(rapid.OneOf(hard, rapid.String(), rapid.StringMatching("[a-z]{1,4}")), 0, 5).Draw(t, "parts"), "")
	})
	return rapid.OneOf(text, rapid.Just[any](nil), rapid.Custom(func(t *rapid.T) any { return rapid.StringMatching("[a-z]{1,8}").Draw(t, "word") }))
}

func TestAnyTextIsWrittenAsItIsOrItsRowIsWithheld(t *testing.T) {
	m := load(t, slots)
	marshaller, err := jsonformat.NewMarshaller(false, "", "", fhirversion.R4)
	if err != nil {
		t.Fatal(err)
	}
	mapped := 0
	check := func(t *rapid.T) {
		raw := []any{int64(1), int64(7)}
		var texts []string
		for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
			v := anyText().Draw(t, name)
			s, _ := v.(string)
			texts = append(texts, s)
			raw = append(raw, v)
		}
		list := rapid.SliceOfN(rapid.String(), 0, 3).Draw(t, "l")
		encoded, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		raw = append(raw, string(encoded))
		all, report, err := m.MadeOf(context.Background(), given{[][]any{raw}}, "7")
		if err != nil {
			t.Fatal(err)
		}
		if len(all) == 0 {
			if r := report[0]; r.Read != 1 || len(r.Failed) != 1 {
				t.Fatalf("neither mapped nor failed: %+v", r)
			}
			for _, f := range report[0].Failed {
				for _, s := range texts {
					if len(s) > 3 && strings.Contains(f.Why+f.Column, s) {
						t.Fatal("the report holds a value")
					}
				}
			}
			return
		}
		mapped++
		body := []byte(all[0].JSON)
		if !utf8.Valid(body) || !json.Valid(body) {
			t.Fatalf("not JSON in UTF-8: %q", body)
		}
		msg, err := fhirjson.Parse(body)
		if err != nil {
			t.Fatalf("google/fhir refuses it: %v\n%s", err, body)
		}
		again, err := marshaller.MarshalResource(msg)
		if err != nil || string(again) != all[0].JSON {
			t.Fatalf("google/fhir writes it otherwise (%v):\n%s\n%s", err, again, body)
		}
		checkTexts(t, body, texts)
	}
	for try := 0; try < 20 && mapped == 0; try++ {
		rapid.Check(t, check)
	}
	if mapped == 0 {
		t.Error("no row was mapped: nothing was tried")
	}
}

func checkTexts(t *rapid.T, body []byte, texts []string) {
	var d struct {
		Description string
		Type        struct{ Text string }
		Content     []struct{ Attachment struct{ Data, Title string } }
	}
	if err := json.Unmarshal(body, &d); err != nil {
		t.Fatal(err)
	}
	if d.Description != texts[0] {
		t.Fatalf("description %q, want %q", d.Description, texts[0])
	}
	if texts[1] != "" && d.Type.Text != texts[1] {
		t.Fatalf("text %q, want %q", d.Type.Text, texts[1])
	}
	note := ""
	if texts[0] != "" {
		note = "A: " + texts[0]
	}
	if texts[1] != "" {
		note = strings.TrimPrefix(note+"\n\n"+texts[1], "\n\n")
	}
	if note == "" {
		return
	}
	data, err := base64.StdEncoding.DecodeString(d.Content[0].Attachment.Data)
	if err != nil || string(data) != note {
		t.Fatalf("note %q (%v), want %q", data, err, note)
	}
}
