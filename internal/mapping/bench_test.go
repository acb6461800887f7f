package mapping_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/ident"
	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/practice"
)

const benchRows = 2000

// benchDatabase is one client with many signed notes of about 1.5 KB.
func benchDatabase(b *testing.B) string {
	var rows strings.Builder
	text := strings.Repeat("Sleeps better and works again; homework was done. ", 15)
	for i := range benchRows {
		fmt.Fprintf(&rows, "INSERT INTO notes VALUES (%d,7,70,'soap','2026-10-05 10:%02d:00','%s','%s','1111111112','2026-10-05 11:00:00','1111111112',NULL,NULL,NULL);\n",
			1000+i, i%60, text, text)
	}
	return database(b, "BEGIN;"+rows.String()+"COMMIT;")
}

// asJSON reads the columns of the note map as the database itself writes them as JSON: the limit.
var asJSON = practice.Query{Map: "json", Key: "", Client: "client", Columns: []practice.Column{{Name: "j", Type: practice.Text}},
	SQL: `SELECT json_object('id',n.id,'client',n.client,'enc',n.enc,'at',n.at,'s',n.s,'o',n.o,'npi',n.npi,'signed',n.signed,'snpi',n.snpi,
  'cosigned',n.cosigned,'cnpi',n.cnpi,'sens',n.sens) AS j FROM notes n WHERE n.note_type = 'soap' AND n.client IN (:clients)`}

// BenchmarkRows maps rows to a DocumentReference and a Provenance each, seals their ids and digests them, and reads the same rows as JSON
// from the database. ratio is mapped rows per second as a part of the latter.
func BenchmarkRows(b *testing.B) {
	m := benchMaps(b)
	src := source(b, benchDatabase(b))
	ctx := context.Background()
	var mapped, plain time.Duration
	for b.Loop() {
		begin := time.Now()
		chart, err := m.Chart(ctx, src, "7")
		if err != nil || len(chart.Candidates) < 2*benchRows {
			b.Fatal(err)
		}
		mapped += time.Since(begin)
		begin = time.Now()
		var out []byte
		n := 0
		err = src.Rows(ctx, asJSON, []practice.ClientKey{"7"}, func(r practice.Row) error {
			out = append(append(out[:0], r[0].Text...), '\n')
			n++
			return nil
		}, nil)
		if err != nil || n < benchRows {
			b.Fatal(err, n)
		}
		plain += time.Since(begin)
	}
	b.ReportMetric(float64(benchRows*b.N)/mapped.Seconds(), "rows/s")
	b.ReportMetric(float64(benchRows*b.N)/plain.Seconds(), "json-rows/s")
	b.ReportMetric(plain.Seconds()/mapped.Seconds(), "ratio")
}

func benchMaps(b *testing.B) *mapping.Maps {
	sealer, err := ident.NewSealer(bytes.Repeat([]byte{7}, ident.KeySize), nil)
	if err != nil {
		b.Fatal(err)
	}
	m, err := mapping.Load(folder(b, clinic()), "maps/test", mapping.Options{Sealer: sealer, Zone: chicago})
	if err != nil {
		b.Fatal(err)
	}
	return m
}
