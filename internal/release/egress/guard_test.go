package egress

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/internal/sealed"
	"github.com/consentry/gateway/internal/release/stage"
)

func TestExamine(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"a clean body":                  {note("n1"), ""},
		"an escaped clean body":         {`{"resourceType":"Basic","a":"\u0041\n\"x\\"}`, ""},
		"meta.security":                 {`{"resourceType":"Basic","meta":{"security":[{"code":"PSYTHPN"}]}}`, "body"},
		"another system":                {`{"resourceType":"Basic","meta":{"security":[{"system":"urn:x","code":"HIPAAPsyNotes"}]}}`, "body"},
		"SUD counseling":                {`{"resourceType":"Basic","meta":{"security":[{"code":"SUDCOUNSELNOTE"}]}}`, "body"},
		"another case and spaces":       {`{"resourceType":"Basic","meta":{"security":[{"code":" psyThpn "}]}}`, "body"},
		"escapes":                       {`{"resourceType":"Basic","meta":{"security":[{"\u0063ode":"PS\u0059THPN"}]}}`, "body"},
		"securityLabel":                 {`{"resourceType":"DocumentReference","securityLabel":[{"coding":[{"code":"PSYTHPN"}]}]}`, "body"},
		"an inline label":               {`{"resourceType":"DocumentReference","type":{"extension":[{"url":"u","valueCoding":{"code":"PSYTHPN"}}]}}`, "body"},
		"an inline code":                {`{"resourceType":"DocumentReference","_status":{"extension":[{"url":"u","valueCode":"PSYTHPN"}]}}`, "body"},
		"an inline token":               {`{"resourceType":"DocumentReference","modifierExtension":[{"url":"u","valueString":"PSYTHPN"}]}`, "body"},
		"a type":                        {`{"resourceType":"DocumentReference","type":{"coding":[{"code":"PSYTHPN"}]}}`, "body"},
		"contained":                     {`{"resourceType":"Basic","contained":[{"resourceType":"DocumentReference","meta":{"security":[{"code":"PSYTHPN"}]}}]}`, "body"},
		"resourceType last":             {`{"type":{"coding":[{"code":"PSYTHPN"}]},"resourceType":"Basic"}`, "body"},
		"no resourceType":               {`{"type":{"coding":[{"code":"PSYTHPN"}]}}`, "body"},
		"the display of CPT 90837":      {`{"resourceType":"Procedure","code":{"coding":[{"system":"http://www.ama-assn.org/go/cpt","code":"90837","display":"Psychotherapy, 60 minutes with patient"}],"text":"psychotherapy"}}`, ""},
		"a display":                     {`{"resourceType":"Basic","code":{"coding":[{"code":"1","display":"PSYTHPN"}]}}`, ""},
		"a Consent that denies it":      {`{"resourceType":"Consent","provision":{"type":"deny","securityLabel":[{"code":"PSYTHPN"}]}}`, ""},
		"a Consent with type last":      {`{"provision":{"securityLabel":[{"code":"PSYTHPN"}]},"resourceType":"Consent"}`, ""},
		"a Consent so labeled":          {`{"resourceType":"Consent","meta":{"security":[{"code":"PSYTHPN"}]},"provision":{}}`, "body"},
		"a Consent with an inline one":  {`{"resourceType":"Consent","extension":[{"url":"u","valueCoding":{"code":"PSYTHPN"}}]}`, "body"},
		"a note in a Consent":           {`{"resourceType":"Consent","contained":[{"resourceType":"DocumentReference","securityLabel":[{"coding":[{"code":"PSYTHPN"}]}]}]}`, "body"},
		"a Consent in a note":           {`{"resourceType":"Basic","contained":[{"resourceType":"Consent","provision":{"securityLabel":[{"code":"PSYTHPN"}]}}]}`, ""},
		"two resource types":            {`{"resourceType":"Consent","resourceType":"Basic","code":"PSYTHPN"}`, "body"},
		"two resource types, reversed":  {`{"resourceType":"Basic","resourceType":"Consent","code":"PSYTHPN"}`, "body"},
		"nothing":                       {``, "unreadable"},
		"no object":                     {`[]`, "unreadable"},
		"cut off":                       {`{"resourceType":"Basic","meta":{"security":[{"code":"PSYT`, "unreadable"},
		"something behind":              {`{"resourceType":"Basic"}{}`, "unreadable"},
		"a comma too many":              {`{"resourceType":"Basic",}`, "unreadable"},
		"a bad escape":                  {`{"resourceType":"Basic","a":"\x"}`, "unreadable"},
		"too deep":                      {strings.Repeat(`{"a":`, 200) + `1` + strings.Repeat(`}`, 200), "unreadable"},
		"too deep in arrays":            {`{"a":` + strings.Repeat(`[`, 200) + strings.Repeat(`]`, 200) + `}`, "unreadable"},
		"an array of codes, not a code": {`{"resourceType":"Basic","code":["x","PSYTHPN"]}`, "body"},
	} {
		if got := examine([]byte(c.body)); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

const psychotherapyBody = `{"resourceType":"DocumentReference","id":"n9","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"PSYTHPN"}]},"status":"current","content":[{"attachment":{"contentType":"text/plain","data":"QUJD"}}]}`

// TestOneHitClosesTheWholeAnswer: the labeler has failed, its labels say nothing.
func TestOneHitClosesTheWholeAnswer(t *testing.T) {
	kind := *release(t, note("n8")).Facts()
	kind.Origin.Kind = "process-note"
	builtin := kind
	builtin.Origin.Kind = "Psychotherapy-Note"
	source := *release(t, note("n7")).Facts()
	source.SourceLabels = []fhir.Coding{{Code: "HIPAAPsyNotes"}}
	unlabeled := *release(t, psychotherapyBody).Facts()
	unlabeled.SourceLabels = nil
	for name, c := range map[string]struct {
		hit  stage.Released
		wall string
	}{
		"the body":     {releaseFacts(t, psychotherapyBody, &unlabeled, sealed.Grant{}), "body"},
		"a label":      {release(t, note("n6"), fhir.Coding{Code: "PSYTHPN"}), "label"},
		"the source":   {releaseFacts(t, note("n7"), &source, sealed.Grant{}), "label"},
		"a kind":       {releaseFacts(t, note("n8"), &kind, sealed.Grant{}), "kind"},
		"a known kind": {releaseFacts(t, note("n8"), &builtin, sealed.Grant{}), "kind"},
	} {
		t.Run(name, func(t *testing.T) {
			var alarms []Alarm
			o := options(t)
			o.Alarm, o.PsychotherapyKinds = func(a Alarm) { alarms = append(alarms, a) }, []string{"process-note"}
			e, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			a := e.Encode(&Resource{Released: c.hit}, "")
			if !a.Guarded || len(a.Released) != 0 {
				t.Error("the ledger would not see that the guard withheld it")
			}
			got := write(t, a, false)
			want := write(t, e.Encode(&Failure{Err: notFound()}, ""), false)
			if diff := cmp.Diff(want.Result().Header, got.Result().Header); diff != "" || got.Code != want.Code || got.Body.String() != want.Body.String() {
				t.Errorf("a read is not the answer of no Consent: %d %s %s", got.Code, got.Body, diff)
			}
			page := &Page{Self: "DocumentReference?patient=p1", Total: 2, HasTotal: true, Next: "x", Ignored: []string{"y"},
				Entries: []Entry{{Released: release(t, note("n1"), fhir.Coding{Code: "42CFRPart2"})}, {Released: c.hit, Mode: Include}}}
			got = write(t, e.Encode(page, ""), false)
			want = write(t, e.Encode(&Page{Self: page.Self, HasTotal: true, Ignored: page.Ignored}, ""), false)
			if diff := cmp.Diff(want.Result().Header, got.Result().Header); diff != "" || got.Body.String() != want.Body.String() {
				t.Errorf("a page is not the answer of no Consent: %s %s", got.Body, diff)
			}
			if diff := cmp.Diff([]Alarm{{Type: "DocumentReference", Map: "test", Wall: c.wall}, {Type: "DocumentReference", Map: "test", Wall: c.wall}}, alarms); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestANotModifiedIsGuardedToo(t *testing.T) {
	e := newEgress(t)
	if a := e.Encode(&Resource{Released: release(t, psychotherapyBody)}, "*"); a.Status != 404 {
		t.Errorf("status %d", a.Status)
	}
	if a := e.Encode(&Page{Entries: []Entry{{Released: release(t, psychotherapyBody)}}}, `W/"x"`); a.Status != 200 || len(a.Released) != 0 {
		t.Errorf("status %d with %d released", a.Status, len(a.Released))
	}
}

func TestTheGuardForgetsAndExaminesAgain(t *testing.T) {
	g := newGuard(nil, 4, nil)
	for range 3 {
		for i := range 20 {
			if !g.pass([]stage.Released{release(t, note("n"+strconv.Itoa(i)))}) {
				t.Fatal("a clean body did not pass")
			}
		}
		if g.pass([]stage.Released{release(t, psychotherapyBody)}) {
			t.Fatal("a hit was remembered as clean")
		}
	}
	if n := len(g.clean) + len(g.older); n > 4 {
		t.Errorf("the guard remembers %d bodies", n)
	}
}

// FuzzExamine: whatever the body, the guard neither panics nor lets a code out that a plain search for its letters would find as a label.
func FuzzExamine(f *testing.F) {
	f.Add(note("n1"))
	f.Add(psychotherapyBody)
	f.Add(`{"a":[1,true,null,{"code":"PSYTHPN"}]}`)
	f.Fuzz(func(t *testing.T, body string) {
		labeled := `{"resourceType":"Basic","meta":{"security":[{"code":"PSYTHPN"}]},"x":` + body + `}`
		if examine([]byte(labeled)) == "" {
			t.Errorf("let out: %s", labeled)
		}
		examine([]byte(body))
	})
}

func BenchmarkExamine(b *testing.B) {
	body := []byte(note("n1"))
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		examine(body)
	}
}
