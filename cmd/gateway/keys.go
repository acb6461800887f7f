package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/consentry/gateway/internal/authserver"
	"github.com/consentry/gateway/internal/authserver/seal"
	"github.com/consentry/gateway/internal/ident"
)

// tagKeySize is the length of the key of the ETags.
const tagKeySize = 32

// keyFiles are the gateway's own keys: the name of each file and its length in bytes.
var keyFiles = []struct {
	name string
	size int
	use  string
}{
	{"id.key", ident.KeySize, "seals FHIR ids; never rotate it, partners keep ids"},
	{"page.key", ident.PageKeySize, "seals page tokens"},
	{"etag.key", tagKeySize, "keys the digests that leave as ETags"},
	{"launch.key", seal.KeySize, "seals the pages and codes of app launch"},
	{"ledger.key", ed25519.SeedSize, "signs the ledger's checkpoints (an Ed25519 seed)"},
}

func keysCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "keys --dir DIR",
		Short: "Make the gateway's own keys",
		Long: `Writes the keys that a configuration names under "keys", one file each, readable by you alone: id.key seals FHIR ids, page.key page tokens, etag.key
keys the ETags, launch.key seals the pages of app launch, ledger.key signs the ledger. A key that is there already is left as it is: ids that partners keep stay valid. Back them up as you back
up the ledger, and keep them apart from the practice's database.`,
		Example: "  gateway keys --dir /etc/consentry/keys",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			made, err := makeKeys(dir)
			for _, k := range made {
				fmt.Fprintln(cmd.OutOrStdout(), "made", k)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "the folder `DIR` to write them to, made if it is not there")
	_ = cmd.MarkFlagRequired("dir")
	cmd.AddCommand(rotateCommand())
	return cmd
}

func rotateCommand() *cobra.Command {
	var dir, algorithm string
	cmd := &cobra.Command{
		Use:   "rotate --dir DIR [--algorithm ALG]",
		Short: "Make the next key that signs the tokens of the built-in authorization server",
		Long: `Makes a signing key in the folder that a configuration names under "authorization-server.keys". The first one signs at once. Each later one is published
ten minutes before it signs, so that everybody has it by then; the one before it stays published until its last token has expired, and the next rotation
deletes it. A gateway that runs takes all this by itself. Run it as often as you like, every month for instance, from a timer.

If a key has become known to others, delete its file: within seconds no token that it signed is taken any more by this gateway.`,
		Example: "  gateway keys rotate --dir /etc/consentry/keys/signing",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			done, err := authserver.RotateKeys(dir, algorithm, time.Now())
			if done.Path != "" {
				fmt.Fprintf(cmd.OutOrStdout(), "made %s: it signs from %s on\n", done.Path, done.Begins.Format(time.RFC3339))
			}
			for _, path := range done.Deleted {
				fmt.Fprintf(cmd.OutOrStdout(), "deleted %s: its tokens have expired\n", path)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "the folder `DIR` of the signing keys, made if it is not there")
	cmd.Flags().StringVar(&algorithm, "algorithm", "ES256", "the algorithm `ALG`, ES256 or RS256")
	_ = cmd.MarkFlagRequired("dir")
	return cmd
}

// makeKeys writes the keys that are missing in dir and names them.
func makeKeys(dir string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("--dir: %w", err)
	}
	var made []string
	for _, k := range keyFiles {
		path := filepath.Join(dir, k.name)
		key := make([]byte, k.size)
		if _, err := rand.Read(key); err != nil {
			return made, err
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return made, err
		}
		_, werr := fmt.Fprintln(f, base64.StdEncoding.EncodeToString(key))
		if err := errors.Join(werr, f.Sync(), f.Close()); err != nil {
			return made, err
		}
		made = append(made, path+": "+k.use)
	}
	return made, nil
}

// readKey reads a key of the given length in bytes. A file that others can read is refused.
func readKey(path string, size int) ([]byte, error) {
	switch err := ownersAlone(path); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w (`gateway keys` makes the keys)", err)
	case err != nil:
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil || len(key) != size {
		return nil, fmt.Errorf("%s is no key of %d bytes in base64", path, size)
	}
	return key, nil
}
