package conformance

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestAnswersThatNobodyReadsAreBounded lets partners with good tokens ask for long answers, alone and in batches, and read none. What they hold stays within
// the budget, whoever asks for little gets it meanwhile, whoever asks for much is told to come back, and afterwards all of it is given back.
func TestAnswersThatNobodyReadsAreBounded(t *testing.T) {
	const budget = 96 << 20
	c := changedClinic(t, patience, fmt.Sprintf("limits: {request-timeout: 20s, answer-timeout: 20s, requests-per-minute: 0, answer-bytes: %d}", budget))
	if err := c.open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.stop() })
	ask := c.as(t, harbor)
	client := "Patient/" + c.id(t, c.practice.Story.Referred)
	everything := client + "/$everything"
	some := slices.Repeat([]string{"GET " + everything}, 5)
	refused := func() (n int) {
		for _, e := range ask.batch(t, some...).batchEntries(t) {
			if e.Response.Status == "503 Service Unavailable" && len(e.Resource) == 0 {
				n++
			} else if e.Response.Status != "200 OK" {
				t.Errorf("an entry of a batch is answered %s", e.Response.Status)
			}
		}
		return n
	}
	if n := refused(); n > 0 {
		t.Fatalf("%d entries are refused", n)
	}
	before := c.gauge(t, "process_resident_memory_bytes")
	body := batchOf(t, slices.Repeat([]string{"GET " + everything}, 50)...)
	head := " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + ask.token + "\r\n"
	batch := "POST /fhir" + head + fmt.Sprintf("Content-Type: application/fhir+json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	for i := range 60 {
		c.stall(t, fmt.Sprintf("127.0.6.%d", 1+i), batch)
	}
	var most, held float64
	for began := time.Now(); time.Since(began) < 8*time.Second; time.Sleep(50 * time.Millisecond) {
		most, held = max(most, c.gauge(t, "process_resident_memory_bytes")), max(held, c.gauge(t, "gateway_answer_bytes"))
		if a := ask.get(t, client); a.status != 200 {
			t.Fatalf("a short answer is refused: %d", a.status)
		}
		refused()
	}
	t.Logf("%.0f MB before, %.0f MB at most, of which answers %.0f MB", before/(1<<20), most/(1<<20), held/(1<<20))
	if most > 420<<20 {
		t.Errorf("%.0f MB are held", most/(1<<20))
	}
	if held > budget || held < budget*3/4 {
		t.Errorf("answers hold %.0f MB", held/(1<<20))
	}
	eventually(t, "all is given back", func() bool { return c.gauge(t, "gateway_answer_bytes") == 0 })
	if n := refused(); n > 0 {
		t.Errorf("afterwards %d entries are refused", n)
	}
}
