package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/ident"
	"github.com/consentry/gateway/internal/ledger"
	"github.com/consentry/gateway/internal/release/audit"
	"github.com/consentry/gateway/internal/store"
)

func ledgerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ledger",
		Short: "Check and read the disclosure ledger",
		Long: `The ledger has a record of every answer that may have told somebody something about a client, written before the answer left. It can be read
and checked while the gateway runs.`,
		// With a RunE of its own the arguments are looked at, and "ledger verfy" is an error and no help text.
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(verifyCommand(), disclosuresCommand())
	return cmd
}

func verifyCommand() *cobra.Command {
	var config, anchor string
	cmd := &cobra.Command{
		Use:   "verify --config FILE [--anchor CHECKPOINT]",
		Short: "Check that no record was changed, removed or put in",
		Long: `Checks the hash chain of every gateway process and every signed checkpoint: a record that was changed, moved, removed or put in, a chain that
was cut or removed, and a checkpoint that was changed or removed are found and named. The exit code is 1 if anything is found.

The last line names the newest checkpoint. Note it outside this machine and give it to the next check as --anchor: only so can it be seen that
the whole file was put back to an older copy of itself.`,
		Example: `  gateway ledger verify --config gateway.yaml
  gateway ledger verify --config gateway.yaml --anchor 41:9f2c...`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return verifyLedger(cmd.Context(), cmd.OutOrStdout(), config, anchor)
		},
	}
	configFlag(cmd, &config)
	cmd.Flags().StringVar(&anchor, "anchor", "", "a `CHECKPOINT` that an earlier check has named")
	return cmd
}

func verifyLedger(ctx context.Context, out io.Writer, config, anchor string) error {
	var noted *ledger.Anchor
	if anchor != "" {
		a, err := ledger.ParseAnchor(anchor)
		if err != nil {
			return err
		}
		noted = &a
	}
	_, reader, err := ledgerReader(ctx, config)
	if err != nil {
		return err
	}
	defer reader.Close()
	report, err := reader.Verify(ctx, noted)
	if err != nil {
		return err
	}
	if err := report.Write(out); err != nil {
		return err
	}
	if !report.OK() {
		return errors.New("the ledger is not whole")
	}
	_, err = fmt.Fprintln(out, "the ledger is whole")
	return err
}

// ledgerReader opens the ledger that a configuration names.
func ledgerReader(ctx context.Context, config string) (*Config, *ledger.Reader, error) {
	cfg, err := readConfig(config)
	if err != nil {
		return nil, nil, err
	}
	cfg.checkStores(ctx, cfg.problems)
	if err := cfg.problems.err(); err != nil {
		return nil, nil, err
	}
	seed, err := readKey(cfg.Keys.Ledger, ed25519.SeedSize)
	if err != nil {
		return nil, nil, err
	}
	key := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	reader, err := ledger.OpenReader(ctx, cfg.ledgerPlace(), key)
	return cfg, reader, err
}

// patientReference gives the FHIR reference of a client in the ledger by the practice's own key.
func patientReference(ctx context.Context, cfg *Config, l *ledger.Reader, key string) (string, error) {
	state, err := store.OpenState(ctx, cfg.statePlace())
	if err != nil {
		return "", err
	}
	defer state.Close()
	ids, err := idsOf(cfg, state)
	if err != nil {
		return "", err
	}
	if err := hasIDsOf(ctx, l, ids.Sealer); err != nil {
		return "", err
	}
	return ids.patient(key)
}

var errOtherIDs = errors.New("keys.id is not the key that made the ids in the ledger, or state is not the one that belongs to it: no accounting would find its client, and no id that a partner has kept would be found")

// hasIDsOf finds out by one record whether the ledger's ids are the sealer's.
func hasIDsOf(ctx context.Context, l *ledger.Reader, ids *ident.Sealer) error {
	for e, err := range l.Disclosures(ctx, ledger.Filter{}) {
		if err != nil {
			return err
		}
		patient, ok := fhir.ParseReference(e.Record.Client)
		if !ok {
			continue // of a request that named nobody
		}
		if _, ok := ids.Open(patient.Type, patient.ID); !ok {
			return errOtherIDs
		}
		return nil
	}
	return nil
}

// clientIDs are the ids of clients, for a command: it makes no handle for a key that never had one.
type clientIDs struct{ *ident.Sealer }

func idsOf(cfg *Config, state *store.State) (clientIDs, error) {
	key, err := readKey(cfg.Keys.ID, ident.KeySize)
	if err != nil {
		return clientIDs{}, err
	}
	sealer, err := ident.NewSealer(key, store.NewMemo(findOnly{state}, 0))
	return clientIDs{sealer}, err
}

// patient is the FHIR reference of a client by the practice's own key.
func (c clientIDs) patient(key string) (string, error) {
	client, _ := clientKey(key)
	id, err := c.Seal("Patient", string(client), "patient", string(client))
	if errors.Is(err, store.ErrNoHandle) {
		return "", errors.New("--client: the gateway has never seen this client")
	}
	if err != nil {
		return "", err
	}
	return fhir.Reference{Type: "Patient", ID: id}.String(), nil
}

// findOnly is a table of handles that makes none.
type findOnly struct{ *store.State }

// Handle gives the handle that the key has.
func (f findOnly) Handle(ctx context.Context, key string) (uint64, error) { return f.Find(ctx, key) }

// openLedger opens the ledger to write, and to read for the clients.
func (r *records) openLedger(ctx context.Context, now clock) (*ledger.Chain, error) {
	seed, err := readKey(r.cfg.Keys.Ledger, ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	key := ed25519.NewKeyFromSeed(seed)
	l, err := ledger.Open(ctx, r.cfg.ledgerPlace(), ledger.Options{Key: key, Now: now})
	if err != nil {
		return nil, err
	}
	r.add(l)
	reader, err := ledger.OpenReader(ctx, r.cfg.ledgerPlace(), key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	r.add(reader)
	if err := hasIDsOf(ctx, reader, r.sealer); err != nil {
		return nil, err
	}
	r.audit, err = audit.New(audit.Options{
		Records: reader, Sealer: r.sealer, Partner: r.recipient, Practice: r.discloser()[0].Identifiers[0], Base: r.cfg.BaseURL, Types: r.types, Zone: r.zone,
	})
	return l, err
}

// recipient is a partner as clients read of it.
func (r *records) recipient(id string) audit.Partner {
	p, ok := r.partners.Named(id)
	if !ok {
		return audit.Partner{}
	}
	return audit.Partner{Name: p.Name, Identifiers: p.Organization.Identifiers}
}
