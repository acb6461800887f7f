package mapping_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/release/stage"
)

const fileMap = `
kind: scan
columns: {id: int, client: int, at: localtime, mime: text?, content: bytes?, sens: list?}
rows: SELECT id, client, at, mime, content, sens FROM files WHERE client IN (:clients)
key: id
client: client
labels: sens
inherits-chart: true
document:
  type: scan
  date: at
  attachment: {contentType: mime, data: content}
provenance: {recorded: at}
`

const files = `CREATE TABLE files (id INTEGER PRIMARY KEY, client INTEGER, at DATETIME, mime TEXT, content BLOB, sens TEXT);
INSERT INTO files VALUES (1,7,'2026-10-05 10:00:00','application/pdf',CAST('short' AS BLOB),NULL), (2,7,'2026-10-06 10:00:00.250','application/pdf',CAST('0123456789abcdef' AS BLOB),'["R"]'),
 (3,7,'2026-10-07 10:00:00',NULL,CAST('0123456789abcdefg' AS BLOB),NULL);
INSERT INTO notes VALUES (9,7,70,'soap','2026-10-08 10:00:00','A long story that does not end.',NULL,NULL,'2026-10-08 11:00:00',NULL,NULL,NULL,NULL);`

const base = "https://gateway.example/fhir"

// withFiles loads the clinic with files, of which so many bytes may stand in a document.
func withFiles(t testing.TB, inline int) *mapping.Maps {
	t.Helper()
	maps := clinic()
	maps["file.yaml"] = fileMap
	m, err := mapping.Load(folder(t, maps), "maps/test", mapping.Options{Sealer: fakeSealer{}, Zone: chicago, Base: base + "/", InlineBytes: inline})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func documents(t testing.TB, m *mapping.Maps) map[string]mapping.Made {
	t.Helper()
	all, _, err := m.MadeOf(t.Context(), source(t, database(t, files)), "7")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]mapping.Made{}
	for _, kind := range []string{"scan", "soap-note"} {
		for _, key := range []string{"1", "2", "3", "9"} {
			for _, one := range all {
				if one.Facts.ID == ref("DocumentReference", "7", kind, key).ID {
					out[kind+" "+key] = one
				}
			}
		}
	}
	return out
}

// What is longer than may stand in a document goes by the URL of a Binary, whatever it is made of.
func TestLongContentGoesIntoABinary(t *testing.T) {
	made := documents(t, withFiles(t, 15))
	attachment := func(of string) map[string]any {
		var d struct {
			Content []struct{ Attachment map[string]any }
		}
		if err := json.Unmarshal([]byte(made[of].JSON), &d); err != nil {
			t.Fatal(of, err)
		}
		return d.Content[0].Attachment
	}
	binary := func(kind, key string) fhir.Reference { return ref("Binary", "7", kind, key+"/0") }
	for of, want := range map[string]map[string]any{
		"scan 1": {"contentType": "application/pdf", "data": "c2hvcnQ=", "title": "Scanned document 2026-10-05"},
		"scan 2": {"contentType": "application/pdf", "title": "Scanned document 2026-10-06", "url": base + "/" + binary("scan", "2").String(), "size": 16.0,
			"hash": "/lVn6NdpVQhSGCzfaddLsW3/jik=", "creation": "2026-10-06T15:00:00.250Z"},
		"scan 3":      {"title": "Scanned document 2026-10-07", "url": base + "/" + binary("scan", "3").String(), "size": 17.0, "creation": "2026-10-07T15:00:00Z"},
		"soap-note 9": {"contentType": "text/plain; charset=utf-8", "title": "Progress note 2026-10-08", "url": base + "/" + binary("soap-note", "9").String(), "size": 43.0, "creation": "2026-10-08T15:00:00Z"},
	} {
		got := attachment(of)
		for name := range got {
			if _, wanted := want[name]; name == "hash" && !wanted {
				delete(got, name)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got)\n%s", of, d)
		}
	}
	for of, raw := range map[string]string{"scan 1": "", "scan 2": "0123456789abcdef", "scan 3": "0123456789abcdefg", "soap-note 9": "Subjective: A long story that does not end."} {
		d := made[of]
		if len(d.Binaries) == 0 && raw == "" {
			continue
		}
		if len(d.Binaries) != 1 || string(d.Binaries[0].Raw) != raw {
			t.Fatalf("%s: %d Binaries", of, len(d.Binaries))
		}
	}
	b := made["scan 2"].Binaries[0]
	of := ref("DocumentReference", "7", "scan", "2")
	wantJSON := `{"contentType":"application/pdf"<data>,"id":"` + binary("scan", "2").ID + `","meta":{"lastUpdated":"2026-10-06T15:00:00.250Z","profile":["http://hl7.org/fhir/StructureDefinition/Binary"]},` +
		`"resourceType":"Binary","securityContext":{"reference":"` + of.String() + `"}}`
	if b.JSON != wantJSON {
		t.Errorf("%s\nwant %s", b.JSON, wantJSON)
	}
	d := made["scan 2"].Facts
	want := &stage.Facts{Type: "Binary", ID: binary("scan", "2").ID, Subject: d.Subject, Clients: d.Clients, Origin: d.Origin, When: d.When, SourceLabels: d.SourceLabels, InheritsChart: true,
		Profiles: []string{"http://hl7.org/fhir/StructureDefinition/Binary"}, Formats: []string{"application/pdf"}, LastUpdated: d.LastUpdated,
		References: []stage.At[fhir.Reference]{{Path: "securityContext", Value: of}}}
	if diff := cmp.Diff(want, b.Facts); diff != "" || len(d.SourceLabels) == 0 {
		t.Errorf("a Binary's facts are its document's (-want +got)\n%s", diff)
	}
	if got := made["scan 3"].Binaries[0].Facts.Formats[0]; got != "application/octet-stream" {
		t.Errorf("what does not say what it is is %s", got)
	}
}

