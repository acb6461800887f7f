package egress

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/release/facts"
	"github.com/consentry/gateway/internal/release/internal/sealed"
	"github.com/consentry/gateway/internal/release/stage"
)

const base = "https://gateway.example/fhir"

func options(t testing.TB) Options {
	t.Helper()
	types, err := facts.LoadTypes(os.DirFS("../../../profiles"))
	if err != nil {
		t.Fatal(err)
	}
	return Options{Base: base, TagKey: []byte("a key for the entity tags, 32 bytes"), Zone: time.UTC, Types: types}
}

func newEgress(t testing.TB) *Egress {
	t.Helper()
	e, err := New(options(t))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// release makes a Released of a body whose facts are the ones that every body has.
func release(t testing.TB, body string, labels ...fhir.Coding) stage.Released {
	t.Helper()
	return releaseUnder(t, body, sealed.Grant{Reason: "permitted", Consent: fhir.Reference{Type: "Consent", ID: "c1"}}, labels...)
}

func releaseUnder(t testing.TB, body string, g sealed.Grant, labels ...fhir.Coding) stage.Released {
	t.Helper()
	m, err := fhirjson.Parse([]byte(body))
	if err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	o := options(t)
	f, err := facts.Extract(m, facts.Options{Zone: o.Zone, Types: o.Types, Origin: stage.Origin{Map: "test", Listed: true}})
	if err != nil {
		t.Fatal(err)
	}
	return releaseFacts(t, body, f, g, labels...)
}

func releaseFacts(t testing.TB, body string, f *stage.Facts, g sealed.Grant, labels ...fhir.Coding) stage.Released {
	t.Helper()
	c, err := sealed.New([]byte(body), 1, f)
	if err != nil {
		t.Fatal(err)
	}
	return sealed.Release(sealed.Label(c, labels, nil), g)
}

// note is a DocumentReference of about 2.4 KB.
func note(id string) string {
	return fmt.Sprintf(`{"resourceType":"DocumentReference","id":%q,"meta":{"lastUpdated":"2026-11-20T10:00:00Z","security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]},`+
		`"status":"current","type":{"coding":[{"system":"http://loinc.org","code":"11506-3","display":"Progress note"}]},"subject":{"reference":"Patient/p1"},`+
		`"date":"2026-11-20T10:00:00Z","author":[{"reference":"Practitioner/d1","display":"Dr. One"},{"reference":"Practitioner/d2"}],`+
		`"content":[{"attachment":{"contentType":"text/plain","data":%q}}],"context":{"encounter":[{"reference":"Encounter/e1"}]}}`, id, strings.Repeat("QUJD", 430))
}

func TestNewRefusesWhatIsUnsafe(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"a relative base":        func(o *Options) { o.Base = "/fhir" },
		"a base with a query":    func(o *Options) { o.Base = base + "?x=1" },
		"a base with a user":     func(o *Options) { o.Base = "https://a:b@gateway.example/fhir" },
		"a base of other scheme": func(o *Options) { o.Base = "ftp://gateway.example/fhir" },
		"a short key":            func(o *Options) { o.TagKey = make([]byte, 31) },
		"no zone":                func(o *Options) { o.Zone = nil },
		"no types":               func(o *Options) { o.Types = nil },
	} {
		o := options(t)
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("New took %s", name)
		}
	}
}
