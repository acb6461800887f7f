package fhirjson_test

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/fhir/go/fhirversion"
	"github.com/google/fhir/go/jsonformat"
	"google.golang.org/protobuf/proto"

	"github.com/consentry/gateway/conformance/missing"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
)

// oracle is google/fhir's own marshaler.
func oracle(t testing.TB) *jsonformat.Marshaller {
	t.Helper()
	m, err := jsonformat.NewMarshaller(false, "", "", fhirversion.R4)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// exports gives the lines of a real bulk export, or skips.
func exports(t testing.TB, each func(file string, line []byte)) {
	t.Helper()
	files, _ := filepath.Glob("../../../../shared/data/smart-bulk-10/*.ndjson")
	if len(files) == 0 {
		missing.Skip(t, "the export of another system (../shared/data/smart-bulk-10)")
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, fhirjson.MaxBytes)
		for lines.Scan() {
			each(filepath.Base(name), lines.Bytes())
		}
		if err := lines.Err(); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
}

func same(t testing.TB, o *jsonformat.Marshaller, m proto.Message) {
	t.Helper()
	want, wantErr := o.MarshalResource(m)
	got, gotErr := fhirjson.Append(nil, m, fhirjson.Projection{})
	if wantErr != nil || gotErr != nil {
		t.Fatalf("%s: jsonformat's error: %v; ours: %v", m.ProtoReflect().Descriptor().Name(), wantErr, gotErr)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%s differs\n got %s\nwant %s", m.ProtoReflect().Descriptor().Name(), got, want)
	}
}

func TestARealExportIsWrittenAsJsonformatWritesIt(t *testing.T) {
	o := oracle(t)
	n := 0
	exports(t, func(file string, line []byte) {
		if n++; file == "log.ndjson" || n%5 != 0 && n > 100 { // every fifth line: all of them take half a minute under -race
			return
		}
		m, err := fhirjson.Parse(line)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		same(t, o, m)
	})
	if n < 5000 {
		t.Fatalf("only %d resources", n)
	}
}
