package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/partners"
	"github.com/consentry/gateway/internal/store"
)

func grantCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "grant",
		Short: "See and end what clients have given to apps",
		Long: `A client who launches an app, or who acts for them, gives it what they leave on the consent page: that is a grant. These commands list the grants, and end
one of them for the client who asks for it, say, because a phone was lost. The app goes on for everybody else; "gateway partner disable" shuts an app out
for all.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(grantListCommand(), grantEndCommand())
	return cmd
}

// grants is the store of what clients have given, with what is needed to say whose it is.
type grants struct {
	*store.State
	cfg  *Config
	zone *time.Location
	ids  clientIDs
}

var errNoApps = errors.New("the configuration has no authorization-server.app-launch, so no client gives anything to an app here")

func openGrants(ctx context.Context, config string) (*grants, error) {
	cfg, err := loadConfig(config)
	if err != nil {
		return nil, err
	}
	if cfg.AuthorizationServer == nil || cfg.AuthorizationServer.AppLaunch == nil {
		return nil, errNoApps
	}
	zone, err := time.LoadLocation(cfg.Zone)
	if err != nil {
		return nil, err
	}
	state, err := store.OpenState(ctx, cfg.statePlace())
	if err != nil {
		return nil, err
	}
	ids, err := idsOf(cfg, state)
	if err != nil {
		return nil, errors.Join(err, state.Close())
	}
	return &grants{State: state, cfg: cfg, zone: zone, ids: ids}, nil
}

func grantListCommand() *cobra.Command {
	var config, client, app string
	var ended bool
	cmd := &cobra.Command{
		Use:   "list --config FILE [--client KEY] [--app PARTNER] [--ended]",
		Short: "List what clients have given to apps, the oldest first",
		Long: `Prints a line for each grant that is not over: its id, the app, the client by the practice's own key, who gave it (the client, or somebody who represents
them), since when, until when at most, whether it is open or was ended before that time, and by whom, and the scopes, which are the kinds of record that were left on the consent page.
How much of them the app gets is decided anew for each request.

With --ended it prints a line for each grant that has ended instead: when, and by whom. That is the app, as it lets the client disconnect; an operator, by "gateway grant end", with the
name of the operating system's user; newer, where the client took something of it away when they launched the app again; reuse, where a code or a refresh token was shown twice or by
another app, so that somebody else may have it; or expiry, its time, also where the app never came for it. What has ended is forgotten 90 days after the time that it was given for.

A grant of an app that may not come back by itself is over a few minutes after it was given. No client's name and no token is printed: the store has none.`,
		Example: `  gateway grant list --config gateway.yaml --client 1042
  gateway grant list --config gateway.yaml --app wellness-diary
  gateway grant list --config gateway.yaml --client 1042 --ended`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("client") && client == "" || cmd.Flags().Changed("app") && app == "" {
				return errors.New("--client, --app: the value is empty; without them all grants are listed")
			}
			g, err := openGrants(cmd.Context(), config)
			if err != nil {
				return err
			}
			defer g.Close()
			of, write := g.Grants, g.write
			if ended {
				of, write = g.EndedGrants, g.writeEnded
			}
			found, err := g.find(cmd.Context(), of, app, client, time.Now())
			if err != nil {
				return err
			}
			if len(found) == 0 {
				_, err = fmt.Fprintln(cmd.ErrOrStderr(), "no such grants")
				return err
			}
			return write(cmd.OutOrStdout(), found)
		},
	}
	configFlag(cmd, &config)
	cmd.Flags().StringVar(&client, "client", "", "the practice's own `KEY` of one client, its number as a rule")
	cmd.Flags().StringVar(&app, "app", "", "the app's `PARTNER` id in the register")
	cmd.Flags().BoolVar(&ended, "ended", false, "list those that have ended, when and by whom")
	return cmd
}

// find looks for grants of an app and a client, either may be empty.
func (g *grants) find(ctx context.Context, of func(ctx context.Context, app, patient string, now time.Time) ([]store.Grant, error), app, client string, now time.Time) ([]store.Grant, error) {
	if app != "" {
		register, err := currentRegister(ctx, g.cfg, g.State)
		if err != nil {
			return nil, err
		}
		if _, err := registered(register, "--app", app); err != nil {
			return nil, err
		}
	}
	var patient string
	if client != "" {
		var err error
		if patient, err = g.ids.patient(client); err != nil {
			return nil, err
		}
	}
	return of(ctx, app, patient, now)
}

