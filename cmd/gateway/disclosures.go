package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/ledger"
)

func disclosuresCommand() *cobra.Command {
	var config, client, since, format string
	var accountable bool
	cmd := &cobra.Command{
		Use:   "disclosures --config FILE [--client KEY] [--since DATE] [--accountable] [--format lines|json|text|csv]",
		Short: "List what was released, to whom and under which Consent",
		Long: `Lists the ledger's records: when, to which partner, for which purpose, how many resources of each type. With --format json each line is the whole
record, with the ids of the resources, the Consents that decided and their versions, and how much was withheld for which reason.

With --client the lines are in the order of time. Without it all records are listed, those of each
gateway process together. --accountable leaves only what an accounting of disclosures lists (45 CFR 164.528).

With --client, --format text and --format csv write the accounting of disclosures that a client may ask for (45 CFR 164.528, 42 CFR 2.25): who got what
kinds of record, when, for what purpose and on what ground, of the last six years, or since --since. Several disclosures to one recipient for one purpose on one
ground stand together. The text is for the client to read; it says nothing of what was withheld, and names the client by the number only. The dates of
the releases are looked up in the practice's records. Names and addresses of recipients are those of the partner register.`,
		Example: `  gateway ledger disclosures --config gateway.yaml --client 1042 --since 2026-01-01
  gateway ledger disclosures --config gateway.yaml --client 1042 --format json
  gateway ledger disclosures --config gateway.yaml --client 1042 --format text > accounting.txt`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("client") && client == "" {
				return errors.New("--client: the key is empty; without --client all records are listed")
			}
			switch format {
			case "lines", "json":
			case "text", "csv":
				a := accountant{out: cmd.OutOrStdout(), config: config, client: client, since: since, csv: format == "csv", accountable: accountable, now: time.Now()}
				return a.write(cmd.Context())
			default:
				return errors.New("--format: not one of lines, json, text, csv")
			}
			l := lister{out: cmd.OutOrStdout(), json: format == "json", accountable: accountable}
			err := l.list(cmd.Context(), config, client, since)
			if err == nil && l.listed == 0 {
				_, err = fmt.Fprintln(cmd.ErrOrStderr(), l.nothing(client))
			}
			return err
		},
	}
	configFlag(cmd, &config)
	cmd.Flags().StringVar(&client, "client", "", "the practice's own `KEY` of one client, its number as a rule")
	cmd.Flags().StringVar(&since, "since", "", "from this `DATE` on (2026-11-21) or time (2026-11-21T10:00:00Z); a date is a day in the practice's zone")
	cmd.Flags().StringVar(&format, "format", "lines", "`FORMAT`: lines, json (one object per record), or the accounting of one client as text or csv")
	cmd.Flags().BoolVar(&accountable, "accountable", false, "only what an accounting of disclosures lists")
	return cmd
}

// lister writes the lines of `disclosures`.
type lister struct {
	out               io.Writer
	zone              *time.Location
	json, accountable bool
	listed            int
}

func (l *lister) list(ctx context.Context, config, client, since string) error {
	cfg, reader, err := ledgerReader(ctx, config)
	if err != nil {
		return err
	}
	defer reader.Close()
	if l.zone, err = time.LoadLocation(cfg.Zone); err != nil {
		return err
	}
	var f ledger.Filter
	if f.Since, err = sinceIn(since, l.zone); err != nil {
		return err
	}
	if client == "" {
		return l.stream(ctx, reader, f)
	}
	if f.Client, err = patientReference(ctx, cfg, reader, client); err != nil {
		return err
	}
	return l.inOrder(ctx, reader, f)
}

// nothing says what it means that no record is listed.
func (l *lister) nothing(client string) string {
	if client == "" {
		return "no such records"
	}
	return "no such records: nobody has asked for records of this client in that time, or no client has this key"
}

// sinceIn reads --since; zero for none.
func sinceIn(text string, zone *time.Location) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	i, err := fhir.ParseDateTime(text, zone)
	if err != nil {
		return time.Time{}, errors.New("--since: not a date such as 2026-11-21, or a time such as 2026-11-21T10:00:00Z")
	}
	return i.Start, nil
}

func (l *lister) stream(ctx context.Context, reader *ledger.Reader, f ledger.Filter) error {
	for e, err := range reader.Disclosures(ctx, f) {
		if err != nil {
			return err
		}
		if err := l.write(e); err != nil {
			return err
		}
	}
	return nil
}

// inOrder lists what could be read also where the reading ended in an error: an accounting that is not whole is worth more than none.
func (l *lister) inOrder(ctx context.Context, reader *ledger.Reader, f ledger.Filter) error {
	entries, unread := readable(ctx, reader, f)
	slices.SortStableFunc(entries, func(a, b ledger.Entry) int { return a.Record.At.Compare(b.Record.At) })
	for _, e := range entries {
		if err := l.write(e); err != nil {
			return errors.Join(err, unread)
		}
	}
	return unread
}

func (l *lister) write(e ledger.Entry) error {
	if l.accountable && !e.Record.Accountable {
		return nil
	}
	l.listed++
	text := e.Describe(l.zone)
	if l.json {
		b, err := json.Marshal(e)
		if err != nil {
			return err
		}
		text = string(b)
	}
	_, err := fmt.Fprintln(l.out, text)
	return err
}

// readable gives the chosen records that can be read, and an error where there are others.
func readable(ctx context.Context, reader *ledger.Reader, f ledger.Filter) (entries []ledger.Entry, unread error) {
	for e, err := range reader.Disclosures(ctx, f) {
		if err != nil {
			return entries, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}
