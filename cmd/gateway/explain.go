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
		Use:   "explain --consents FILE --resources FILE --requester FILE [--at INSTANT] [--zone ZONE] [--practice REF] [--json]",
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
related says whether the practice's own data tie the partner to the client; it is true where it is not stated.

What the token itself takes away it may state as well: "consents" names those whose permits count ("Consent/x", or an identifier as "system|value" or
a URI), and "residual" holds rules as IHE PCF writes them, which forbid with the reason "token":

  "residual": [{"type": "forbid"}, {"type": "permit", "dataPeriod": {"start": "2026-01-01"}}]`,
		Example: `  gateway explain --consents consents.ndjson --resources chart.ndjson --requester clinic.json
  gateway explain --consents consents.ndjson --resources chart.ndjson --requester clinic.json --at 2026-12-31 --zone America/New_York --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd.OutOrStdout(), cmd.ErrOrStderr(), time.Now())
		},
	}
	cmd.Flags().StringVar(&f.consents, "consents", "", "`FILE` of Consents, NDJSON")
	cmd.Flags().StringVar(&f.resources, "resources", "", "`FILE` of the chart's resources, NDJSON")
	cmd.Flags().StringVar(&f.requester, "requester", "", "`FILE` of the one who asks, JSON")
	cmd.Flags().StringVar(&f.at, "at", "", "the `INSTANT` at which is asked, as a FHIR dateTime; a date is its beginning (default now)")
	cmd.Flags().StringVar(&f.zone, "zone", "UTC", "the practice's IANA time `ZONE`, for dates")
	cmd.Flags().StringVar(&f.practice, "practice", "", "this practice as Consents name it, a `REF` such as Organization/x (default: the rule on who discloses is not applied)")
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
	file := func(flag, name string) *os.File {
		h, err := openFile(name)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", flag, err))
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
	if h := file("--consents", f.consents); h != nil {
		q.Consents = explain.File{Name: f.consents, Reader: h}
	}
	if h := file("--resources", f.resources); h != nil {
		q.Resources = explain.File{Name: f.resources, Reader: h}
	}
	if h := file("--requester", f.requester); h != nil {
		q.Requester, err = explain.ReadRequester(explain.File{Name: f.requester, Reader: h})
		try(err)
	}
	try(f.settings(&q, now))
	return q, closeFiles, errors.Join(problems...)
}

// openFile opens a file to read, and nothing else.
func openFile(name string) (*os.File, error) {
	if name == "" {
		return nil, errors.New("no file is named")
	}
	info, err := os.Stat(name)
	if err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s is a folder", name)
	}
	return os.Open(name)
}

// settings reads time, zone, practice and the profiles.
func (f explainFlags) settings(q *explain.Question, now time.Time) error {
	var problems []error
	var err error
	if q.Zone, err = time.LoadLocation(f.zone); err != nil || f.zone == "" || f.zone == "Local" {
		problems = append(problems, errors.New("--zone: no IANA time zone, such as America/New_York"))
		q.Zone = time.UTC
	}
	q.At = now
	if f.at != "" {
		at, err := fhir.ParseDateTime(f.at, q.Zone)
		if err != nil || !at.Start.After(time.Time{}) {
			problems = append(problems, errors.New("--at: no FHIR dateTime, such as 2026-11-21 or 2026-11-21T10:00:00Z"))
		}
		q.At = at.Start
	}
	if f.practice != "" {
		var ok bool
		if q.Practice, ok = fhir.ParseReference(f.practice); !ok || q.Practice.Type != "Organization" {
			problems = append(problems, errors.New("--practice: no reference of the form Organization/x"))
		}
	}
	if q.Rules, err = policy.LoadReading(profiles.FS); err != nil {
		problems = append(problems, err)
	}
	if q.Types, err = facts.LoadTypes(profiles.FS); err != nil {
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}
