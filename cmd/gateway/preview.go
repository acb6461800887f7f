package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
	"github.com/consentry/gateway/internal/spelling"
)

func previewCommand() *cobra.Command {
	var config, client, as, purpose string
	cmd := &cobra.Command{
		Use:   "preview --config FILE --client KEY --as PARTNER [--purpose P]",
		Short: "Show what a partner would get of a client's chart today, what not, and why",
		Long: `Decides over one client's whole chart as if the partner asked now, with all scopes that it is registered for, and prints one line per resource:
released or withheld, and the reason, Consent and provision of the decision. Nothing is written to the ledger, since nothing leaves.

"in part": of the client no more than who it is about, where anything of theirs leaves; of a Consent by which something leaves an extract of what it permits
this partner. "kept back": permitted, and stays all the same, since nothing that leaves refers to it, or since it would be incomplete.

A purpose for which the partner is not registered gets nothing, with the reason "purpose". Of an app (kind patient) it shows what the client themself would see
with it.`,
		Example: "  gateway preview --config gateway.yaml --client 1042 --as harbor-family-medicine --purpose TREAT",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := openProven(cmd.Context(), config)
			if err != nil {
				return err
			}
			v, err := r.release(slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil)), time.Now)
			if err != nil {
				return err
			}
			defer v.Close()
			p, err := v.preview(cmd.Context(), as, purpose, client)
			if err != nil {
				return err
			}
			return writePreview(cmd.OutOrStdout(), p, v.zone)
		},
	}
	configFlag(cmd, &config)
	cmd.Flags().StringVar(&client, "client", "", "the practice's own `KEY` of the client, its number as a rule")
	cmd.Flags().StringVar(&as, "as", "", "the `PARTNER`'s id in the register")
	cmd.Flags().StringVar(&purpose, "purpose", "", "the purpose of use `P`, a v3-ActReason code; without it the partner's default")
	for _, f := range []string{"client", "as"} {
		_ = cmd.MarkFlagRequired(f)
	}
	return cmd
}

