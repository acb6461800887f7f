package fhirsource_test

import (
	"bufio"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/conformance/missing"
	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/mapping/fhirsource"
	"github.com/consentry/gateway/internal/release/facts"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/profiles"
)

func options(t testing.TB) fhirsource.Options {
	t.Helper()
	types, err := facts.LoadTypes(profiles.FS)
	if err != nil {
		t.Fatal(err)
	}
	chicago, err := time.LoadLocation("America/Chicago")
	if err != nil {
		t.Fatal(err)
	}
	return fhirsource.Options{Zone: chicago, Types: types, Origin: stage.Origin{Listed: true}}
}

func candidate(t testing.TB, json string, o fhirsource.Options) *stage.Facts {
	t.Helper()
	c, err := fhirsource.Candidate([]byte(json), o)
	if err != nil {
		t.Fatal(err)
	}
	return c.Facts()
}

func ref(typ, id string) fhir.Reference { return fhir.Reference{Type: typ, ID: id} }

func TestWhomAResourceIsAbout(t *testing.T) {
	a, b := ref("Patient", "a"), ref("Patient", "b")
	withGroup := func(o *fhirsource.Options) {
		o.Members = func(g fhir.Reference) []fhir.Reference {
			if g == ref("Group", "g") {
				return []fhir.Reference{b, a}
			}
			return nil
		}
	}
	cases := []struct {
		name    string
		json    string
		set     func(*fhirsource.Options)
		subject fhir.Reference
		clients []fhir.Reference
	}{
		{"a Patient is about itself", `{"resourceType":"Patient","id":"a"}`, nil, a, []fhir.Reference{a}},
		{"subject", `{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/a"}}`, nil, a, []fhir.Reference{a}},
		{"patient", `{"resourceType":"RelatedPerson","id":"r","patient":{"reference":"Patient/a"}}`, nil, a, []fhir.Reference{a}},
		{"an absolute subject is nobody known", `{"resourceType":"Condition","id":"c","subject":{"reference":"https://x.example/Patient/a"}}`, nil, fhir.Reference{}, nil},
		{"a subject by identifier is nobody known", `{"resourceType":"Condition","id":"c","subject":{"identifier":{"system":"urn:x","value":"1"}}}`, nil, fhir.Reference{}, nil},
		{"nor is it with another chart given", `{"resourceType":"Condition","id":"c","subject":{"display":"A"}}`, func(o *fhirsource.Options) { o.Subject = a }, fhir.Reference{}, nil},
		{"focus does not confer it", `{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"focus":[{"reference":"Patient/a"}]}`, nil, fhir.Reference{}, nil},
		{"an unknown group is nobody known", `{"resourceType":"Encounter","id":"e","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Group/h"}}`, withGroup, fhir.Reference{}, nil},
		{"a known group is its members", `{"resourceType":"Encounter","id":"e","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Group/g"}}`,
			func(o *fhirsource.Options) { withGroup(o); o.Subject = a }, a, []fhir.Reference{a, b}},
		{"further clients", `{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/b"}}`, func(o *fhirsource.Options) { o.Clients = []fhir.Reference{a} }, b, []fhir.Reference{a, b}},
		{"an Organization is about nobody", `{"resourceType":"Organization","id":"o","name":"N"}`, nil, fhir.Reference{}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o := options(t)
			if c.set != nil {
				c.set(&o)
			}
			f := candidate(t, c.json, o)
			if f.Subject != c.subject {
				t.Errorf("subject %v, want %v", f.Subject, c.subject)
			}
			if d := cmp.Diff(c.clients, f.Clients); d != "" {
				t.Errorf("clients (-want +got)\n%s", d)
			}
		})
	}
}

func TestARealExportCanBeRead(t *testing.T) {
	files, _ := filepath.Glob("../../../../shared/data/smart-bulk-10/*.ndjson")
	if len(files) == 0 {
		missing.Skip(t, "the export of another system (../shared/data/smart-bulk-10)")
	}
	o := options(t)
	about := map[string]int{}
	for _, name := range files {
		if filepath.Base(name) == "log.ndjson" {
			continue
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<22)
		for n := 0; lines.Scan() && n < 150; n++ {
			c, err := fhirsource.Candidate(lines.Bytes(), o)
			if err != nil {
				t.Fatalf("%s: %v", filepath.Base(name), err)
			}
			if len(c.Facts().Clients) == 1 && c.Facts().Origin.Listed {
				about[c.Facts().Type]++
			}
		}
		f.Close()
	}
	for _, typ := range []string{"Patient", "Condition", "DocumentReference", "Encounter", "MedicationRequest", "Procedure"} {
		if about[typ] < 10 {
			t.Errorf("%s: %d resources are about one known client", typ, about[typ])
		}
	}
	if about["Device"] > 0 {
		t.Error("a type that no file lists was listed")
	}
}
