package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
	"github.com/consentry/gateway/internal/store"
)

func partnerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "partner",
		Short: "Change the partner register that is in the store",
		Long: `Without "partners: FILE" in the configuration the partner register is in the store: these commands change it, and every gateway process that shares the
store goes by it from its next request on. With "partners: FILE" the file is the register: change it, and start the gateway again.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(partnerAddCommand(), partnerListCommand(), partnerRotateCommand(),
		partnerEnableCommand("disable", "Refuse a partner from now on: no token of its opens anything, and it gets no new one", false),
		partnerEnableCommand("enable", "Let a partner that was disabled ask again", true))
	return cmd
}

var errDeclared = errors.New("the configuration names a register under partners, so the register is that file: change it there, or take the key out to keep the register in the store")

// ownRegister is the register in the store, and the rules that its entries are read by.
type ownRegister struct {
	*store.State
	rules *requester.Rules
}

func openRegister(ctx context.Context, config string) (*ownRegister, error) {
	cfg, err := readConfig(config)
	if err != nil {
		return nil, err
	}
	cfg.checkStores(ctx, cfg.problems)
	if err := cfg.problems.err(); err != nil {
		return nil, err
	}
	if cfg.Partners != "" {
		return nil, errDeclared
	}
	rules, err := cfg.rules(profilesOf(cfg))
	if err != nil {
		return nil, err
	}
	state, err := store.OpenState(ctx, cfg.statePlace())
	return &ownRegister{State: state, rules: rules}, err
}

func partnerAddCommand() *cobra.Command {
	var config, file string
	var replace bool
	cmd := &cobra.Command{
		Use:   "add --config FILE --file PARTNER [--replace]",
		Short: "Register a partner",
		Long: `Registers the partner that a file describes, as an entry of a register does: id, kind, organization, purposes, scopes and so on. A key set that it names
with jwks-file is taken in. All that is wrong with it is said at once, and then nothing is registered.

With --replace the entry of a partner who is registered already is written anew; a disabled one stays disabled.`,
		Example: `  gateway partner add --config gateway.yaml --file lakeside.yaml`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			register, err := openRegister(cmd.Context(), config)
			if err != nil {
				return err
			}
			defer register.Close()
			dir, name := filepath.Split(file)
			entry, err := register.rules.ReadEntry(os.DirFS(filepath.Clean(dir)), name)
			if err != nil {
				return err
			}
			if err := register.AddPartner(cmd.Context(), entry.ID, entry.Text, replace); err != nil {
				return ofPartner(entry.ID, err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "registered %s\n", entry.ID)
			return err
		},
	}
	configFlag(cmd, &config)
	cmd.Flags().StringVar(&file, "file", "", "the `PARTNER`'s entry, a YAML file")
	cmd.Flags().BoolVar(&replace, "replace", false, "write the entry of a registered partner anew")
	_ = cmd.MarkFlagRequired("file")
	return cmd
}

// ofPartner says what is wrong with the partner that a command names.
func ofPartner(id string, err error) error {
	switch {
	case errors.Is(err, store.ErrPartnerExists):
		return fmt.Errorf("%q is registered already: --replace writes its entry anew", id)
	case errors.Is(err, store.ErrNoPartner):
		return fmt.Errorf("no partner %q in the register; \"gateway partner list\" names them", id)
	}
	return err
}

func partnerListCommand() *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   "list --config FILE",
		Short: "Name all partners, and who may ask",
		Long: `Prints a line for each partner of the register: its client id, its kind, whether it is enabled, and its name. An entry that a newer or older gateway
wrote and this one cannot read is named, with what is wrong with it: its partner gets nothing.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			register, err := openRegister(cmd.Context(), config)
			if err != nil {
				return err
			}
			defer register.Close()
			return register.list(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	configFlag(cmd, &config)
	return cmd
}

func (r *ownRegister) list(ctx context.Context, out, side io.Writer) error {
	kept, err := r.Standing(ctx)
	if err != nil {
		return err
	}
	if len(kept.Partners) == 0 {
		_, err := fmt.Fprintln(side, "no partner is registered, so nobody gets anything: \"gateway partner add\"")
		return err
	}
	var problems []error
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "PARTNER\tKIND\tSTATE\tNAME")
	for _, k := range kept.Partners {
		one, wrong := r.rules.Register([]requester.Entry{{ID: k.ID, Text: k.Entry, Disabled: !k.Enabled}})
		problems = append(problems, wrong...)
		state := "enabled"
		p, ok := one.Named(k.ID)
		switch {
		case !ok:
			p, state = &requester.Partner{}, "CANNOT BE READ, gets nothing"
		case p.Disabled:
			state = "disabled"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", k.ID, orDash(string(p.Kind)), state, orDash(p.Name))
	}
	return errors.Join(append(problems, w.Flush())...)
}

func partnerRotateCommand() *cobra.Command {
	var config, file, uri string
	cmd := &cobra.Command{
		Use:   "rotate --config FILE (--jwks FILE | --jwks-uri URL) PARTNER",
		Short: "Give a partner other keys",
		Long: `Replaces the public keys by which a partner proves itself to the built-in issuer: from now on no assertion signed with a key that is not among the new
ones gets a token. To let an old key run out, name a set with both. Tokens that it has stay good until they expire: "gateway revoke" refuses them.`,
		Example: `  gateway partner rotate --config gateway.yaml --jwks new.jwks.json lakeside`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			register, err := openRegister(cmd.Context(), config)
			if err != nil {
				return err
			}
			defer register.Close()
			var keys []byte
			if file != "" {
				if keys, err = os.ReadFile(file); err != nil {
					return fmt.Errorf("--jwks: %w", err)
				}
				if _, err := smart.ParseJWKS(keys); err != nil {
					return errors.New("--jwks: the file is no JSON Web Key Set of public keys, {\"keys\": [...]}")
				}
			}
			err = register.ChangePartner(cmd.Context(), args[0], func(text string) (string, error) {
				entry, err := register.rules.WithKeys(requester.Entry{ID: args[0], Text: text}, keys, uri)
				return entry.Text, err
			})
			if err != nil {
				return ofPartner(args[0], err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "rotated the keys of %s\n", args[0])
			return err
		},
	}
	configFlag(cmd, &config)
	cmd.Flags().StringVar(&file, "jwks", "", "a `FILE` with the new JSON Web Key Set")
	cmd.Flags().StringVar(&uri, "jwks-uri", "", "the https `URL` of the new key set")
	cmd.MarkFlagsOneRequired("jwks", "jwks-uri")
	cmd.MarkFlagsMutuallyExclusive("jwks", "jwks-uri")
	return cmd
}

func partnerEnableCommand(name, short string, enabled bool) *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   name + " --config FILE PARTNER",
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			register, err := openRegister(cmd.Context(), config)
			if err != nil {
				return err
			}
			defer register.Close()
			if err := register.EnablePartner(cmd.Context(), args[0], enabled); err != nil {
				return ofPartner(args[0], err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%sd %s\n", name, args[0])
			return err
		},
	}
	configFlag(cmd, &config)
	return cmd
}