func (g *grants) write(out io.Writer, found []store.Grant) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "GRANT\tAPP\tCLIENT\tGIVEN BY\tSINCE\tUNTIL\tSTATE\tSCOPES")
	for _, one := range found {
		state := "open"
		if one.Ended {
			state = "ended, by " + ender(one.End)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", one.ID, one.App, g.client(one), giver(one), g.minute(one.Begun), g.minute(one.Until), state, one.Scope)
	}
	return w.Flush()
}

func (g *grants) writeEnded(out io.Writer, found []store.Grant) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "GRANT\tAPP\tCLIENT\tGIVEN BY\tSINCE\tENDED\tENDED BY\tSCOPES")
	for _, one := range found {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", one.ID, one.App, g.client(one), giver(one), g.minute(one.Begun), g.minute(one.End.At), ender(one.End), one.Scope)
	}
	return w.Flush()
}

// ender is who has ended a grant. Of one that an earlier gateway has ended nobody knows.
func ender(e store.End) string {
	switch {
	case e.By == "":
		return "unknown"
	case e.Operator != "":
		return fmt.Sprintf("%s %s", e.By, e.Operator)
	}
	return string(e.By)
}

// client is the practice's own key of whose records it is about.
func (g *grants) client(one store.Grant) string {
	patient, _ := fhir.ParseReference(one.Patient)
	key, _ := g.ids.Open(patient.Type, patient.ID)
	return cmp.Or(key, "-")
}

// giver tells representatives of one client apart, and says no more of them.
func giver(one store.Grant) string {
	if one.Person == one.Patient {
		return "the client"
	}
	person, ok := fhir.ParseReference(one.Person)
	if !ok {
		return "-"
	}
	return shortRef(person)
}

func (g *grants) minute(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.In(g.zone).Format("2006-01-02 15:04")
}

func grantEndCommand() *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   "end --config FILE GRANT...",
		Short: "End grants: the app has nothing of that client from its next request on",
		Long: `Ends grants by their ids ("gateway grant list" names them): every gateway process that shares the store refuses their access tokens from its next request on,
and the app gets no more with their refresh tokens. The client may launch the app again, which is a new grant. Whatever the app has read already it has.

The store keeps that an operator has ended it, when, and the name of the operating system's user who ran the command ("gateway grant list --ended").`,
		Example: `  gateway grant end --config gateway.yaml QJ5ZB2N7Y3T4LXK6WDVA2MRCEO`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			g, err := openGrants(cmd.Context(), config)
			if err != nil {
				return err
			}
			defer g.Close()
			if err := g.known(cmd.Context(), args, time.Now()); err != nil {
				return err
			}
			for _, id := range args {
				if err := g.end(cmd.Context(), id, time.Now()); err != nil {
					return err
				}
				if _, err := fmt.Fprintf(cmd.OutOrStdout(), "ended %s\n", id); err != nil {
					return err
				}
			}
			return nil
		},
	}
	configFlag(cmd, &config)
	return cmd
}

// known fails where one of the ids is no grant's, before any of them is ended. It is not repeated: it may be a token, or a client's key.
func (g *grants) known(ctx context.Context, ids []string, now time.Time) error {
	all, err := g.Grants(ctx, "", "", now)
	if err != nil {
		return err
	}
	for i, id := range ids {
		if !slices.ContainsFunc(all, func(one store.Grant) bool { return one.ID == id }) {
			return fmt.Errorf("argument %d is no grant's id, or the grant is over: \"gateway grant list\" names them; nothing was ended", i+1)
		}
	}
	return nil
}

// end refuses first what was given, and then what is asked for: whoever comes back in between finds an end.
func (g *grants) end(ctx context.Context, id string, now time.Time) error {
	until := now.Add(outlivesTokens)
	if err := g.Revoke(ctx, partners.GrantMark(g.cfg.AuthorizationServer.Issuer, id), until, now); err != nil {
		return err
	}
	return g.EndGrant(ctx, id, until, store.End{By: store.ByOperator, At: now, Operator: operator()})
}

// operator is the operating system's user who runs this. The environment is not asked: it says what its user likes.
func operator() string {
	id := strconv.Itoa(os.Getuid())
	u, err := user.LookupId(id)
	if err != nil {
		return "uid " + id // a container may have no list of users
	}
	return strings.ToValidUTF8(u.Username, "?")
}
