package fhirsource_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/release/label"
	"github.com/consentry/gateway/internal/release/stage"
)

const noteType = `"type":{"coding":[{"system":"http://loinc.org","code":"11506-3"}]}`

// filed is a document of ann whose content is an attachment as given.
func filed(id, attachment string) string {
	return `{"resourceType":"DocumentReference","id":"` + id + `","status":"current","date":"2026-01-02T03:04:05Z","subject":{"reference":"Patient/ann"},` + noteType +
		`,"content":[{"attachment":{` + attachment + `}}]}` + "\n"
}

func binaryOf(id, more, content string) string {
	return fmt.Sprintf(`{"resourceType":"Binary","id":%q,"contentType":"application/pdf"%s,"data":%q}`+"\n", id, more, base64.StdEncoding.EncodeToString([]byte(content)))
}

// archive is the clinic with documents and Binaries; eight bytes may stand in a document.
func archive(t testing.TB, documents, binaries string, more ...string) *rig {
	t.Helper()
	text := clinic()
	text["DocumentReference.ndjson"] = documents
	text["Binary.000.ndjson"] = binaries
	for i := 0; i+1 < len(more); i += 2 {
		text[more[i]] = more[i+1]
	}
	r := lay(t, text)
	return r
}

// urls are what the attachments of a resource of ann lead to.
func (r *rig) urls(typ, id string) []fhir.Reference {
	r.t.Helper()
	f := named(r.chart("ann").Candidates)[r.id(typ, "ann", id)]
	if f == nil {
		return nil
	}
	return append(refs(f, stage.AttachmentURL), refs(f, "presentedForm.url")...)
}

func TestContentGoesWhereItBelongsByItsLength(t *testing.T) {
	r := archive(t, filed("short", `"contentType":"application/pdf","data":"MTIzNDU2Nzg="`)+filed("long", `"contentType":"application/pdf","data":"MTIzNDU2Nzg5"`)+
		filed("there", `"contentType":"application/pdf","url":"Binary/b1"`)+filed("small", `"url":"Binary/b2"`),
		binaryOf("b1", "", "123456789")+binaryOf("b2", "", "12345678"))
	long, err := r.sealer.Seal("Binary", "ann", "fhir", mapping.BinaryKey("long", 0))
	noError(t, err)
	for id, want := range map[string][]fhir.Reference{"short": nil, "long": {{Type: "Binary", ID: long}}, "there": {r.id("Binary", "ann", "b1")}, "small": nil} {
		if got := r.urls("DocumentReference", id); !slices.Equal(got, want) {
			t.Errorf("%s leads to %v, want %v", id, got, want)
		}
	}
	checked, err := r.Check(t.Context())
	noError(t, err)
	for _, m := range checked.Maps {
		if m.Map == "Binary" && (m.Mapped != 2 || len(m.Withheld) > 0) {
			t.Errorf("%+v", m)
		}
	}
}

// Long content of which the source does not say when it was made is as old as its document, to the same second.
func TestContentIsAsOldAsItsDocument(t *testing.T) {
	const content = `"contentType":"application/pdf","data":"MTIzNDU2Nzg5"`
	for _, date := range []string{"2026-01-02T03:04:05Z", "2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05.678901-05:00"} {
		digest := func(attachment string) (sum [32]byte) {
			r := archive(t, strings.Replace(filed("d", attachment), "2026-01-02T03:04:05Z", date, 1), "")
			for _, l := range label.AsTheyStand(r.chart("ann").Candidates) {
				if l.Facts().Type == "DocumentReference" {
					sum = l.Digest()
				}
			}
			return sum
		}
		if said, made := digest(content+`,"creation":"`+date+`"`), digest(content); said != made || said == ([32]byte{}) {
			t.Errorf("%s: another date is made", date)
		}
	}
}

