package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/consentry/gateway/internal/demo"
	"github.com/consentry/gateway/internal/practice"
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

// tell runs the steps. The client who revokes is another than the one of the steps before, so that all that is told still holds while the demo serves.
func (s *story) tell() error {
	client, revoking := s.demo.practice.Story.Referred, s.demo.practice.Story.Couple[0]
	steps := []struct {
		title string
		run   func() error
	}{
		{"A referring provider asks which clients it may know of, and pulls one client's records", func() error { return s.refer(client) }},
		{"An insurer asks for the same client, for payment, and gets less", func() error { return s.insure(client) }},
		{"An employer asks for the same client and gets nothing", func() error { return s.employ(client) }},
		{"Another client revokes the release to the provider; the next request gets nothing", func() error { return s.revoke(revoking) }},
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
	s.say("\nServing on %s until Ctrl-C. Each curl line gives what stands above it. %s/demo.json names the partners and clients; the tokens are renewed.", s.demo.fhirBase(), s.demo.dir)
}

// refer is the provider's step.
func (s *story) refer(client practice.ClientKey) error {
	p, err := s.as(storyProvider)
	if err != nil {
		return err
	}
	if err := p.ask("Patient?_count=5"); err != nil {
		return err
	}
	patient, err := p.pull(client)
	if err != nil {
		return err
	}
	return p.ask(documents(patient))
}

// insure is the insurer's step.
func (s *story) insure(client practice.ClientKey) error {
	p, err := s.as(storyInsurer)
	if err != nil {
		return err
	}
	patient, err := p.pull(client)
	if err != nil {
		return err
	}
	return p.askEach(clientSearch("Encounter", patient, "_count=200"), clientSearch("Condition", patient), documents(patient))
}

// employ is the employer's step: its scopes do not reach documents, and what they reach no Consent permits.
func (s *story) employ(client practice.ClientKey) error {
	p, err := s.as(storyEmployer)
	if err != nil {
		return err
	}
	patient, err := p.pull(client)
	if err != nil {
		return err
	}
	return p.askEach(documents(patient), clientSearch("Encounter", patient), "Patient/"+patient.ID)
}

// revoke ends a client's release to the provider in the practice's own database, as the front desk would, and lets the provider ask before and after.
func (s *story) revoke(client practice.ClientKey) error {
	p, err := s.as(storyProvider)
	if err != nil {
		return err
	}
	s.say("   Before:")
	patient, err := p.pull(client)
	if err != nil {
		return err
	}
	w, err := s.demo.practice.Writer(s.ctx)
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.RevokeTo(s.ctx, client, demo.ReferringClinic.ID, time.Now()); err != nil {
		return err
	}
	s.say("   The client revokes, and the front desk enters it. What permitted no longer does: %s", strings.Join(p.permitting, ", "))
	s.say("   After:")
	if _, err := p.pull(client); err != nil {
		return err
	}
	return p.askEach("Patient/"+patient.ID, documents(patient))
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
