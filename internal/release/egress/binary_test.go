package egress

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/release/internal/sealed"
	"github.com/consentry/gateway/internal/release/stage"
)

// binaryOf makes a Binary of the given facts.
func binaryOf(t testing.TB, f stage.Facts, raw []byte, labels ...fhir.Coding) stage.Released {
	t.Helper()
	f.Type, f.ID = "Binary", "b1"
	f.References = []stage.At[fhir.Reference]{{Path: "securityContext", Value: fhir.Reference{Type: "DocumentReference", ID: "d1"}}}
	head := `{"contentType":"application/pdf"`
	meta := head + `,"id":"b1","meta":{"profile":["http://hl7.org/fhir/StructureDefinition/Binary"]`
	c, err := sealed.NewBinary([]byte(meta+`},"resourceType":"Binary"}`), len(head), len(meta), raw, &f)
	if err != nil {
		t.Fatal(err)
	}
	return sealed.Release(sealed.Label(c, labels, nil), sealed.Grant{Reason: "permitted"})
}

func pdf(t testing.TB, raw []byte) stage.Released {
	return binaryOf(t, stage.Facts{Formats: []string{"application/pdf"}}, raw)
}

// net/http's own ServeContent is the oracle for what a range means.
func TestRangesAreThoseOfNetHTTP(t *testing.T) {
	e := newEgress(t)
	rapid.Check(t, func(t *rapid.T) {
		raw := []byte(strings.Repeat("0123456789", rapid.IntRange(1, 30).Draw(t, "tens")) + "x")
		number := rapid.IntRange(0, len(raw)+5)
		asked := rapid.OneOf(
			rapid.Custom(func(t *rapid.T) string {
				return fmt.Sprintf("bytes=%d-%d", number.Draw(t, "from"), number.Draw(t, "to"))
			}),
			rapid.Custom(func(t *rapid.T) string { return fmt.Sprintf("bytes=%d-", number.Draw(t, "from")) }),
			rapid.Custom(func(t *rapid.T) string { return fmt.Sprintf("bytes=-%d", number.Draw(t, "last")+1) }),
			rapid.SampledFrom([]string{"", "bytes=", "bytes= 3 - 4 ", "bytes=,1-2,", "bytes=a-b", "bytes=--1", "bytes=1", "bytes=5-a"}),
		).Draw(t, "range")
		r := &Binary{Released: pdf(panics{}, raw), Native: true, Range: asked}
		tag := e.Encode(r, "").tag
		r.IfRange = rapid.SampledFrom([]string{"", tag, `"other"`, "W/" + tag}).Draw(t, "if-range")

		got := httptest.NewRecorder()
		if err := e.Encode(r, "").Write(got, false); err != nil {
			t.Fatal(err)
		}
		want := httptest.NewRecorder()
		want.Header().Set("ETag", tag)
		want.Header().Set("Content-Type", "application/pdf")
		q := httptest.NewRequest(http.MethodGet, "/", nil)
		for name, value := range map[string]string{"Range": asked, "If-Range": r.IfRange} {
			if value != "" {
				q.Header.Set(name, value)
			}
		}
		http.ServeContent(want, q, "", time.Time{}, bytes.NewReader(raw))
		if got.Code != want.Code || got.Header().Get("Content-Range") != want.Header().Get("Content-Range") {
			// What is no range at all says how long the content is here as well.
			if got.Code != http.StatusRequestedRangeNotSatisfiable || want.Header().Get("Content-Range") != "" {
				t.Fatalf("%q: %d %q, want %d %q", asked, got.Code, got.Header().Get("Content-Range"), want.Code, want.Header().Get("Content-Range"))
			}
		}
		if got.Code != http.StatusRequestedRangeNotSatisfiable && !bytes.Equal(got.Body.Bytes(), want.Body.Bytes()) {
			t.Fatalf("%q: %q, want %q", asked, got.Body, want.Body)
		}
	})
}

// panics fails where rapid's T is no testing.TB.
type panics struct{ testing.TB }

func (panics) Helper()           {}
func (panics) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// Where net/http goes its own way, RFC 9110 holds.
func TestRangesOfRFC9110(t *testing.T) {
	e := newEgress(t)
	raw := []byte("0123456789")
	for asked, want := range map[string]struct {
		status int
		body   string
	}{
		"bytes=0-0,5-6":                   {200, string(raw)},
		"items=0-1":                       {200, string(raw)},
		"BYTES=2-3":                       {206, "23"},
		"bytes=-0":                        {416, ""},
		"bytes=5-99999999999999999999999": {206, "56789"},
		"bytes=99999999999999999999999-":  {416, ""},
	} {
		w := write(t, e.Encode(&Binary{Released: pdf(t, raw), Native: true, Range: asked}, ""), false)
		if w.Code != want.status || w.Code != 416 && w.Body.String() != want.body {
			t.Errorf("%s: %d %s", asked, w.Code, w.Body)
		}
	}
	// A date tells nothing certain of what was replaced within it.
	w := write(t, e.Encode(&Binary{Released: pdf(t, raw), Native: true, Range: "bytes=0-1", IfRange: "Fri, 20 Nov 2026 10:00:00 GMT"}, ""), false)
	if w.Code != 200 || w.Body.Len() != len(raw) {
		t.Errorf("If-Range with a date: %d", w.Code)
	}
}

