package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Warm, through the whole gateway with the durable ledger, compared with a bare Gin handler that writes the same bytes of each request, as
// BenchmarkWarmSearch does for pages.

// BenchmarkEverything asks for $everything of whole charts.
func BenchmarkEverything(b *testing.B) {
	d := benchDemo(b)
	requests, bodies := benchRequests(b, d, func(id string) string { return "Patient/" + id + "/$everything" },
		func(a *answer) bool { return a.types["DocumentReference"] > benchPage })
	compare(b, d, requests, bodies, 6)
}

// BenchmarkInclude asks for the page of BenchmarkWarmSearch with what it refers to.
func BenchmarkInclude(b *testing.B) {
	benchPages(b, "&_include=DocumentReference:subject&_include=DocumentReference:author", func(a *answer) bool {
		return fullPage(a) && a.types["Patient"] == 1 && a.types["Practitioner"] > 0
	})
}

// BenchmarkRevInclude asks for it with what refers to it.
func BenchmarkRevInclude(b *testing.B) {
	benchPages(b, "&_revinclude=Provenance:target", func(a *answer) bool { return fullPage(a) && a.types["Provenance"] >= benchPage })
}

// BenchmarkElements asks for a part of each note.
func BenchmarkElements(b *testing.B) { benchPages(b, "&_elements=date,type,author", fullPage) }

func benchPages(b *testing.B, more string, wanted func(*answer) bool) {
	b.Helper()
	d := benchDemo(b)
	requests, bodies := benchRequests(b, d, func(id string) string { return searchOf(id, more) }, wanted)
	compare(b, d, requests, bodies, 6)
}

// BenchmarkBatch asks for batches of ten reads and searches of one client.
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
			bodies["POST Bearer "+token+" /fhir"+text] = body
		}
	}
	compare(b, d, requests, bodies, 6)
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
