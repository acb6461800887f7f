package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/consentry/gateway/internal/partners"
	"github.com/consentry/gateway/internal/store"
)

// outlivesTokens is longer than any token lives that the gateway takes.
const outlivesTokens = 25 * time.Hour

func revokeCommand() *cobra.Command {
	var config, token, partner string
	var lasting time.Duration
	cmd := &cobra.Command{
		Use:   "revoke --config FILE (--token JTI | --partner ID) [--for DURATION]",
		Short: "Refuse an access token, or all tokens of a partner, from now on",
		Long: `Marks an access token, by its jti, or a partner as revoked: every gateway process refuses it from its next request on, though the token is good
until it expires. The mark ends after --for.

The mark is kept in the state, which all gateway processes of the configuration share. To shut a partner out for good, take it out of the partner
register, or "gateway partner disable" it. What one client has given to one app ends with "gateway grant end".

A client who revokes a Consent needs none of this: that takes effect on the next request by itself.`,
		Example: `  gateway revoke --config gateway.yaml --token 4f1c0d9e
  gateway revoke --config gateway.yaml --partner harbor-family-medicine --for 72h`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(config)
			if err != nil {
				return err
			}
			if lasting <= 0 {
				return errors.New("--for: a duration above zero, such as 72h")
			}
			state, err := store.OpenState(cmd.Context(), cfg.statePlace())
			if err != nil {
				return err
			}
			defer state.Close()
			mark, err := markOf(cmd.Context(), cfg, state, token, partner)
			if err != nil {
				return err
			}
			now := time.Now()
			if err := state.Revoke(cmd.Context(), mark, now.Add(lasting), now); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "revoked until %s\n", now.Add(lasting).Format(time.RFC3339))
			return err
		},
	}
	configFlag(cmd, &config)
	cmd.Flags().StringVar(&token, "token", "", "the `JTI` of an access token")
	cmd.Flags().StringVar(&partner, "partner", "", "a partner's `ID` in the register")
	cmd.Flags().DurationVar(&lasting, "for", outlivesTokens, "the `DURATION`, such as 72h; the default outlives every token that the gateway takes")
	cmd.MarkFlagsOneRequired("token", "partner")
	cmd.MarkFlagsMutuallyExclusive("token", "partner")
	return cmd
}

// markOf is the mark. A partner whom nobody has registered is a typing error.
func markOf(ctx context.Context, cfg *Config, state *store.State, token, partner string) (store.Mark, error) {
	switch {
	case token == "" && partner == "":
		return store.Mark{}, errors.New("--token, --partner: the id is empty")
	case strings.Count(token, ".") == 2 && strings.HasPrefix(token, "eyJ"): // a JWS in its compact form (RFC 7515, 7.1)
		return store.Mark{}, errors.New("--token: this is a whole access token; its jti is wanted, which is a claim in it")
	case token != "":
		return partners.TokenMark(token), nil
	}
	register, err := currentRegister(ctx, cfg, state)
	if err != nil {
		return store.Mark{}, err
	}
	p, err := registered(register, "--partner", partner)
	if err != nil {
		return store.Mark{}, err
	}
	return partners.PartnerMark(p.ID), nil
}
