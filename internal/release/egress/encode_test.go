package egress

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/fhir/go/fhirversion"
	"github.com/google/fhir/go/jsonformat"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/outcome"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/stage"
)

func write(t *testing.T, a *Answer, head bool) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	if err := a.Write(w, head); err != nil {
		t.Fatal(err)
	}
	a.Close()
	return w
}

// valid lets google/fhir parse and validate what would be sent.
func valid(t *testing.T, body []byte) {
	t.Helper()
	u, err := jsonformat.NewUnmarshaller("UTC", fhirversion.R4)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Unmarshal(bytes.Clone(body)); err != nil {
		t.Fatalf("google/fhir refuses the answer: %v\n%s", err, body)
	}
}

func TestAReadIsTheBodyItself(t *testing.T) {
	e, body := newEgress(t), note("n1")
	w := write(t, e.Encode(&Resource{Released: release(t, body)}, ""), false)
	if w.Code != 200 || w.Body.String() != body {
		t.Fatalf("status %d, body %s", w.Code, w.Body)
	}
	for name, want := range map[string]string{"Content-Type": "application/fhir+json; charset=utf-8", "Content-Length": strconv.Itoa(len(body)),
		"Last-Modified": "Fri, 20 Nov 2026 10:00:00 GMT", "Cache-Control": "no-store", "Redisclosure-Notice": ""} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if tag := w.Header().Get("ETag"); !strings.HasPrefix(tag, `W/"`) || len(tag) != 26 {
		t.Errorf("ETag is %q", tag)
	}
}

// What says to have changed in the future is stated to have changed now (RFC 9110 section 8.8.2.1), and is new to whoever has it from before.
func TestAnAnswerDoesNotChangeAfterItIsGiven(t *testing.T) {
	changed := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	for now, want := range map[time.Time]string{
		changed.Add(-time.Hour): "Fri, 20 Nov 2026 09:00:00 GMT", changed: "Fri, 20 Nov 2026 10:00:00 GMT", changed.Add(time.Hour): "Fri, 20 Nov 2026 10:00:00 GMT",
	} {
		a := newEgress(t).Encode(&Resource{Released: release(t, note("n1"))}, "")
		a.UnlessModified(now.Add(-time.Minute))
		if a.NotAfter(now); a.Status != 200 && !now.After(changed) {
			t.Errorf("at %s: %d", now, a.Status)
		}
		if w := write(t, a, false); w.Header().Get("Last-Modified") != want {
			t.Errorf("at %s: Last-Modified is %q, want %q", now, w.Header().Get("Last-Modified"), want)
		}
	}
}

func TestAHeadHasTheHeadersOfTheGet(t *testing.T) {
	e, r := newEgress(t), &Resource{Released: release(t, note("n1"))}
	got, head := write(t, e.Encode(r, ""), false), write(t, e.Encode(r, ""), true)
	if head.Body.Len() != 0 {
		t.Error("a HEAD has a body")
	}
	if len(head.Header()) != len(got.Header()) || head.Header().Get("Content-Length") != got.Header().Get("Content-Length") || head.Header().Get("ETag") != got.Header().Get("ETag") {
		t.Errorf("headers differ: %v, %v", head.Header(), got.Header())
	}
}

func TestAPageIsAValidBundle(t *testing.T) {
	e := newEgress(t)
	two := []Entry{{Released: release(t, note("n1"))}, {Released: release(t, note("n2")), Mode: Include}}
	for name, p := range map[string]*Page{
		"empty":               {Self: "DocumentReference?patient=p1"},
		"empty with total":    {Self: "DocumentReference?patient=p1", HasTotal: true},
		"only ignored":        {Self: "DocumentReference?patient=p1", Ignored: []string{"foo:bar", `q"uote`}},
		"two entries":         {Self: "DocumentReference?patient=p1&code=a%7Cb", Entries: two, Total: 7, HasTotal: true, Next: "DocumentReference?_page=abc", First: "DocumentReference?x"},
		"entries and ignored": {Self: "DocumentReference", Entries: two, Ignored: []string{"foo"}},
		"Part 2":              {Self: "DocumentReference", Entries: []Entry{{Released: release(t, note("n1"), fhir.Coding{Code: "42CFRPart2"}), Terms: []*consent.Terms{terms("c1"), terms("c2")}}}},
	} {
		t.Run(name, func(t *testing.T) {
			w := write(t, e.Encode(p, ""), false)
			if w.Code != 200 {
				t.Fatalf("status %d", w.Code)
			}
			valid(t, w.Body.Bytes())
		})
	}
}

