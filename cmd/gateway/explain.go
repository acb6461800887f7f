package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/explain"
	"github.com/consentry/gateway/internal/release/facts"
	"github.com/consentry/gateway/internal/release/policy"
	"github.com/consentry/gateway/profiles"
)

// explainFlags are the flags of `gateway explain`.
type explainFlags struct {
	consents, resources, requester string
	at, zone, practice             string
	json                           bool
}

func explainCommand() *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use:   "explain --consents F.ndjson --resources F.ndjson --requester F.json",
		Short: "Say what a requester would get of a chart, and which Consent decides",
		Long: `Decides over files instead of a practice, by the same rules as the gateway: for each resource whether it is released or withheld, for
which reason, and by which Consent and provision.

The Consents and the resources are files of NDJSON (one FHIR R4 resource a line). The resources are the chart, labeled as they stand: no label
rule is applied, so each needs its confidentiality in meta.security. Reading is what is asked. A resource that cannot be read is an error with
its file and line; a Consent that cannot be read withholds, and is reported below the answer (on standard error with --json).

The requester is a JSON object:

  {"partnerId": "insurer-1", "kind": "provider|payer|patient|employer|other",
   "organization": {"reference": "Organization/x", "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": "..."}]},
   "practitioner": {"reference": "Practitioner/y"}, "purpose": ["TREAT", {"system": "...", "code": "..."}],
   "scopes": "system/*.rs", "patient": "Patient/x", "related": true}

patient is the launch context. With kind patient it is also the authenticated person, unless "person" names a RelatedPerson of the chart.
related says whether the practice's own data tie the partner to the client; it is true where it is not stated.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd.OutOrStdout(), cmd.ErrOrStderr(), time.Now())
		},
	}
	cmd.Flags().StringVar(&f.consents, "consents", "", "file of Consents, NDJSON")
	cmd.Flags().StringVar(&f.resources, "resources", "", "file of the chart's resources, NDJSON")
	cmd.Flags().StringVar(&f.requester, "requester", "", "file of the one who asks, JSON")
	cmd.Flags().StringVar(&f.at, "at", "", "the instant at which is asked, as a FHIR dateTime; a date is its beginning (default now)")
	cmd.Flags().StringVar(&f.zone, "zone", "UTC", "the practice's time zone, for dates")
	cmd.Flags().StringVar(&f.practice, "practice", "", "this practice as Consents name it, Organization/x (default: the rule on who discloses is not applied)")
	cmd.Flags().BoolVar(&f.json, "json", false, "one line of JSON for each resource")
	for _, name := range []string{"consents", "resources", "requester"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // the flag is defined above
		}
	}
	return cmd
}

func (f explainFlags) run(out, errOut io.Writer, now time.Time) error {
	q, closeFiles, err := f.question(now)
	defer closeFiles()
	if err != nil {
		return err
	}
	answer, err := explain.Explain(q)
	if err != nil {
		return err
	}
	if !f.json {
		return answer.WriteText(out)
	}
	for _, r := range answer.Remarks {
		fmt.Fprintln(errOut, r)
	}
	return answer.WriteJSON(out)
}

// question reads the flags; all problems are reported at once.
func (f explainFlags) question(now time.Time) (q explain.Question, closeFiles func(), err error) {
	var open []*os.File
	var problems []error
	closeFiles = func() {
		for _, file := range open {
			_ = file.Close() // only read from
		}
	}
	file := func(name string) *os.File {
		h, err := os.Open(name)
		if err != nil {
			problems = append(problems, err)
			return nil
		}
		open = append(open, h)
		return h
	}
	try := func(err error) {
		if err != nil {
			problems = append(problems, err)
		}
	}
	if h := file(f.consents); h != nil {
		q.Consents = explain.File{Name: f.consents, Reader: h}
	}
	if h := file(f.resources); h != nil {
		q.Resources = explain.File{Name: f.resources, Reader: h}
	}
	if h := file(f.requester); h != nil {
		q.Requester, err = explain.ReadRequester(h)
		try(err)
	}
	try(f.settings(&q, now))
	return q, closeFiles, errors.Join(problems...)
}

// settings reads time, zone, practice and the profiles.
func (f explainFlags) settings(q *explain.Question, now time.Time) error {
	var err error
	if q.Zone, err = time.LoadLocation(f.zone); err != nil {
		return errors.New("--zone: no such time zone")
	}
	q.At = now
	if f.at != "" {
		at, err := fhir.ParseDateTime(f.at, q.Zone)
		if err != nil {
			return errors.New("--at: not a FHIR dateTime")
		}
		q.At = at.Start
	}
	if f.practice != "" {
		var ok bool
		if q.Practice, ok = fhir.ParseReference(f.practice); !ok {
			return errors.New("--practice: not a reference of the form Organization/x")
		}
	}
	if q.Rules, err = policy.LoadReading(profiles.FS); err != nil {
		return err
	}
	q.Types, err = facts.LoadTypes(profiles.FS)
	return err
}
