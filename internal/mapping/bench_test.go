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

// BenchmarkRows maps rows to resources, seals their ids and digests them, and reads the same rows as JSON from the database. ratio is mapped
// rows per second as a part of the latter. A note becomes two resources with its Provenance, and one without.
func BenchmarkRows(b *testing.B) {
	path := benchDatabase(b)
	b.Run("note", func(b *testing.B) { benchRowsOf(b, path, strings.Split(noteMap, "provenance:")[0]) })
	b.Run("note and Provenance", func(b *testing.B) { benchRowsOf(b, path, noteMap) })
}

func benchRowsOf(b *testing.B, path, note string) {
	maps := clinic()
	maps["note.yaml"] = note
	m := benchMaps(b, maps)
	src := source(b, path)
	ctx := context.Background()
	var mapped, plain time.Duration
	resources, n := 0, 0
	for b.Loop() {
		n++
		begin := time.Now()
		chart, err := m.Chart(ctx, src, "7")
		if err != nil || len(chart.Candidates) < benchRows {
			b.Fatal(err)
		}
		mapped += time.Since(begin)
		resources += len(chart.Candidates)
		begin = time.Now()
		rows := 0
		var out []byte
		err = src.Rows(ctx, asJSON, []practice.ClientKey{"7"}, func(r practice.Row) error {
			out = append(append(out[:0], r[0].Text...), '\n')
			rows++
			return nil
		}, nil)
		if err != nil || rows < benchRows {
			b.Fatal(err, rows)
		}
		plain += time.Since(begin)
	}
	b.ReportMetric(float64(benchRows*n)/mapped.Seconds(), "rows/s")
	b.ReportMetric(float64(resources)/mapped.Seconds(), "resources/s")
	b.ReportMetric(float64(benchRows*n)/plain.Seconds(), "json-rows/s")
	b.ReportMetric(plain.Seconds()/mapped.Seconds(), "ratio")
}

func benchMaps(b *testing.B, maps map[string]string) *mapping.Maps {
	sealer, err := ident.NewSealer(bytes.Repeat([]byte{7}, ident.KeySize), nil)
	if err != nil {
		b.Fatal(err)
	}
	m, err := mapping.Load(folder(b, maps), "maps/test", mapping.Options{Sealer: sealer, Zone: chicago})
	if err != nil {
		b.Fatal(err)
	}
	return m
}