func TestTextsAreEscaped(t *testing.T) {
	text := "a\"\\\x01\n\u2028ä\xff</script>z"
	var back string
	if err := json.Unmarshal(appendString(nil, text), &back); err != nil || back != strings.ToValidUTF8(text, "\ufffd") {
		t.Errorf("%q came back as %q, %v", text, back, err)
	}
}

func TestAPageToTheByte(t *testing.T) {
	e := newEgress(t)
	body := `{"resourceType":"Patient","id":"p1","meta":{"lastUpdated":"2026-11-20T10:00:00Z"}}`
	p := &Page{Self: "Patient?_id=p1", Total: 1, HasTotal: true, Next: "Patient?_page=t", Entries: []Entry{{Released: release(t, body)}}, Ignored: []string{"x"}}
	want := `{"resourceType":"Bundle","type":"searchset","total":1,"link":[{"relation":"self","url":"` + base + `/Patient?_id=p1"},` +
		`{"relation":"next","url":"` + base + `/Patient?_page=t"}],"entry":[{"fullUrl":"` + base + `/Patient/p1","resource":` + body + `,"search":{"mode":"match"}},` +
		`{"resource":{"resourceType":"OperationOutcome","issue":[{"severity":"warning","code":"not-supported","details":{"text":"A search parameter was ignored."},` +
		`"diagnostics":"Parameter: x"}]},"search":{"mode":"outcome"}}]}`
	if got := write(t, e.Encode(p, ""), false).Body.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestEqualAnswersAreEqualBytesAndTags(t *testing.T) {
	page := func(next string) *Page {
		return &Page{Self: "DocumentReference?patient=p1", Entries: []Entry{{Released: release(t, note("n1"))}}, Next: next}
	}
	a, b := write(t, newEgress(t).Encode(page("x?_page=1"), ""), false), write(t, newEgress(t).Encode(page("x?_page=1"), ""), false)
	if a.Body.String() != b.Body.String() || a.Header().Get("ETag") != b.Header().Get("ETag") {
		t.Error("two answers of one content differ")
	}
	if c := write(t, newEgress(t).Encode(page("x?_page=2"), ""), false); c.Header().Get("ETag") != a.Header().Get("ETag") {
		t.Error("the tag depends on how the token of the next page is sealed")
	}
	for name, other := range map[string]*Page{
		"no next page":   page(""),
		"another body":   {Self: "DocumentReference?patient=p1", Entries: []Entry{{Released: release(t, note("n2"))}}, Next: "x?_page=1"},
		"an include":     {Self: "DocumentReference?patient=p1", Entries: []Entry{{Released: release(t, note("n1")), Mode: Include}}, Next: "x?_page=1"},
		"a total":        {Self: "DocumentReference?patient=p1", Entries: []Entry{{Released: release(t, note("n1"))}}, Next: "x?_page=1", HasTotal: true, Total: 1},
		"another search": {Self: "DocumentReference?patient=p2", Entries: []Entry{{Released: release(t, note("n1"))}}, Next: "x?_page=1"},
	} {
		if c := newEgress(t).Encode(other, ""); c.tag == a.Header().Get("ETag") {
			t.Errorf("%s has the same tag", name)
		}
	}
	o := options(t)
	o.TagKey = bytes.Repeat([]byte{7}, 32)
	other, _ := New(o)
	if other.Encode(page("x?_page=1"), "").tag == a.Header().Get("ETag") {
		t.Error("the tag does not depend on the key")
	}
}

func TestNotModified(t *testing.T) {
	e := newEgress(t)
	for name, r := range map[string]Response{
		"read":     &Resource{Released: release(t, note("n1"))},
		"search":   &Page{Self: "DocumentReference", Entries: []Entry{{Released: release(t, note("n1"))}}},
		"document": NewDocument(JSON, []byte(`{}`)),
	} {
		tag := e.Encode(r, "").tag
		for _, header := range []string{tag, "*", `"other", ` + tag, strings.TrimPrefix(tag, "W/")} {
			a := e.Encode(r, header)
			released := len(a.Released)
			w := write(t, a, false)
			if w.Code != http.StatusNotModified || w.Body.Len() != 0 || w.Header().Get("ETag") != tag || w.Header().Get("Content-Length") != "" {
				t.Errorf("%s: If-None-Match %s gives %d %v", name, header, w.Code, w.Header())
			}
			if name != "document" && released != 1 {
				t.Errorf("%s: a 304 names %d resources for the ledger", name, released)
			}
		}
		if a := e.Encode(r, `W/"other"`); a.Status != 200 {
			t.Errorf("%s: another tag gives %d", name, a.Status)
		}
	}
	if a := e.Encode(&Failure{Err: outcome.New(outcome.NotFound, nil)}, "*"); a.Status != 404 {
		t.Errorf("a 404 became %d", a.Status)
	}
}

// stranger is a Response by embedding, which is the only way to make one elsewhere.
type stranger struct{ Response }

func TestWhatIsNoVariantFailsClosed(t *testing.T) {
	e := newEgress(t)
	for name, r := range map[string]Response{
		"nil":                  nil,
		"a stranger":           stranger{&Resource{Released: release(t, note("n1"))}},
		"a stranger's pointer": &stranger{&Resource{Released: release(t, note("n1"))}},
		"a nil resource":       (*Resource)(nil),
		"a nil page":           (*Page)(nil),
		"a nil document":       (*Document)(nil),
		"a nil failure":        (*Failure)(nil),
		"an empty failure":     &Failure{},
		"a zero resource":      &Resource{},
		"a page with a hole":   &Page{Entries: []Entry{{Released: release(t, note("n1"))}, {}}},
		"an unknown mode":      &Page{Entries: []Entry{{Released: release(t, note("n1")), Mode: 9}}},
	} {
		a := e.Encode(r, "")
		released := len(a.Released)
		w := write(t, a, false)
		if w.Code != 500 || released != 0 || strings.Contains(w.Body.String(), "QUJD") {
			t.Errorf("%s is answered with %d, %d released", name, w.Code, released)
		}
		valid(t, w.Body.Bytes())
	}
	if err := (&Answer{}).Write(httptest.NewRecorder(), false); err == nil {
		t.Error("the zero Answer can be written")
	}
}

func TestTheDigestIsOverTheDigestsInOrder(t *testing.T) {
	a, b := release(t, note("n1")), release(t, note("n2"))
	if DigestOf([]stage.Released{a, b}) == DigestOf([]stage.Released{b, a}) {
		t.Error("the order does not count")
	}
	if DigestOf(nil) != [32]byte{} {
		t.Error("nothing has a digest")
	}
}

func BenchmarkPage(b *testing.B) {
	e, p := newEgress(b), &Page{Self: "DocumentReference?patient=p1", Total: 50, HasTotal: true}
	for i := range 50 {
		p.Entries = append(p.Entries, Entry{Released: release(b, note("note-"+strconv.Itoa(i)))})
	}
	b.SetBytes(int64(e.Encode(p, "").Size()))
	b.ReportAllocs()
	for b.Loop() {
		e.Encode(p, "").Close()
	}
}

func BenchmarkNotModified(b *testing.B) {
	e, p := newEgress(b), &Page{Self: "DocumentReference?patient=p1"}
	for i := range 50 {
		p.Entries = append(p.Entries, Entry{Released: release(b, note("note-"+strconv.Itoa(i)))})
	}
	tag := e.Encode(p, "").tag
	b.ReportAllocs()
	for b.Loop() {
		e.Encode(p, tag).Close()
	}
}

func notFound() *outcome.Error { return outcome.New(outcome.NotFound, nil) }
