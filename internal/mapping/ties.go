package mapping

import (
	"context"
	"fmt"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/practice"
)

// Ties gives the organisations that the practice's data tie to each of several clients: what Chart gives for one, without
// reading the rest of a chart.
func (m *Maps) Ties(ctx context.Context, src practice.Source, clients []practice.ClientKey) (map[practice.ClientKey][]Tie, error) {
	ties := map[practice.ClientKey][]Tie{}
	runs := make(map[practice.ClientKey]*run, len(clients))
	for _, c := range clients {
		x, err := m.newRun(c)
		if err != nil {
			return nil, err
		}
		runs[c] = x
	}
	for _, rm := range m.maps {
		if rm.tie == nil || len(runs) == 0 {
			continue
		}
		read, err := m.tieRows(ctx, src, rm, clients, runs)
		if err != nil {
			return nil, err
		}
		for client, rows := range read {
			for i, r := range rows.made {
				if r.tie != (fhir.Identifier{}) && !rows.keys.twice(r.key, i) {
					ties[client] = append(ties[client], Tie{To: r.tie})
				}
			}
		}
	}
	return ties, nil
}

// clientRows are one client's rows of one map.
type clientRows struct {
	made []made
	keys *keys
}

// tieRows reads the rows of one map for several clients at once. A row of another client than was asked for ties nobody.
func (m *Maps) tieRows(ctx context.Context, src practice.Source, rm *rowMap, clients []practice.ClientKey, runs map[practice.ClientKey]*run) (map[practice.ClientKey]*clientRows, error) {
	read := make(map[practice.ClientKey]*clientRows, len(runs))
	for c := range runs {
		read[c] = &clientRows{keys: newKeys(false, 0)}
	}
	err := src.Rows(ctx, rm.query, clients, func(row practice.Row) error {
		if len(row) != len(rm.query.Columns) {
			return fmt.Errorf("mapping: %s: the source yields another number of columns than declared", rm.kind)
		}
		client, _ := practice.CanonicalClient(row[rm.client])
		of := read[client]
		if of == nil {
			return nil
		}
		x := runs[client]
		x.row = row
		r := m.row(x, rm)
		of.keys.add(r.key, len(of.made))
		of.made = append(of.made, r)
		return nil
	}, func(b *practice.BrokenRow) {
		for client, of := range read {
			if b.Client == "" || b.Client == client {
				of.keys.broken(b.Key)
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("mapping: %s: %w", rm.kind, err)
	}
	return read, nil
}
