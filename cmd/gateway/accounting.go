package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"time"

	"github.com/consentry/gateway/internal/ledger"
	"github.com/consentry/gateway/internal/ledger/accounting"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release"
	"github.com/consentry/gateway/internal/release/policy"
)

// accountant writes the accounting of disclosures of one client (45 CFR 164.528).
type accountant struct {
	out                   io.Writer
	config, client, since string
	csv, accountable      bool
	now                   time.Time
}

var errWholeAccounting = errors.New("--format text and csv are the accounting of one client: --client is missing")

func (a *accountant) write(ctx context.Context) error {
	if a.client == "" {
		return errWholeAccounting
	}
	cfg, reader, err := ledgerReader(ctx, a.config)
	if err != nil {
		return err
	}
	defer reader.Close()
	r, err := openProven(ctx, a.config)
	if err != nil {
		return err
	}
	defer r.Close()
	f := ledger.Filter{}
	if f.Client, err = patientReference(ctx, cfg, reader, a.client); err != nil {
		return err
	}
	if f.Since, err = sinceIn(a.since, r.zone); err != nil {
		return err
	}
	if f.Since.IsZero() {
		f.Since = a.now.AddDate(-accounting.Years, 0, 0)
	}
	where, err := r.accountingContext(ctx, a.client)
	if err != nil {
		return err
	}
	entries, unread := readable(ctx, reader, f)
	if len(entries) == 0 && unread == nil {
		if _, err := r.client(ctx, a.client); err != nil { // a letter to nobody, which says that nothing was given out, must not be made of a mistyped number
			return err
		}
	}
	whole := accounting.Of(a.chosen(entries), where)
	if a.csv {
		err = whole.WriteCSV(a.out, r.zone)
	} else {
		err = whole.WriteText(a.out, accounting.Letter{Client: a.client, Made: a.now, From: f.Since, To: a.now, Zone: r.zone, Unread: unread != nil})
	}
	return errors.Join(err, unread)
}

// chosen are the records of entries, with --accountable those that the law asks for.
func (a *accountant) chosen(entries []ledger.Entry) []ledger.Record {
	records := make([]ledger.Record, 0, len(entries))
	for _, e := range entries {
		if e.Record.Accountable || !a.accountable {
			records = append(records, e.Record)
		}
	}
	return records
}

// accountingContext finds what an accounting states besides the ledger's records.
func (r *records) accountingContext(ctx context.Context, client string) (accounting.Context, error) {
	words, err := accounting.LoadWords(r.profiles)
	if err != nil {
		return accounting.Context{}, err
	}
	register, err := r.partners.Current(ctx)
	if err != nil {
		return accounting.Context{}, err
	}
	signed, err := r.signed(ctx, client)
	return accounting.Context{
		Words: words, Zone: r.zone,
		Recipient: func(id string) accounting.Recipient {
			p, ok := register.Named(id)
			if !ok {
				return accounting.Recipient{Name: id}
			}
			return accounting.Recipient{Name: cmp.Or(p.Name, id), Address: p.Address}
		},
		Signed: func(consent string) (time.Time, bool) { at, ok := signed[consent]; return at, ok },
	}, err
}

// signed gives the dates of a client's Consents that are still in the practice's records.
func (r *records) signed(ctx context.Context, client string) (map[string]time.Time, error) {
	key, ok := clientKey(client)
	if !ok {
		return nil, nil
	}
	dates := map[string]time.Time{}
	err := r.all().Snapshot(ctx, func(ctx context.Context, s release.State) error {
		documents, err := s.Consents(ctx, []practice.ClientKey{key})
		for _, d := range documents {
			p, err := policy.Compile(d.JSON, r.zone, r.rules)
			if err == nil && !p.NotBefore.IsZero() {
				dates[p.ID.String()] = p.NotBefore
			}
		}
		return err
	})
	return dates, err
}
