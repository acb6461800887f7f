package fhirjson_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
)

// progressNote is a DocumentReference of about 2.4 KB, as the gateway emits them.
func progressNote(tb testing.TB) proto.Message {
	tb.Helper()
	text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("S: sleeps better. O: calm. A: improving. P: weekly. ", 18)))
	m, err := fhirjson.Parse([]byte(`{"resourceType":"DocumentReference","id":"d","meta":{"lastUpdated":"2026-03-01T12:00:00Z","profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-documentreference"],
	"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"MH"},{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"N"}]},
	"identifier":[{"system":"urn:ietf:rfc:3986","value":"urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"}],"status":"current","docStatus":"final",
	"type":{"coding":[{"system":"http://loinc.org","code":"11506-3","display":"Progress note"}]},
	"category":[{"coding":[{"system":"http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category","code":"clinical-note","display":"Clinical Note"}]}],
	"subject":{"reference":"Patient/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},"date":"2026-03-01T12:00:00Z",
	"author":[{"reference":"Practitioner/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}],"custodian":{"reference":"Organization/cc"},
	"content":[{"attachment":{"contentType":"text/plain; charset=utf-8","data":"` + text + `","title":"Progress note 2026-03-01","creation":"2026-03-01T12:00:00Z"},
	"format":{"system":"http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode","code":"urn:ihe:iti:xds:2017:mimeTypeSufficient"}}],
	"context":{"encounter":[{"reference":"Encounter/ee"}],"period":{"start":"2026-03-01T11:00:00Z","end":"2026-03-01T11:50:00Z"}}}`))
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// BenchmarkMarshal holds the two writers against each other; ratio is jsonformat's time to ours.
func BenchmarkMarshal(b *testing.B) {
	m := progressNote(b)
	o := oracle(b)
	var ours, theirs float64
	b.Run("fhirjson", func(b *testing.B) {
		buf := make([]byte, 0, 8<<10)
		b.ReportAllocs()
		for b.Loop() {
			out, err := fhirjson.Append(buf[:0], m, fhirjson.Projection{})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(out)))
		}
		ours = float64(b.Elapsed()) / float64(b.N)
	})
	b.Run("jsonformat", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := o.MarshalResource(m); err != nil {
				b.Fatal(err)
			}
		}
		theirs = float64(b.Elapsed()) / float64(b.N)
		if ours > 0 {
			b.ReportMetric(theirs/ours, "ratio")
		}
	})
}

func BenchmarkParse(b *testing.B) {
	text, err := fhirjson.Append(nil, progressNote(b), fhirjson.Projection{})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := fhirjson.Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkProject(b *testing.B) {
	m := progressNote(b)
	gone := func(r fhir.Reference) bool { return r.Type == "Encounter" }
	for b.Loop() {
		if _, err := fhirjson.Append(nil, m, fhirjson.Projection{Gone: gone}); err != nil {
			b.Fatal(err)
		}
	}
}
