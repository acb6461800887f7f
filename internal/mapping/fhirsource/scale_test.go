package fhirsource_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/practice"
)

// generate writes n resources, half of them notes of so many KB, with a client for each 500.
func (r *rig) generate(n, kb int) {
	r.t.Helper()
	body := strings.Repeat("VGhlIGNsaWVudCBzbGVwdCBiZXR0ZXIu", 32*kb)
	files := map[string]func(i int) string{
		"Patient.000.ndjson": func(i int) string {
			if i%500 != 0 {
				return ""
			}
			return fmt.Sprintf(`{"resourceType":"Patient","id":"p%d"}`, i/500)
		},
		"Encounter.000.ndjson": func(i int) string {
			if i%2 == 0 {
				return ""
			}
			return fmt.Sprintf(`{"resourceType":"Encounter","id":"e%d","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/p%d"},"participant":[{"individual":{"reference":"Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|1"}}]}`, i, i/500)
		},
		"DocumentReference.000.ndjson": func(i int) string {
			if i%2 == 1 || i%500 == 0 {
				return ""
			}
			return fmt.Sprintf(`{"resourceType":"DocumentReference","id":"d%d","status":"current","subject":{"reference":"Patient/p%d"},"type":{"coding":[{"system":"http://loinc.org","code":"11506-3"}]},"context":{"encounter":[{"reference":"Encounter/e%d"}]},"content":[{"attachment":{"contentType":"text/plain","data":"%s"}}]}`, i, i/500, i+1, body)
		},
	}
	for name, line := range files {
		f, err := os.Create(filepath.Join(r.dir, name))
		noError(r.t, err)
		w := bufio.NewWriter(f)
		for i := range n {
			if text := line(i); text != "" {
				_, err = w.WriteString(text + "\n")
				noError(r.t, err)
			}
		}
		noError(r.t, w.Flush())
		noError(r.t, f.Close())
	}
}

// large is a practice of n resources.
func large(t testing.TB, n, kb int) *rig {
	text := clinic()
	for _, name := range []string{"Patient.ndjson", "Group.ndjson", "Encounter.ndjson", "DocumentReference.ndjson", "Provenance.ndjson"} {
		delete(text, name)
	}
	text["Consent.ndjson"] = consentOf("c1", "p0")
	r := lay(t, text)
	r.generate(n, kb)
	return r
}

// held is what the heap holds after a collection.
func held() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestBodiesStayOnDisk(t *testing.T) {
	const n = 1000
	noError(t, large(t, 500, 1).Load(context.Background(), nil)) // what is made once for all
	r := large(t, n, 8)
	before := held()
	noError(t, r.Load(context.Background(), nil))
	grown := held() - before
	if each := grown / n; each > 1200 {
		t.Errorf("%d bytes are held for each resource; the files have 4,000", each)
	}
	for client, want := range map[practice.ClientKey]int{"p0": 502, "p1": 500} { // the first has a Consent, which names an organisation
		if got := len(r.chart(client).Candidates); got != want {
			t.Errorf("%s: %d resources, want %d", client, got, want)
		}
	}
}

func TestLoadingTellsHowFarItIs(t *testing.T) {
	r := large(t, 1000, 1)
	var last, total int64
	noError(t, r.Load(context.Background(), func(done, of int64) {
		if done < last {
			t.Error("it goes backwards")
		}
		last, total = done, of
	}))
	if total == 0 || last < total*99/100 || last > total*101/100 {
		t.Errorf("%d of %d in the end", last, total)
	}
}

// BenchmarkLoad reads a folder of 100,000 resources, and then one in which only the Consents are others.
func BenchmarkLoad(b *testing.B) {
	const n = 100_000
	for b.Loop() {
		b.StopTimer()
		r := large(b, n, 3)
		before := held()
		b.StartTimer()
		began := time.Now()
		noError(b, r.Load(context.Background(), nil))
		b.ReportMetric(n/time.Since(began).Seconds(), "resources/s")
		b.StopTimer()
		b.ReportMetric(float64(held()-before)/(1<<20), "heap-MB")
		b.ReportMetric(float64(residentPeak(b))/(1<<10), "peak-RSS-MB")
		runtime.KeepAlive(r)
		b.StartTimer()
	}
}

// BenchmarkRevoke replaces the Consents of a folder of 20,000 resources and asks for its state.
func BenchmarkRevoke(b *testing.B) {
	r := large(b, 20_000, 3)
	noError(b, r.Load(context.Background(), nil))
	for i := 0; b.Loop(); i++ {
		r.write("Consent.ndjson", strings.Replace(consentOf("c1", "p0"), "active", []string{"active", "inactive"}[i%2], 1))
		r.state()
	}
}

// residentPeak is the most that the process has had in memory, in KB; 0 where the system does not tell.
func residentPeak(b *testing.B) (kb int64) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kb); err == nil {
			return kb
		}
	}
	b.Log("no VmHWM")
	return 0
}
