package mapping

import (
	"context"
	"fmt"

	"github.com/google/fhir/go/fhirversion"
	"github.com/google/fhir/go/jsonformat"

	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release/stage"
)

// Made is a resource with its body open, which only a test of this package may see.
type Made struct {
	JSON       string
	SecurityAt int
	Facts      *stage.Facts
	Binaries   []MadeBinary
}

// MadeBinary is a Binary with its data open.
type MadeBinary struct {
	JSON  string
	Raw   []byte
	Facts *stage.Facts
}

func madeOf(e encoded) Made {
	m := Made{JSON: string(e.json), SecurityAt: e.securityAt, Facts: e.facts}
	for _, b := range e.binaries {
		m.Binaries = append(m.Binaries, MadeBinary{string(b.json[:b.dataAt]) + "<data>" + string(b.json[b.dataAt:]), b.raw, b.facts})
	}
	return m
}

// MadeOf maps one client's rows, or the directory for "", in order of the maps.
func (m *Maps) MadeOf(ctx context.Context, src practice.Source, client practice.ClientKey) ([]Made, Report, error) {
	x, err := m.newRun(client)
	if err != nil {
		return nil, nil, err
	}
	var all []Made
	var report Report
	for _, rm := range m.maps {
		if rm.directory() != (client == "") {
			continue
		}
		var clients []practice.ClientKey
		if client != "" {
			clients = []practice.ClientKey{client}
		}
		rows, r, err := m.read(ctx, src, x, rm, clients)
		if err != nil {
			return nil, nil, err
		}
		report = append(report, r)
		for _, row := range rows {
			for _, e := range row.results {
				all = append(all, madeOf(e))
			}
		}
	}
	return all, report, nil
}

// Holds maps the rows of one map and says what is wrong with what came of them, "" if nothing is.
func (m *Maps) Holds(src practice.Source, kind string, client practice.ClientKey) string {
	x, err := m.newRun(client)
	if err != nil {
		return err.Error()
	}
	marshaller, err := jsonformat.NewMarshaller(false, "", "", fhirversion.R4)
	if err != nil {
		return err.Error()
	}
	c := &checker{m: m, marshaller: marshaller}
	rows, report, err := m.read(context.Background(), src, x, m.byKind[kind], []practice.ClientKey{client})
	switch {
	case err != nil:
		return err.Error()
	case len(rows) == 0:
		return fmt.Sprintf("nothing was mapped: %+v", report)
	}
	for _, r := range rows {
		for _, e := range r.results {
			if why := c.resource(e); why != "" {
				return why + ": " + string(e.json)
			}
		}
	}
	return ""
}

// TableOf is tableOf.
var TableOf = tableOf

// AppendBase64 is appendBase64.
var AppendBase64 = appendBase64