// preview decides as if the partner asked now, with all that it is registered for.
func (v *views) preview(ctx context.Context, partner, purpose, client string) (*release.Preview, error) {
	register, err := v.partners.Current(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := registered(register, "--as", partner); err != nil { // before a client is looked for
		return nil, err
	}
	key, err := v.client(ctx, client)
	if err != nil {
		return nil, err
	}
	r, err := v.requesterFor(ctx, partner, purpose, key)
	if err != nil {
		return nil, err
	}
	return v.service.Preview(ctx, r, smart.Search, key)
}

// requesterFor is the partner, and where it is an app the client who has launched it.
func (v *views) requesterFor(ctx context.Context, partner, purpose string, client practice.ClientKey) (*requester.Requester, error) {
	register, err := v.partners.Current(ctx)
	if err != nil {
		return nil, err
	}
	p, err := registered(register, "--as", partner)
	if err != nil {
		return nil, err
	}
	if p.Disabled {
		return nil, fmt.Errorf("--as: %s is disabled: it gets nothing, of nobody", p.ID)
	}
	token := &smart.Token{Issuer: p.Issuer, ClientID: p.ID, Scopes: p.Scopes}
	if p.Kind == requester.KindPatient {
		id, err := v.sealer.Seal("Patient", string(client), "patient", string(client))
		if err != nil {
			return nil, err
		}
		token.Patient = fhir.Reference{Type: "Patient", ID: id}
		token.FHIRUser = token.Patient
	}
	if purpose != "" {
		stated, ok := register.Purpose(purpose)
		if !ok {
			return nil, unknownPurpose(purpose, p, register.PurposeCodes())
		}
		token.Purposes = []fhir.Coding{stated}
	}
	return register.Requester(token)
}

func unknownPurpose(purpose string, p *requester.Partner, known []string) error {
	own := make([]string, len(p.Purposes))
	for i, c := range p.Purposes {
		own[i] = c.Code
	}
	return fmt.Errorf("--purpose: unknown%s (%s is registered for: %s; all that are known: %s)",
		spelling.DidYouMean(purpose, known), p.ID, cmp.Or(strings.Join(own, ", "), "none"), strings.Join(known, ", "))
}

var errNoClient = errors.New("--client: no such client: no row of the practice's has this key")

// client finds a client by the practice's own key. It looks before any id is made of the key: a mistyped one would be kept for ever.
func (r *records) client(ctx context.Context, text string) (practice.ClientKey, error) {
	key, ok := clientKey(text)
	if !ok {
		return "", errNoClient
	}
	known, err := r.clients(ctx)
	if err != nil {
		return "", err
	}
	if !slices.Contains(known, key) {
		return "", errNoClient
	}
	return key, nil
}

// clientKey reads a client's key as the rows have it: a UUID is the same in capitals.
func clientKey(text string) (practice.ClientKey, bool) {
	return practice.CanonicalClient(practice.Value{Type: practice.Text, Text: text})
}

// writePreview prints a table: kinds, dates and codes, never a name or a text.
func writePreview(out io.Writer, p *release.Preview, zone *time.Location) error {
	leaving, self := map[string]int{}, false
	for _, l := range p.Lines {
		leaving[leaves(l, l.Shown)]++
		self = self || l.Decision.Reason == consent.SelfAccess
	}
	fmt.Fprintf(out, "%d of %d resources would leave", leaving[whole]+leaving[inPart], len(p.Lines))
	if leaving[inPart] > 0 {
		fmt.Fprintf(out, ", %d of them in part", leaving[inPart])
	}
	fmt.Fprint(out, ".")
	switch {
	case self:
		fmt.Fprint(out, " The client themself has launched the app: that needs no Consent.")
	case !p.Related:
		fmt.Fprint(out, " The practice's own data do not tie the partner to this client: a permit that names nobody does not reach it.")
	}
	fmt.Fprintln(out)
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "OUTCOME\tRESOURCE\tKIND\tDATE\tREASON\tCONSENT\tPROVISION")
	for _, l := range sortedLines(p.Lines) {
		consent := "-"
		if l.Decision.Consent != (fhir.Reference{}) {
			consent = shortRef(l.Decision.Consent)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", leaves(l, l.Shown), shortRef(fhir.Reference{Type: l.Facts.Type, ID: l.Facts.ID}),
			cmp.Or(l.Facts.Origin.Kind, l.Facts.Origin.Map), day(l.Facts.When.Start, zone), l.Decision.Reason, consent, cmp.Or(l.Decision.Provision, "-"))
	}
	return t.Flush()
}

func sortedLines(lines []release.PreviewLine) []release.PreviewLine {
	return slices.SortedStableFunc(slices.Values(lines), func(a, b release.PreviewLine) int {
		return cmp.Or(cmp.Compare(a.Facts.Type, b.Facts.Type), a.Facts.When.Start.Compare(b.Facts.When.Start))
	})
}

// shortRef is enough of a sealed id to tell one resource from another on a screen.
func shortRef(r fhir.Reference) string {
	if len(r.ID) > 10 {
		return r.Type + "/" + r.ID[:10]
	}
	return r.String()
}

// What becomes of a resource.
const (
	whole    = "released"
	inPart   = "in part"
	keptBack = "kept back"
	withheld = "withheld"
)

// leaves says what becomes of a resource that is shown, or is not.
func leaves(l release.PreviewLine, shown bool) string {
	extract := l.Facts.Type == "Consent" && l.Decision.Reason != consent.SelfAccess
	switch {
	case shown && l.Decision.Release && !extract:
		return whole
	case shown:
		return inPart
	case l.Decision.Release:
		return keptBack
	}
	return withheld
}

func day(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return "-"
	}
	return t.In(zone).Format(time.DateOnly)
}
