package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/consentry/gateway/internal/mapping"
)

var errCheck = errors.New("the check found what has to be looked at")

// checkCommand maps all of the practice's rows and says what became of them.
func checkCommand() *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   "check --config FILE",
		Short: "Try the maps on the practice's real rows, or its folder, and say what would be served and what not",
		Long: `Connects to the practice's database, proves that the separated psychotherapy store cannot be read, runs every map over every
client, and holds every resource against google/fhir: it must parse, validate, and come back as the same bytes.

Of a folder of FHIR files it reads all, makes every chart, and prints a table of the files; a folder that cannot be served is reported by file and line.

Of a partner register in the store it names the entries that cannot be read, or not with this configuration: those partners get nothing.

With TLS it says until when the certificate can be used, and whether it is for the host of base-url; two weeks before its end that has to be looked at.

It prints a table of the maps: rows read, mapped, withheld by reason, failed. Failed rows are listed by table, key and column, with what would fit, never
with a value. Kinds of note that no map lists are withheld, and listed here so that somebody decides.

The exit code is 0 if nothing is left to look at, and 1 otherwise. Nothing is released, and nothing is written to the ledger.`,
		Example: "  gateway check --config gateway.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			records, err := openProven(cmd.Context(), config)
			if err != nil {
				return err
			}
			defer records.Close()
			found, err := records.check(cmd.Context())
			if err != nil {
				return err
			}
			good, err := printCertificate(cmd.OutOrStdout(), records.cfg, time.Now())
			if err != nil {
				return err
			}
			registered, err := records.printPartners(cmd.Context(), cmd.OutOrStdout())
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), records.separation()); err != nil {
				return err
			}
			if err := printChecked(cmd.OutOrStdout(), found); err != nil {
				return err
			}
			if !good || !registered || !found.OK() {
				return errCheck
			}
			return nil
		},
	}
	configFlag(cmd, &config)
	return cmd
}

// maxFailures bounds what is listed of one map: the first rows tell what is wrong with it.
const maxFailures = 20

func printChecked(out io.Writer, found *mapping.Checked) error {
	fmt.Fprintf(out, "%d clients\n\n", found.Clients)
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "MAP\tTABLE\tREAD\tMAPPED\tWITHHELD\tFAILED")
	for _, r := range found.Maps {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\t%d\n", r.Map, r.Table, r.Read, r.Mapped, reasons(r.Withheld), len(r.Failed))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	printFailures(out, found.Maps)
	if found.Uncounted {
		_, err := fmt.Fprintln(out, "\nKinds of note are not counted: source.yaml needs note-kinds with rows, or nobody notices a kind that no map lists.")
		return err
	}
	return printKinds(out, found.NoteKinds)
}

func reasons(withheld map[string]int) string {
	text := ""
	for _, reason := range sortedKeys(withheld) {
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("%s %d", reason, withheld[reason])
	}
	if text == "" {
		return "-"
	}
	return text
}

func printFailures(out io.Writer, maps mapping.Report) {
	for _, r := range maps {
		for i, f := range r.Failed {
			if i == maxFailures {
				fmt.Fprintf(out, "  ... and %d more of %s\n", len(r.Failed)-i, r.Map)
				break
			}
			if i == 0 {
				fmt.Fprintln(out)
			}
			fmt.Fprintf(out, "failed: %s, table %s, key %s, column %s: %s\n", r.Map, orDash(r.Table), orDash(f.Key), orDash(f.Column), f.Why)
		}
	}
}

func printKinds(out io.Writer, kinds []mapping.NoteKind) error {
	if len(kinds) == 0 {
		return nil
	}
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "KIND OF NOTE\tROWS\tMAP")
	for _, k := range kinds {
		status := k.Map
		switch {
		case k.Unlisted():
			status = "UNKNOWN: nobody lists it, so it is withheld"
		case k.Map == "":
			status = "withheld: " + k.Withheld
		}
		fmt.Fprintf(w, "%s\t%d\t%s\n", orDash(k.Kind), k.Rows, status)
	}
	unknown := slices.ContainsFunc(kinds, mapping.NoteKind.Unlisted)
	if err := w.Flush(); err != nil || !unknown {
		return err
	}
	_, err := fmt.Fprintln(out, "\nAn unknown kind needs a map with note-types, or a line under note-kinds: withheld in source.yaml; of a folder, a line in practice.notes.")
	return err
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