// The bound is the only thing that decides, and everything that comes of either side is what google/fhir would make of it.
func TestTheBoundOfWhatStandsInADocument(t *testing.T) {
	for _, x := range []struct{ inline, apart int }{{0, 3 + 3}, {15, 2 + 3}, {16, 1 + 3}, {17, 3}, {mapping.MaxInlineBytes, 0}} {
		m := withFiles(t, x.inline)
		apart := 0
		for _, d := range documents(t, m) {
			apart += len(d.Binaries)
			if strings.Contains(d.JSON, `"data"`) == (len(d.Binaries) > 0) {
				t.Errorf("%d: data and a Binary, or neither: %s", x.inline, d.JSON)
			}
		}
		if apart != x.apart {
			t.Errorf("%d: %d Binaries, want %d", x.inline, apart, x.apart)
		}
		src := source(t, database(t, files))
		for _, kind := range []string{"scan", "soap-note"} {
			if why := m.Holds(src, kind, "7"); why != "" {
				t.Errorf("%d: %s", x.inline, why)
			}
		}
		chart, err := m.Chart(t.Context(), src, "7")
		if err != nil || len(chart.Candidates) == 0 {
			t.Fatal(err)
		}
	}
	for _, inline := range []int{-1, mapping.MaxInlineBytes + 1} {
		if _, err := mapping.Load(folder(t, clinic()), "maps/test", mapping.Options{Sealer: fakeSealer{}, Zone: chicago, Base: base, InlineBytes: inline}); err == nil {
			t.Errorf("%d bytes are taken", inline)
		}
	}
	if a, b := withFiles(t, 1).Digest(), withFiles(t, 2).Digest(); a == b {
		t.Error("the digest does not know the bound")
	}
}

// Without a base there is no URL that content could go by.
func TestWithoutABaseContentStaysInItsDocument(t *testing.T) {
	maps := clinic()
	maps["file.yaml"] = fileMap
	for of, d := range documents(t, load(t, maps)) {
		if len(d.Binaries) > 0 || strings.Contains(d.JSON, `"url"`) {
			t.Errorf("%s: %s", of, d.JSON)
		}
	}
}

func TestAnAttachmentHasDataOrAURL(t *testing.T) {
	maps := clinic()
	maps["file.yaml"] = strings.Replace(fileMap, "document:\n  type: scan\n  date: at\n  attachment: {contentType: mime, data: content}", `resource:
  resourceType: DocumentReference
  meta: {profile: ["http://hl7.org/fhir/StructureDefinition/DocumentReference"]}
  status: "current"
  content: [{attachment: {data: content, url: mime}}]`, 1)
	_, err := mapping.Load(folder(t, maps), "maps/test", mapping.Options{Sealer: fakeSealer{}, Zone: chicago, Base: base})
	if err == nil || !strings.Contains(err.Error(), "data or a url") {
		t.Errorf("%v", err)
	}
}

// A document with several contents has a Binary for each, and one that is dropped takes its Binary along.
func TestADocumentWithSeveralContents(t *testing.T) {
	maps := clinic()
	maps["file.yaml"] = strings.Replace(fileMap, "document:\n  type: scan\n  date: at\n  attachment: {contentType: mime, data: content}", `resource:
  resourceType: DocumentReference
  meta: {profile: ["http://hl7.org/fhir/StructureDefinition/DocumentReference"]}
  status: "current"
  subject: {ref: self}
  content: [{attachment: {contentType: "image/png", data: content}}, {attachment: {contentType: mime, data: content}}]`, 1)
	m, err := mapping.Load(folder(t, maps), "maps/test", mapping.Options{Sealer: fakeSealer{}, Zone: chicago, Base: base})
	if err != nil {
		t.Fatal(err)
	}
	d := documents(t, m)["scan 2"]
	if len(d.Binaries) != 2 {
		t.Fatal(d.JSON)
	}
	for i, b := range d.Binaries {
		if want := ref("Binary", "7", "scan", fmt.Sprintf("2/%d", i)); b.Facts.ID != want.ID || !strings.Contains(d.JSON, want.ID) || !bytes.Equal(b.Raw, []byte("0123456789abcdef")) {
			t.Errorf("content %d: %+v", i, b.Facts)
		}
	}
}
