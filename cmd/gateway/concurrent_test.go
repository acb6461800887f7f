package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// question is one request of one partner and the answer that it gets when nobody else asks.
type question struct {
	partner, token, path string
	status               int
	body                 string
}

// servedDemo is a demo that is listening.
func servedDemo(t *testing.T, clients int) *demonstration {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d, err := prepareDemo(t.Context(), demoOptions{dir: t.TempDir(), clients: clients, seed: 3}, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	stop, err := d.serve(context.WithoutCancel(t.Context()), l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// questions are searches and reads of every partner about every client, with their answers.
func questions(t *testing.T, d *demonstration) (all []question) {
	t.Helper()
	released := 0
	for _, p := range d.partners {
		if p.UserLogin {
			continue
		}
		token, err := d.fetchToken(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range d.practice.Clients {
			id := patientID(t, d, c)
			for _, path := range []string{"Patient/" + id, "DocumentReference?patient=" + id + "&_revinclude=Provenance:target&_count=7", "Condition?patient=" + id, "Patient?_count=9"} {
				q := question{partner: p.ID, token: token, path: path}
				w := httptest.NewRecorder()
				d.api.Handler().ServeHTTP(w, q.request(t.Context(), "/fhir/"))
				q.status, q.body = w.Code, w.Body.String()
				released += strings.Count(q.body, `"fullUrl"`)
				all = append(all, q)
			}
		}
	}
	if released < 100 {
		t.Fatalf("%d resources are released in all: there is nothing to mix up", released)
	}
	return all
}

func (q question) request(ctx context.Context, base string) *http.Request {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+q.path, nil)
	if err != nil {
		panic(err)
	}
	r.RequestURI = ""
	r.Header.Set("Authorization", "Bearer "+q.token)
	return r
}

// Whoever else asks at the same time, and whoever breaks off in the middle of an answer: each partner gets the bytes that it gets alone.
func TestNobodyGetsAnothersBytes(t *testing.T) {
	d := servedDemo(t, 24)
	all := questions(t, d)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	var wg sync.WaitGroup
	for worker := range 12 {
		random := rand.New(rand.NewPCG(uint64(worker), 7))
		wg.Go(func() {
			for range 120 {
				q := all[random.IntN(len(all))]
				if worker%4 == 0 {
					breakOff(t.Context(), client, q, d.fhirBase(), random.IntN(4096))
				} else if err := same(t.Context(), client, q, d.fhirBase()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// same asks and compares with the answer that was given when nobody else asked.
func same(ctx context.Context, c *http.Client, q question, base string) error {
	resp, err := c.Do(q.request(ctx, base+"/"))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode != q.status || string(body) != q.body:
		return fmt.Errorf("%s: %d and %d bytes, alone %d and %d bytes", q.partner, resp.StatusCode, len(body), q.status, len(q.body))
	}
	return nil
}

// breakOff asks and hangs up after some bytes.
func breakOff(ctx context.Context, c *http.Client, q question, base string, after int) {
	resp, err := c.Do(q.request(ctx, base+"/"))
	if err != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, resp.Body, int64(after)) // the answer may be shorter
	resp.Body.Close()
}
