// Command gateway is Consentry: a FHIR R4 gateway in front of a therapy practice's own records, which releases what the client's active
// Consent allows, and never a psychotherapy note.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), ends()...)
	err := rootCommand().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "gateway:", err)
		os.Exit(1)
	}
}

// ends are the signals that end a command in good order: a terminal that is closed as well, unless nohup or a supervisor has it ignored.
func ends() []os.Signal {
	if signal.Ignored(syscall.SIGHUP) {
		return []os.Signal{os.Interrupt, syscall.SIGTERM}
	}
	return []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "gateway",
		Short: "A FHIR R4 gateway that releases what the client's active Consent allows, and nothing else",
		Long: `Consentry stands in front of a therapy practice's own records. It gives a referring provider, an insurer or a client's own app what
the client's active Consent allows, over FHIR R4, with Provenance. A psychotherapy note never leaves.

Start with "gateway demo": it brings a practice of its own.

For a practice of yours: "gateway keys" makes the keys; write a configuration, maps and a partner register; "gateway check" tries the maps on the real
rows; "gateway preview" shows what a partner would get; "gateway serve" serves. Each explains itself with --help.`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(demoCommand(), serveCommand(), checkCommand(), explainCommand(), previewCommand(), readyCommand(), ledgerCommand(), partnerCommand(), grantCommand(), revokeCommand(), keysCommand(), schemaCommand())
	plainUsage(root)
	return root
}

// plainUsage keeps "[flags]" out of usage lines that name the flags themselves.
func plainUsage(cmd *cobra.Command) {
	cmd.DisableFlagsInUseLine = true
	for _, sub := range cmd.Commands() {
		plainUsage(sub)
	}
}

// configFlag is the flag of every command that needs a practice.
func configFlag(cmd *cobra.Command, config *string) {
	cmd.Flags().StringVar(config, "config", "", "the configuration `FILE`, as \"gateway serve\" takes it")
	_ = cmd.MarkFlagRequired("config")
}