// A Binary goes by one document that may be read, or not at all: what leads to it otherwise leads nowhere.
func TestABinaryNobodyCanTellTheDocumentOf(t *testing.T) {
	const url, long = `"contentType":"application/pdf","url":"Binary/b1"`, "123456789"
	apart := strings.Replace(filed("d2", url), `"status"`, `"meta":{"security":[{"code":"PSYTHPN"}]},"status"`, 1)
	letter := strings.Replace(filed("d2", url), noteType, `"type":{"coding":[{"system":"urn:k","code":"letter"}]}`, 1)
	ben := strings.Replace(filed("d2", url), "Patient/ann", "Patient/ben", 1)
	for name, x := range map[string]struct {
		documents, binaries string
		there               bool
	}{
		"one document":                        {filed("d1", url), binaryOf("b1", "", long), true},
		"its client is the context":           {filed("d1", url), binaryOf("b1", `,"securityContext":{"reference":"Patient/ann"}`, long), true},
		"the document is the context":         {filed("d1", url), binaryOf("b1", `,"securityContext":{"reference":"DocumentReference/d1"}`, long), true},
		"another client is the context":       {filed("d1", url), binaryOf("b1", `,"securityContext":{"reference":"Patient/ben"}`, long), false},
		"another resource is the context":     {filed("d1", url), binaryOf("b1", `,"securityContext":{"reference":"Encounter/e1"}`, long), false},
		"a context that names nothing":        {filed("d1", url), binaryOf("b1", `,"securityContext":{"display":"staff"}`, long), false},
		"rules that nobody knows":             {filed("d1", url), binaryOf("b1", `,"implicitRules":"urn:x"`, long), false},
		"a label without a code":              {filed("d1", url), binaryOf("b1", `,"meta":{"security":[{"display":"secret"}]}`, long), false},
		"no such Binary":                      {filed("d1", url), binaryOf("b2", "", long), false},
		"a Binary of a psychotherapy note":    {filed("d1", url), binaryOf("b1", `,"meta":{"security":[{"code":"PSYTHPN"}]}`, long), false},
		"a psychotherapy note has it as well": {filed("d1", url) + apart, binaryOf("b1", "", long), false},
		"a withheld kind has it as well":      {filed("d1", url) + letter, binaryOf("b1", "", long), false},
		"another document has it as well":     {filed("d1", url) + filed("d2", url), binaryOf("b1", "", long), false},
		"another client's has it as well":     {filed("d1", url) + ben, binaryOf("b1", "", long), false},
		"data beside it":                      {filed("d1", url+`,"data":"MTIz"`), binaryOf("b1", "", long), false},
		"elsewhere":                           {filed("d1", `"contentType":"application/pdf","url":"https://elsewhere.example/Binary/b1"`), binaryOf("b1", "", long), false},
	} {
		r := archive(t, x.documents, x.binaries)
		if got := slices.Contains(r.urls("DocumentReference", "d1"), r.id("Binary", "ann", "b1")); got != x.there {
			t.Errorf("%s: %t, want %t", name, got, x.there)
		}
	}
}

// An export names its own server: what is below it is in the export.
func TestAbsoluteURLsOfTheExportedServer(t *testing.T) {
	const at = "https://ehr.example/fhir"
	for request, there := range map[string]bool{at + "/$export?_type=Binary": true, at + "/Patient/$export": true, at + "/Group/g1/$export": true, "https://other.example/fhir/$export": false, "": false} {
		text := clinic()
		text["DocumentReference.ndjson"] = filed("d1", `"contentType":"application/pdf","url":"`+at+`/Binary/b1"`)
		text["Binary.ndjson"] = binaryOf("b1", "", "123456789")
		var list []string
		for name := range text {
			list = append(list, `{"type":"`+strings.TrimSuffix(name, ".ndjson")+`","url":"https://files.example/`+name+`"}`)
		}
		text["manifest.json"] = `{"request":"` + request + `","output":[` + strings.Join(list, ",") + `]}`
		r := lay(t, text)
		if got := len(r.urls("DocumentReference", "d1")) == 1 && r.urls("DocumentReference", "d1")[0] == r.id("Binary", "ann", "b1"); got != there {
			t.Errorf("%s: %t", request, got)
		}
	}
}

// What the source says of a Binary's labels holds for the document, and so for both; nobody knows what is of two types at once.
func TestTheLabelsOfABinaryAreItsDocuments(t *testing.T) {
	r := archive(t, filed("d1", `"contentType":"text/plain","url":"Binary/b1"`), binaryOf("b1", `,"meta":{"security":[{"system":"`+fhir.SystemConfidentiality+`","code":"R"}]}`, "123456789"))
	f := named(r.chart("ann").Candidates)[r.id("DocumentReference", "ann", "d1")]
	if !slices.Contains(f.SourceLabels, fhir.Coding{System: fhir.SystemConfidentiality, Code: "R"}) || !f.InheritsChart {
		t.Errorf("%v, of the whole chart: %t", f.SourceLabels, f.InheritsChart)
	}
}

// A report that shows the same as a document has its URL (US Core 6.1).
func TestAReportHasTheURLOfItsDocument(t *testing.T) {
	report := `{"resourceType":"DiagnosticReport","id":"r1","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"11506-3"}]},"subject":{"reference":"Patient/ann"},"presentedForm":[{"contentType":"application/pdf","url":"Binary/b1"}]}`
	r := archive(t, filed("d1", `"contentType":"application/pdf","url":"Binary/b1"`), binaryOf("b1", "", "123456789"), "DiagnosticReport.ndjson", report)
	if got, want := r.urls("DiagnosticReport", "r1"), r.urls("DocumentReference", "d1"); len(want) != 1 || !slices.Equal(got, want) {
		t.Errorf("%v, the document %v", got, want)
	}
	r = archive(t, filed("d1", `"contentType":"application/pdf","data":"MTIz"`), binaryOf("b1", "", "123456789"), "DiagnosticReport.ndjson", report)
	if got := r.urls("DiagnosticReport", "r1"); slices.Contains(got, r.id("Binary", "ann", "b1")) {
		t.Errorf("a report alone leads to %v", got)
	}
}
