package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
)

// BenchmarkEverything compares $everything of whole charts, warm, through the whole gateway with the durable ledger, with a bare Gin handler that writes
// the same bytes of each request, as BenchmarkWarmSearch does for pages.
func BenchmarkEverything(b *testing.B) {
	d := benchDemo(b)
	var requests [][]byte
	bodies := map[string][]byte{}
	for _, partner := range benchPartners {
		token, err := d.fetchToken(b.Context(), d.partner(partner.id))
		if err != nil {
			b.Fatal(err)
		}
		for _, c := range d.practice.Clients {
			path := "Patient/" + patientID(b, d, c) + "/$everything"
			a, err := d.get(b.Context(), token, path)
			if err != nil {
				b.Fatal(err)
			}
			if a.types["DocumentReference"] > benchPage {
				requests = append(requests, rawRequest(d.address, "/fhir/"+path, token))
				bodies["GET "+token+"/fhir/"+path] = a.body
			}
		}
	}
	compare(b, d, requests, bodies)
}

// BenchmarkBatch does the same for batches of ten reads and searches of one client.
func BenchmarkBatch(b *testing.B) {
	d := benchDemo(b)
	var requests [][]byte
	bodies := map[string][]byte{}
	for _, partner := range benchPartners {
		token, err := d.fetchToken(b.Context(), d.partner(partner.id))
		if err != nil {
			b.Fatal(err)
		}
		for _, c := range d.practice.Clients {
			text := benchBatch(b, patientID(b, d, c))
			body, err := postBatch(b.Context(), d.address, token, text)
			if err != nil {
				b.Fatal(err)
			}
			requests = append(requests, fmt.Appendf(nil, "POST /fhir HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/fhir+json\r\nContent-Length: %d\r\n\r\n%s", d.address, token, len(text), text))
			bodies["POST "+token+text] = body
		}
	}
	compare(b, d, requests, bodies)
}

// benchBatch is what an app asks for when a client's page is opened.
func benchBatch(b *testing.B, id string) string {
	b.Helper()
	var entries []map[string]map[string]string
	for _, url := range []string{"Patient/" + id, "Condition?patient=" + id, "MedicationRequest?patient=" + id, "Observation?patient=" + id, "Encounter?patient=" + id, "Goal?patient=" + id, "CarePlan?patient=" + id,
		"Procedure?patient=" + id, "Consent?patient=" + id, "DocumentReference?_count=10&patient=" + id} {
		entries = append(entries, map[string]map[string]string{"request": {"method": "GET", "url": url}})
	}
	text, err := json.Marshal(map[string]any{"resourceType": "Bundle", "type": "batch", "entry": entries})
	if err != nil {
		b.Fatal(err)
	}
	return string(text)
}

func postBatch(ctx context.Context, address, token, text string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/fhir", strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/fhir+json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", resp.StatusCode)
	}
	return io.ReadAll(resp.Body)
}

// compare loads the gateway and a bare Gin handler in turns and reports their ratio.
func compare(b *testing.B, d *demonstration, requests [][]byte, bodies map[string][]byte) {
	b.Helper()
	if len(requests) < benchClients*len(benchPartners)*8/10 {
		b.Fatalf("only %d requests", len(requests))
	}
	bare := bareGinAt(b, bodies)
	const turns, lasting = 3, 2 * time.Second
	load(b, d.address, requests, lasting)
	load(b, bare, requests, lasting/2)
	var ratios, gateways, bares []float64
	for range turns {
		g, x := load(b, d.address, requests, lasting), load(b, bare, requests, lasting)
		ratios, gateways, bares = append(ratios, g/x), append(gateways, g), append(bares, x)
	}
	b.ReportMetric(median(ratios), "ratio")
	b.ReportMetric(median(gateways), "gateway-req/s")
	b.ReportMetric(median(bares), "bare-req/s")
	b.ReportMetric(float64(meanLength(bodies)), "body-bytes")
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(residentBytes())/(1<<20), "rss-MB")
	reportStages(b, d)
}

// bareGinAt writes of each request the bytes that the gateway answers it with.
func bareGinAt(b *testing.B, bodies map[string][]byte) string {
	b.Helper()
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	token := func(c *gin.Context) string { return strings.TrimPrefix(c.GetHeader("Authorization"), "Bearer ") }
	e.GET("/fhir/Patient/:id/$everything", func(c *gin.Context) {
		c.Data(http.StatusOK, "application/fhir+json", bodies["GET "+token(c)+c.Request.URL.Path])
	})
	e.POST("/fhir", func(c *gin.Context) {
		text, _ := io.ReadAll(c.Request.Body)
		c.Data(http.StatusOK, "application/fhir+json", bodies["POST "+token(c)+string(text)])
	})
	return listening(b, e)
}
