package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/consentry/gateway/profiles"
)

// schemaDir is the folder of the JSON Schemas, in the profiles and beside a configuration.
const schemaDir = "schema"

func schemaCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "schema --dir DIR",
		Short: "Write the JSON Schemas of the files that a configuration is made of, for editors",
		Long: `Writes the JSON Schemas of the configuration, the partner register, the maps and all the rules. An editor that knows YAML by schemas (VS Code with the YAML
extension, Neovim, Emacs, the JetBrains editors) then completes these files and marks what is wrong with them while you write. A file names its schema in its
first line, by a path from the file:

    # yaml-language-server: $schema=schema/gateway.schema.json

gateway: the configuration; partners: the partner register; map and source: the maps; notes: of a folder of FHIR files; the others: the rules of a profiles
folder of your own. An editor knows forms: "gateway check" knows the practice's database too, and says more.`,
		Example: "  gateway schema --dir /etc/consentry/schema",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			written, err := writeSchemas(dir)
			for _, path := range written {
				fmt.Fprintln(cmd.OutOrStdout(), "written", path)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "the folder `DIR` to write them to, made if it is not there")
	_ = cmd.MarkFlagRequired("dir")
	return cmd
}

// writeSchemas writes the schemas and names their files.
func writeSchemas(dir string) (written []string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("--dir: %w", err)
	}
	names, err := fs.Glob(profiles.FS, schemaDir+"/*.schema.json")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := fs.ReadFile(profiles.FS, name)
		if err != nil {
			return written, err
		}
		path := filepath.Join(dir, filepath.Base(name))
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return written, err
		}
		written = append(written, path)
	}
	return written, nil
}

// schemaLine names the schema of a file that lies beside the schemas' folder, for editors.
func schemaLine(name string) string {
	return "# yaml-language-server: $schema=" + schemaDir + "/" + name + ".schema.json\n"
}
