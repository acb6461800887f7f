package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/consentry/gateway/internal/demo"
	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release"
	"github.com/consentry/gateway/internal/smart"
)

// The partners of the story.
const (
	storyProvider = "harbor-family-medicine"
	storyInsurer  = "blueriver-health-plan"
	storyEmployer = "northline-logistics"
)

// story tells what the gateway does, by doing it. The requests go over HTTP; the reasons come from the engine beside it, since no partner is
// ever told one.
type story struct {
	demo *demonstration
	out  io.Writer
	ctx  context.Context
	seen bytes.Buffer // everything that left
}

func (s *story) say(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

func (s *story) opening(o demoOptions, took time.Duration) {
	s.say("Consentry: a synthetic practice with %d clients, ready after %.1fs on %s", o.clients, took.Seconds(), s.demo.fhirBase())
	s.say("The gateway has proven that it cannot read the psychotherapy notes in %s.", s.demo.practice.Psychotherapy)
}

// tell runs the steps.
func (s *story) tell() error {
	client := s.demo.practice.Story.Referred
	steps := []struct {
		title string
		run   func() error
	}{
		{"A referring provider asks which clients it may know of, and pulls one client's records", func() error { return s.pull(storyProvider, client, true) }},
		{"An insurer asks for the same client, for payment, and gets less", func() error { return s.pull(storyInsurer, client, false) }},
		{"An employer asks for the same client and gets nothing", func() error { return s.pull(storyEmployer, client, false) }},
		{"The client revokes the release to the provider; the next request gets nothing", func() error { return s.revoke(client) }},
		{"The psychotherapy notes in the practice's own store appear nowhere", s.canaries},
	}
	for i, step := range steps {
		s.say("\n%d. %s", i+1, step.title)
		if err := step.run(); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) serving() {
	s.say("\nServing on %s until Ctrl-C. %s/demo.json names the partners and clients; the tokens in the curl lines are renewed.", s.demo.fhirBase(), s.demo.dir)
}

// pull asks for each type of one client's records as the partner, and says what came and why the rest did not.
func (s *story) pull(partner string, client practice.ClientKey, reach bool) error {
	p := s.demo.partner(partner)
	token, err := s.demo.fetchToken(s.ctx, p)
	if err != nil {
		return err
	}
	preview, err := s.preview(p, client)
	if err != nil {
		return err
	}
	if reach {
		if err := s.request(p, token, "Patient?_count=5"); err != nil {
			return err
		}
	}
	released, refused := map[string]int{}, 0
	documents := clientSearch("DocumentReference", preview.Patient, "_count=200", "_revinclude=Provenance:target")
	queries := []string{documents}
	for _, t := range []string{"Patient", "Encounter", "Condition", "MedicationRequest", "Observation", "Procedure", "CarePlan", "Goal"} {
		queries = append(queries, clientSearch(t, preview.Patient, "_count=200"))
	}
	for _, q := range queries {
		a, err := s.get(token, q)
		switch {
		case err != nil:
			return err
		case a.status == http.StatusForbidden:
			refused++
		default:
			add(released, a.types)
		}
	}
	s.say("   GET %s   and %d more types", shorten(documents), len(queries)-1)
	if refused > 0 {
		s.say("   403 for %d of the %d types: no scope", refused, len(queries))
	}
	s.say("   released: %s", counts(released))
	s.withheld(preview)
	s.say("   %s", s.demo.curl(p, documents))
	return nil
}

// request makes one request and says what came.
func (s *story) request(p demoPartner, token, pathAndQuery string) error {
	a, err := s.get(token, pathAndQuery)
	if err != nil {
		return err
	}
	s.say("   GET %s -> %d, %s", shorten(pathAndQuery), a.status, counts(a.types))
	s.say("   %s", s.demo.curl(p, pathAndQuery))
	return nil
}

func (s *story) get(token, pathAndQuery string) (*answer, error) {
	a, err := s.demo.get(s.ctx, token, pathAndQuery)
	if err == nil {
		s.seen.Write(a.body)
		s.seen.WriteByte('\n')
	}
	return a, err
}

func (s *story) preview(p demoPartner, client practice.ClientKey) (*release.Preview, error) {
	purpose := ""
	if len(p.Purposes) > 0 {
		purpose = p.Purposes[0]
	}
	r, err := s.demo.requesterFor(p.ID, purpose)
	if err != nil {
		return nil, err
	}
	return s.demo.service.Preview(s.ctx, r, smart.Search, client)
}

// withheld says which Consents permitted what, and what was withheld for which reason.
func (s *story) withheld(p *release.Preview) {
	type why struct{ reason, consent, provision string }
	kept, gone := map[why]int{}, map[why]int{}
	for _, l := range p.Lines {
		w := why{string(l.Decision.Reason), shortRef(l.Decision.Consent), l.Decision.Provision}
		if l.Decision.Consent == (fhir.Reference{}) {
			w.consent = ""
		}
		if l.Decision.Release {
			kept[w]++
		} else {
			gone[w]++
		}
	}
	print := func(title string, of map[why]int) {
		for _, w := range slices.SortedFunc(maps.Keys(of), func(a, b why) int {
			return cmp.Or(cmp.Compare(of[b], of[a]), cmp.Compare(a.reason+a.consent+a.provision, b.reason+b.consent+b.provision))
		}) {
			s.say("   %s %4d  %-18s %s", title, of[w], w.reason, strings.TrimSpace(w.consent+" "+w.provision))
		}
	}
	print("permitted", kept)
	print("withheld ", gone)
}

// revoke ends the client's release to the provider in the practice's own database, as the front desk would, and asks again.
func (s *story) revoke(client practice.ClientKey) error {
	w, err := s.demo.practice.Writer(s.ctx)
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.RevokeTo(s.ctx, client, demo.ReferringClinic.ID, time.Now()); err != nil {
		return err
	}
	p := s.demo.partner(storyProvider)
	token, err := s.demo.fetchToken(s.ctx, p)
	if err != nil {
		return err
	}
	preview, err := s.preview(p, client)
	if err != nil {
		return err
	}
	for _, q := range []string{"Patient/" + preview.Patient.ID, clientSearch("DocumentReference", preview.Patient)} {
		if err := s.request(p, token, q); err != nil {
			return err
		}
	}
	return nil
}

// canaries looks for each psychotherapy note's own random text in everything that left.
func (s *story) canaries() error {
	canaries, err := s.demo.practice.ReadCanaries(s.ctx)
	if err != nil {
		return err
	}
	found := 0
	for _, c := range canaries {
		if bytes.Contains(s.seen.Bytes(), []byte(c)) {
			found++
		}
	}
	s.say("   %d notes, each with a random text of its own; %d of the texts are in the %d KB that left.", len(canaries), found, s.seen.Len()>>10)
	if found > 0 || len(canaries) == 0 {
		return fmt.Errorf("a psychotherapy note left, or there is none to look for")
	}
	return nil
}

func add(sum, more map[string]int) {
	for k, n := range more {
		sum[k] += n
	}
}

func counts(of map[string]int) string {
	if len(of) == 0 {
		return "nothing"
	}
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(of)) {
		parts = append(parts, fmt.Sprintf("%d %s", of[k], k))
	}
	return strings.Join(parts, ", ")
}

// shorten shows a request without the length of its sealed ids.
func shorten(pathAndQuery string) string {
	return sealedID.ReplaceAllStringFunc(pathAndQuery, func(id string) string { return id[:8] + "..." })
}

var sealedID = regexp.MustCompile(`[a-z2-7]{64}`)