// What is asked for as it is is not copied; the buffer of a resource is.
func TestNativeBytesAreNotCopied(t *testing.T) {
	e := newEgress(t)
	raw := bytes.Repeat([]byte("scan"), 1<<18)
	a := e.Encode(&Binary{Released: pdf(t, raw), Native: true, Range: "bytes=4-7"}, "")
	if &a.body[0] != &raw[4] || a.pooled != nil {
		t.Error("a part is a copy")
	}
	a.Close()
	r := pdf(t, raw)
	if n := testing.AllocsPerRun(20, func() { e.Encode(&Binary{Released: r, Native: true}, "").Close() }); n > 40 {
		t.Errorf("%.0f allocations", n)
	}
}

func TestABinaryIsValidFHIR(t *testing.T) {
	e := newEgress(t)
	for _, raw := range [][]byte{{0}, []byte("ab"), bytes.Repeat([]byte{0xff, 0, '"'}, 50_000)} {
		w := write(t, e.Encode(&Binary{Released: pdf(t, raw)}, ""), false)
		if _, err := fhirjson.Parse(w.Body.Bytes()); err != nil || w.Code != 200 {
			t.Errorf("%d: %v", w.Code, err)
		}
	}
}

// The guard looks at a Binary as at a body: at its labels, at its kind, and into FHIR that it holds.
func TestTheGuardExaminesBinaries(t *testing.T) {
	var alarms []Alarm
	o := options(t)
	o.Alarm = func(a Alarm) { alarms = append(alarms, a) }
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	held := []byte(`{"resourceType":"DocumentReference","meta":{"security":[{"code":"PSYTHPN"}]}}`)
	want := write(t, e.Encode(&Resource{Released: release(t, note("n1"), fhir.Coding{Code: "PSYTHPN"})}, ""), false)
	alarms = nil
	for name, x := range map[string]struct {
		r    stage.Released
		wall string
	}{
		"its label":          {binaryOf(t, stage.Facts{Formats: []string{"application/pdf"}}, []byte("x"), fhir.Coding{Code: "PSYTHPN"}), "label"},
		"the source's label": {binaryOf(t, stage.Facts{SourceLabels: []fhir.Coding{{Code: "HIPAAPsyNotes"}}}, []byte("x")), "label"},
		"its kind":           {binaryOf(t, stage.Facts{Origin: stage.Origin{Kind: "psychotherapy-note"}}, []byte("x")), "kind"},
		"what it holds":      {binaryOf(t, stage.Facts{Formats: []string{"application/fhir+json; charset=utf-8"}}, held), "body"},
		"what it pretends":   {binaryOf(t, stage.Facts{Formats: []string{"application/fhir+json"}}, []byte("%PDF")), "unreadable"},
	} {
		for _, native := range []bool{true, false} {
			alarms = nil
			a := e.Encode(&Binary{Released: x.r, Native: native, Range: "bytes=0-0"}, "")
			w := write(t, a, false)
			if w.Code != 404 || w.Body.String() != want.Body.String() || cmp.Diff(w.Header(), want.Header()) != "" || !a.Guarded || len(alarms) != 1 || alarms[0].Wall != x.wall {
				t.Errorf("%s: %d %v %+v", name, w.Code, w.Header(), alarms)
			}
		}
	}
	if w := write(t, e.Encode(&Binary{Released: binaryOf(t, stage.Facts{Formats: []string{"application/pdf"}}, held), Native: true}, ""), false); w.Code != 200 {
		t.Errorf("what is no FHIR has no labels: %d", w.Code)
	}
}

// A Part 2 record's content carries the notice as its document does.
func TestABinaryCarriesTheNotice(t *testing.T) {
	e := newEgress(t)
	r := binaryOf(t, stage.Facts{Formats: []string{"application/pdf"}}, []byte("x"), fhir.Coding{Code: "42CFRPart2"})
	for _, native := range []bool{true, false} {
		if w := write(t, e.Encode(&Binary{Released: r, Native: native}, ""), false); w.Header().Get("Redisclosure-Notice") == "" {
			t.Errorf("native %t: %v", native, w.Header())
		}
	}
	if w := write(t, e.Encode(&Binary{Released: r, Native: true, Range: "bytes=9-"}, ""), false); w.Code != 416 || w.Header().Get("Redisclosure-Notice") != "" {
		t.Errorf("of a range that is not there: %d, %v", w.Code, w.Header())
	}
}

func TestNamesAndTypesThatLeave(t *testing.T) {
	e := newEgress(t)
	when := stage.When{Known: true, Interval: fhir.Interval{Start: day(2026, 3, 4)}}
	for _, x := range []struct {
		facts               stage.Facts
		contentType, called string
	}{
		{stage.Facts{Origin: stage.Origin{Kind: "scan"}, When: when, Formats: []string{"application/pdf"}}, "application/pdf", "scan-2026-03-04.pdf"},
		{stage.Facts{Origin: stage.Origin{Kind: "(no code)"}, Formats: []string{"text/plain; charset=utf-8"}}, "text/plain; charset=utf-8", "nocode.txt"},
		{stage.Facts{Origin: stage.Origin{Kind: "a\"b;\r\n/../c"}, Formats: []string{"IMAGE/PNG"}}, "IMAGE/PNG", "abc.png"},
		{stage.Facts{Formats: []string{"text/html\r\nX: y"}}, unknownContent, "document.bin"},
		{stage.Facts{Formats: []string{"pdf"}}, unknownContent, "document.bin"},
		{stage.Facts{}, unknownContent, "document.bin"},
	} {
		w := write(t, e.Encode(&Binary{Released: binaryOf(t, x.facts, []byte("x")), Native: true}, ""), false)
		if got := []string{w.Header().Get("Content-Type"), w.Header().Get("Content-Disposition")}; !slices.Equal(got, []string{x.contentType, `attachment; filename="` + x.called + `"`}) {
			t.Errorf("%q", got)
		}
	}
}
