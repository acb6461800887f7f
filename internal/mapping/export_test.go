package mapping

import (
	"context"

	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release/stage"
)

// Made is a resource with its body open, which only a test of this package may see.
type Made struct {
	JSON       string
	SecurityAt int
	Facts      *stage.Facts
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
				all = append(all, Made{string(e.json), e.securityAt, e.facts})
			}
		}
	}
	return all, report, nil
}

// AppendString is appendString.
func AppendString(dst []byte, s string) []byte { return appendString(dst, s) }
