package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/consentry/gateway/internal/demo"
	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/practice"
)

const (
	benchClients     = 100
	benchConnections = 64
	benchNotes       = 60
	benchPage        = 50
)

// benchPartners are three providers; every client has released everything to each of them.
var benchPartners = []struct {
	id           string
	organization demo.Organization
}{{"harbor-family-medicine", demo.ReferringClinic}, {"new-dawn-recovery", demo.Part2Clinic}, {"reyes-attorneys", demo.LawFirm}}

// benchDemo is a demo whose clients have long charts and plain releases.
func benchDemo(b *testing.B) *demonstration {
	b.Helper()
	ctx := b.Context()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	d, err := prepareDemo(ctx, demoOptions{dir: b.TempDir(), clients: benchClients, seed: 1}, l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	fillCharts(b, d.practice)
	stop, err := d.serve(ctx, l)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := stop(); err != nil {
			b.Error(err)
		}
		if err := d.Close(); err != nil {
			b.Error(err)
		}
	})
	return d
}

// fillCharts gives every client notes enough for a page and a release of everything to each partner, in place of the forms that they have.
func fillCharts(b *testing.B, p *demo.Practice) {
	b.Helper()
	w, err := p.Writer(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	for _, statement := range []string{
		"PRAGMA synchronous=OFF",
		"DELETE FROM releases",
		`INSERT INTO notes (client_id, note_type, author_id, written_at, subjective, objective, assessment, plan, status, signed_at, signed_by, updated_at)
		 SELECT c.id, 'soap', 2, datetime('2026-01-05 10:00:00', '+' || n.value || ' days'),
		   'Slept better this week and went back to work on three days. ' || hex(randomblob(180)), 'Alert, oriented, mood improved.',
		   'Symptoms in partial remission.', 'Continue weekly sessions; practise the exercises agreed upon.', 'signed', '2026-06-01 12:00:00', 2,
		   datetime('2026-01-05 10:00:00', '+' || n.value || ' days')
		 FROM clients c, (WITH RECURSIVE g(value) AS (SELECT 1 UNION ALL SELECT value+1 FROM g WHERE value < ` + strconv.Itoa(benchNotes) + `) SELECT value FROM g) n`,
	} {
		if _, err := w.Exec(b.Context(), statement); err != nil {
			b.Fatal(err)
		}
	}
	for _, c := range p.Clients {
		for _, partner := range benchPartners {
			purpose := "treatment"
			if partner.organization == demo.LawFirm {
				purpose = "at_my_request"
			}
			_, err := w.Sign(b.Context(), c, demo.Release{Form: "roi", Status: "active", Signed: p.Now.AddDate(0, -1, 0), EffectiveOn: "2026-01", ExpiresOn: "2030", EntireRecord: true,
				Recipients: []demo.Recipient{{Organization: partner.organization.ID}}, Purposes: []string{purpose}, Topics: []string{"substance_use", "hiv", "mental_health"}}, p.Now)
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

// rawRequest is a request as it goes over the wire.
func rawRequest(host, pathAndQuery, token string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nAccept: application/fhir+json\r\n\r\n", pathAndQuery, host, token)
}

// benchRequests ask one thing about each client as each partner, if it is answered as wanted: the requests as they go over the wire, and the answers by
// what bareGin knows a request by.
func benchRequests(b *testing.B, d *demonstration, ask func(patient string) (pathAndQuery string), wanted func(*answer) bool) (requests [][]byte, bodies map[string][]byte) {
	b.Helper()
	bodies = map[string][]byte{}
	for _, partner := range benchPartners {
		token, err := d.fetchToken(b.Context(), d.partner(partner.id))
		if err != nil {
			b.Fatal(err)
		}
		for _, c := range d.practice.Clients {
			path := ask(patientID(b, d, c))
			a, err := d.get(b.Context(), token, path)
			if err != nil {
				b.Fatal(err)
			}
			if wanted(a) {
				requests = append(requests, rawRequest(d.address, "/fhir/"+path, token))
				bodies["GET Bearer "+token+" /fhir/"+path] = a.body
			}
		}
	}
	return requests, bodies
}

func patientID(b testing.TB, d *demonstration, c practice.ClientKey) string {
	b.Helper()
	id, err := d.sealer.Seal("Patient", string(c), "patient", string(c))
	if err != nil {
		b.Fatal(err)
	}
	return fhir.Reference{Type: "Patient", ID: id}.ID
}

// load sends requests over connections for a while and gives how many were answered with 200 and how many bytes came, per second.
func load(b *testing.B, address string, requests [][]byte, lasting time.Duration) (perSecond float64) {
	b.Helper()
	var answered atomic.Int64
	var wg sync.WaitGroup
	ctx, cancel := context.WithTimeout(b.Context(), lasting)
	defer cancel()
	began := time.Now()
	for i := range benchConnections {
		wg.Go(func() {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				b.Error(err)
				return
			}
			defer conn.Close()
			r := bufio.NewReaderSize(conn, 64<<10)
			for n := i; ctx.Err() == nil; n += benchConnections {
				if err := exchange(conn, r, requests[n%len(requests)]); err != nil {
					b.Error(err)
					return
				}
				answered.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(answered.Load()) / time.Since(began).Seconds()
}

// exchange sends one request and reads its answer to the end.
func exchange(conn net.Conn, r *bufio.Reader, request []byte) error {
	if _, err := conn.Write(request); err != nil {
		return err
	}
	line, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if len(line) < 12 || string(line[9:12]) != "200" {
		return fmt.Errorf("answered %q", strings.TrimSpace(string(line)))
	}
	length := -1
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		if name, value, ok := strings.Cut(string(line), ":"); ok && textproto.CanonicalMIMEHeaderKey(name) == "Content-Length" {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return fmt.Errorf("no Content-Length")
	}
	_, err = io.CopyN(io.Discard, r, int64(length))
	return err
}

// bareGin serves the same bytes from bare Gin handlers: of each request those that the gateway answers it with.
func bareGin(b *testing.B, bodies map[string][]byte) string {
	b.Helper()
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	answer := func(c *gin.Context) {
		text, _ := io.ReadAll(c.Request.Body)
		c.Data(http.StatusOK, "application/fhir+json", bodies[c.Request.Method+" "+c.GetHeader("Authorization")+" "+c.Request.RequestURI+string(text)])
	}
	e.GET("/fhir/:type", answer)
	e.GET("/fhir/:type/:id/:operation", answer)
	e.POST("/fhir", answer)
	return listening(b, e)
}

// listening serves a handler until the benchmark ends.
func listening(b *testing.B, e http.Handler) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &http.Server{Handler: e}
	go s.Serve(l) //nolint:errcheck // ends with the test
	b.Cleanup(func() { s.Close() })
	return l.Addr().String()
}

// BenchmarkWarmSearch compares a warm search page of 50 DocumentReferences, through the whole gateway with the durable ledger, with a bare Gin
// handler that writes the same bytes: 64 connections, 100 clients x 3 requesters, in turns within one run. The ratio is what counts.
func BenchmarkWarmSearch(b *testing.B) {
	d := benchDemo(b)
	requests, bodies := benchRequests(b, d, func(id string) string { return searchOf(id, "") }, fullPage)
	compare(b, d, requests, bodies, 10)
}

// searchOf asks for a page of notes, in a way.
func searchOf(patient, more string) string {
	return fmt.Sprintf("DocumentReference?patient=%s&category=clinical-note&_sort=-date&_count=%d", patient, benchPage) + more
}

func fullPage(a *answer) bool { return a.types["DocumentReference"] == benchPage }

// compare loads the gateway and a bare Gin handler in turns and reports their ratio, and what processor time each takes.
func compare(b *testing.B, d *demonstration, requests [][]byte, bodies map[string][]byte, turns int) {
	b.Helper()
	if len(requests) < benchClients*len(benchPartners)*8/10 {
		b.Fatalf("only %d of %d requests are answered as wanted", len(requests), benchClients*len(benchPartners))
	}
	bare := bareGin(b, bodies)
	const lasting = time.Second // many short turns: the machine's speed changes meanwhile
	load(b, d.address, requests, 2*lasting)
	load(b, bare, requests, lasting)
	var ratios, gateways, bares, gatewayCPU, bareCPU []float64
	for range turns {
		before := processorTime(b)
		g := load(b, d.address, requests, lasting)
		between := processorTime(b)
		x := load(b, bare, requests, lasting)
		after := processorTime(b)
		ratios, gateways, bares = append(ratios, g/x), append(gateways, g), append(bares, x)
		gatewayCPU = append(gatewayCPU, perRequest(between-before, g, lasting))
		bareCPU = append(bareCPU, perRequest(after-between, x, lasting))
	}
	b.ReportMetric(median(ratios), "ratio")
	b.ReportMetric(median(gateways), "gateway-req/s")
	b.ReportMetric(median(bares), "bare-req/s")
	b.ReportMetric(median(gatewayCPU), "gateway-cpu-us/req")
	b.ReportMetric(median(bareCPU), "bare-cpu-us/req")
	b.ReportMetric(float64(meanLength(bodies)), "body-bytes")
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(residentBytes())/(1<<20), "rss-MB")
	reportStages(b, d)
}

// processorTime is what this process has used, client and both servers together.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// perRequest is the processor time of one request, in microseconds.
func perRequest(used time.Duration, perSecond float64, lasting time.Duration) float64 {
	return float64(used.Microseconds()) / (perSecond * lasting.Seconds())
}

func meanLength(bodies map[string][]byte) (mean int) {
	for _, body := range bodies {
		mean += len(body)
	}
	return mean / len(bodies)
}

func median(xs []float64) float64 {
	s := slices.Sorted(slices.Values(xs))
	return s[len(s)/2]
}

// residentBytes is the resident set of this process, client and both servers together.
func residentBytes() int {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	pages, _ := strconv.Atoi(fields[1])
	return pages * os.Getpagesize()
}

// reportStages reports the mean time of each stage of the gateway's requests, from its own metrics.
func reportStages(b *testing.B, d *demonstration) {
	b.Helper()
	families, err := d.metrics.Registry().Gather()
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "gateway_stage_seconds" {
			continue
		}
		for _, m := range f.GetMetric() {
			h := m.GetHistogram()
			if h.GetSampleCount() > 0 {
				b.ReportMetric(1e6*h.GetSampleSum()/float64(h.GetSampleCount()), m.GetLabel()[0].GetValue()+"-us")
			}
		}
	}
}

// BenchmarkColdChart measures the first request for a client: Consents, chart, labels, decision, view and page.
func BenchmarkColdChart(b *testing.B) {
	d := benchDemo(b)
	token, err := d.fetchToken(b.Context(), d.partner(benchPartners[0].id))
	if err != nil {
		b.Fatal(err)
	}
	w, err := d.practice.Writer(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	sum := sha256.New()
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		// Any committed change makes every chart cold.
		if _, err := w.Exec(b.Context(), "UPDATE clients SET updated_at=updated_at WHERE id=(SELECT MIN(id) FROM clients)"); err != nil {
			b.Fatal(err)
		}
		c := d.practice.Clients[i%len(d.practice.Clients)]
		query := fmt.Sprintf("DocumentReference?patient=%s&_count=%d", patientID(b, d, c), benchPage)
		b.StartTimer()
		a, err := d.get(b.Context(), token, query)
		if err != nil {
			b.Fatal(err)
		}
		sum.Write(a.body[:1])
	}
}
