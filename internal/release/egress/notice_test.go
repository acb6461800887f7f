package egress

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/internal/sealed"
	"github.com/consentry/gateway/internal/release/stage"
)

func day(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

func purpose(code string) []fhir.Coding {
	return []fhir.Coding{{System: fhir.SystemActReason, Code: code}}
}

func ofType(code string) fhir.Coding {
	return fhir.Coding{System: fhir.SystemResourceTypes, Code: code}
}

// terms are those of a Consent that permits the clinic documents for treatment until the end of the year.
func terms(id string) *consent.Terms {
	return &consent.Terms{
		Consent: fhir.Reference{Type: "Consent", ID: id}, Client: fhir.Reference{Type: "Patient", ID: "p1"},
		Recipient: consent.Recipient{Name: "lakeside", Identifier: fhir.Identifier{System: fhir.SystemNPI, Value: "1234567893"}},
		Discloser: fhir.Identifier{System: fhir.SystemNPI, Value: "1093817465"},
		Permits:   []consent.Permit{{Period: fhir.Interval{End: day(2027, 1, 1)}, Purposes: purpose("TREAT"), Classes: []fhir.Coding{ofType("DocumentReference")}}},
	}
}

func part2(t testing.TB, id string) stage.Released {
	return release(t, note(id), fhir.Coding{System: fhir.SystemActCode, Code: "42CFRPart2"})
}

// texts are the details of the issues of a page.
func texts(t *testing.T, body []byte) (all []string) {
	t.Helper()
	valid(t, body)
	var b struct {
		Entry []struct {
			Resource struct {
				ResourceType string
				Issue        []struct {
					Severity, Diagnostics string
					Details               struct{ Text string }
				}
			}
		}
	}
	if err := json.Unmarshal(body, &b); err != nil {
		t.Fatal(err)
	}
	for _, e := range b.Entry {
		for _, i := range e.Resource.Issue {
			all = append(all, strings.TrimSpace(i.Details.Text+" "+i.Diagnostics))
		}
	}
	return all
}

// preface is how the scope of the client's consent begins.
const preface = "Scope of the consent of Patient/p1 to this disclosure (42 CFR 2.32(b)), as far as it concerns the recipient and within the further limits that it may set. "

const part2Scope = preface + "Recipient: lakeside. Permitted for treatment (TREAT): records of type DocumentReference, until 2026-12-31."

// Part 2 records carry the notice and the scope of the consent (42 CFR 2.32), beside a read and inside a page.
func TestPart2RecordsCarryTheirNotice(t *testing.T) {
	e, hidden, seen := newEgress(t), terms("c1"), terms("c2")
	seen.Shown = true
	w := write(t, e.Encode(&Resource{Released: part2(t, "n1"), Terms: []*consent.Terms{hidden, seen}}, ""), false)
	for name, want := range map[string][]string{"Redisclosure-Notice": {shortNotice}, "Consent-Scope": {part2Scope, part2Scope}, "Link": {`<` + base + `/Consent/c2>; rel="describedby"`}} {
		if diff := cmp.Diff(want, w.Header().Values(name)); diff != "" {
			t.Errorf("a read, %s: %s", name, diff)
		}
	}
	page := func(entries ...Entry) []string {
		t.Helper()
		w := write(t, e.Encode(&Page{Self: "DocumentReference", Entries: entries}, ""), false)
		if len(w.Header().Values("Consent-Scope"))+len(w.Header().Values("Link")) > 0 {
			t.Errorf("a page says in headers what it holds: %v", w.Header())
		}
		return texts(t, w.Body.Bytes())
	}
	ordinary := Entry{Released: release(t, note("n0")), Terms: []*consent.Terms{terms("c0")}}
	for name, x := range map[string]struct {
		entries []Entry
		want    []string
	}{
		"one Consent for two": {[]Entry{ordinary, {Released: part2(t, "n1"), Terms: []*consent.Terms{hidden}}, {Released: part2(t, "n2"), Terms: []*consent.Terms{hidden}}}, []string{fullNotice, part2Scope}},
		"two Consents": {[]Entry{{Released: part2(t, "n1"), Terms: []*consent.Terms{hidden}}, {Released: part2(t, "n2"), Terms: []*consent.Terms{seen}}},
			[]string{fullNotice, part2Scope, part2Scope + " " + base + "/Consent/c2"}},
		"no Part 2 records": {[]Entry{ordinary}, nil},
	} {
		if diff := cmp.Diff(x.want, page(x.entries...)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	self := releaseUnder(t, note("n1"), sealed.Grant{Reason: "self-access"}, fhir.Coding{Code: "42CFRPart2"})
	if w = write(t, e.Encode(&Resource{Released: self}, ""), false); w.Header().Get("Redisclosure-Notice") == "" || w.Header().Get("Consent-Scope") != "" {
		t.Errorf("self-access has the headers %v", w.Header())
	}
}

// A Part 2 record that a Consent permitted, nobody knows on what terms, does not leave.
func TestAPart2RecordWithoutTheScopeOfItsConsentStays(t *testing.T) {
	e := newEgress(t)
	for name, r := range map[string]Response{
		"read": &Resource{Released: part2(t, "n1")},
		"page": &Page{Self: "DocumentReference", Entries: []Entry{{Released: part2(t, "n1"), Terms: []*consent.Terms{terms("c1")}}, {Released: part2(t, "n2")}}},
	} {
		a := e.Encode(r, "")
		if w := write(t, a, false); w.Code != 500 || len(a.Released) != 0 || strings.Contains(w.Body.String(), "QUJD") {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
}

// What a page says of the scope is a part of it: when it changes, so does the tag.
func TestTheTagOfAPageCoversTheScope(t *testing.T) {
	e := newEgress(t)
	tag := func(x *consent.Terms) string {
		return e.Encode(&Page{Self: "DocumentReference", Entries: []Entry{{Released: part2(t, "n1"), Terms: []*consent.Terms{x}}}}, "").tag
	}
	later := terms("c1")
	later.Permits[0].Period.End = day(2028, 1, 1)
	if tag(terms("c1")) != tag(terms("c1")) || tag(terms("c1")) == tag(later) {
		t.Error("it does not")
	}
}

func TestTheScopeInWords(t *testing.T) {
	e := newEgress(t)
	for want, p := range map[string]consent.Permit{
		"Permitted for treatment (TREAT), BTG: records of any kind, until revoked.": {Purposes: append(purpose("TREAT"), purpose("BTG")...)},
		"Permitted for healthcare payment (HPAYMT): records with code http://loinc.org|11506-3, from 2026-01-05, until 2026-06-30T14:30:59Z.": {Purposes: purpose("HPAYMT"),
			Codes: []fhir.Coding{{System: fhir.SystemLOINC, Code: "11506-3"}}, Period: fhir.Interval{Start: day(2026, 1, 5), End: time.Date(2026, 6, 30, 14, 31, 0, 0, time.UTC)}},
		"Permitted for treatment (TREAT): records of type Encounter, application/pdf with code http://loinc.org|1, until revoked.": {Purposes: purpose("TREAT"),
			Classes: []fhir.Coding{ofType("Encounter"), {System: fhir.SystemMIME, Code: "application/pdf"}}, Codes: []fhir.Coding{{System: fhir.SystemLOINC, Code: "1"}}},
	} {
		x := terms("c1")
		x.Permits = []consent.Permit{p}
		if got := e.scopeOf(x); got.text != preface+"Recipient: lakeside. "+want || got.header != got.text || got.url != "" {
			t.Errorf("%+v, want %s", got, want)
		}
	}
}

// A header is short and of printable ASCII, whatever stands in a Consent.
func TestTheScopeFitsIntoAHeader(t *testing.T) {
	e, x := newEgress(t), terms("c1")
	x.Recipient.Name = "lakeside\r\nSet-Cookie: a=b \u00e4"
	got := e.scopeOf(x).header
	if strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r > '~' }) || !strings.Contains(got, "lakeside??Set-Cookie") {
		t.Errorf("%q", got)
	}
	x = terms("c1")
	x.Permits = slices.Repeat(x.Permits, 40)
	for i := range 200 {
		x.Permits[0].Codes = append(x.Permits[0].Codes, fhir.Coding{System: fhir.SystemLOINC, Code: fmt.Sprint(i)})
	}
	s := e.scopeOf(x)
	if len(s.header) > headerRoom || !strings.Contains(s.header, "records of 201 named kinds") || !strings.HasSuffix(s.header, "And 37 more.") {
		t.Errorf("%d bytes: %s", len(s.header), s.header)
	}
	if !strings.Contains(s.text, "http://loinc.org|199") {
		t.Error("the page says less too")
	}
}
