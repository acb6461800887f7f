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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := rootCommand().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "gateway:", err)
		os.Exit(1)
	}
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "gateway",
		Short: "A FHIR R4 gateway that releases what the client's active Consent allows, and nothing else",
		Long: `Consentry stands in front of a therapy practice's own records. It gives a referring provider, an insurer or a client's own app what
the client's active Consent allows, over FHIR R4, with Provenance. A psychotherapy note never leaves.

Start with "gateway demo".`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(demoCommand(), serveCommand(), checkCommand(), explainCommand(), previewCommand(), ledgerCommand(), revokeCommand(), keysCommand())
	return root
}
