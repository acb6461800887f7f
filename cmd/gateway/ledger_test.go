package main

import (
	"bytes"
	"crypto/ed25519"
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/ident"
	"github.com/consentry/gateway/internal/ledger"
	"github.com/consentry/gateway/internal/store"
)

// practiceWithLedger makes a configuration whose ledger has two records about client 1042 and one about another. It gives the
// configuration's path.
func practiceWithLedger(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "gateway.yaml")
	if err := os.WriteFile(path, []byte(goodConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := makeKeys(dir); err != nil {
		t.Fatal(err)
	}
	idKey, err := readKey(filepath.Join(dir, "id.key"), ident.KeySize)
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := ident.NewSealer(idKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	seed, err := readKey(filepath.Join(dir, "ledger.key"), ed25519.SeedSize)
	if err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(t.Context(), store.Place{SQLite: filepath.Join(dir, "ledger.db")}, ledger.Options{Key: ed25519.NewKeyFromSeed(seed)})
	if err != nil {
		t.Fatal(err)
	}
	for i, client := range []string{"1042", "7", "1042"} {
		id, err := sealer.Seal("Patient", client, "patient", client)
		if err != nil {
			t.Fatal(err)
		}
		err = l.Append(t.Context(), ledger.Record{
			At: time.Date(2026, 11, 20+i, 3, 0, 0, 0, time.UTC), Partner: "partner-" + client, Interaction: "GET /fhir/DocumentReference", Status: 200,
			Purposes: []string{"http://terminology.hl7.org/CodeSystem/v3-ActReason|TREAT"},
			Client:   "Patient/" + id, Released: []string{"DocumentReference/a", "DocumentReference/b", "Provenance/c"}, Accountable: i == 2,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func runLedger(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := ledgerCommand()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestLedgerVerifyFindsWhatIsMissing(t *testing.T) {
	config := practiceWithLedger(t)
	out, err := runLedger(t, "verify", "--config", config)
	if err != nil || !strings.Contains(out, "records: 3, chains: 1,") || !strings.Contains(out, "the ledger is whole") {
		t.Fatalf("%v\n%s", err, out)
	}
	anchor := regexp.MustCompile(`last checkpoint (\S+)`).FindStringSubmatch(out)[1]
	if _, err := runLedger(t, "verify", "--config", config, "--anchor", anchor); err != nil {
		t.Error(err)
	}
	if _, err := runLedger(t, "verify", "--config", config, "--anchor", "9"+anchor); err == nil {
		t.Error("an anchor that is not there was accepted")
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(filepath.Dir(config), "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.Exec(`DELETE FROM commits WHERE seq = 2`); err != nil {
		t.Fatal(err)
	}
	out, err = runLedger(t, "verify", "--config", config)
	if err == nil || !strings.Contains(out, string(ledger.RecordMissing)) {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestAnAccountingIsNotMadeWithAnotherIDKey: with it the ledger would have nothing of anybody.
func TestAnAccountingIsNotMadeWithAnotherIDKey(t *testing.T) {
	config := practiceWithLedger(t)
	key := filepath.Join(filepath.Dir(config), "id.key")
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if _, err := makeKeys(filepath.Dir(config)); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"lines", "json"} {
		out, err := runLedger(t, "disclosures", "--config", config, "--client", "1042", "--format", format)
		if !errors.Is(err, errOtherIDs) || out != "" {
			t.Errorf("%s: %v\n%s", format, err, out)
		}
	}
	if out, err := runLedger(t, "disclosures", "--config", config); err != nil || strings.Count(out, "\n") != 3 {
		t.Errorf("all of it: %v\n%s", err, out)
	}
}

func TestLedgerDisclosures(t *testing.T) {
	config := practiceWithLedger(t)
	for _, c := range []struct {
		name string
		args []string
		want []string // a part of each line
	}{
		{"everything", nil, []string{"partner-1042", "partner-7", "partner-1042"}},
		{"a client", []string{"--client", "1042"}, []string{"2026-11-19 22:00:00  partner-1042  for TREAT  GET /fhir/DocumentReference (200): 2 DocumentReference, 1 Provenance", "[accountable]"}},
		{"a client without records", []string{"--client", "8"}, []string{"no such records"}},
		{"since a day in the practice's zone", []string{"--since", "2026-11-20"}, []string{"partner-7", "partner-1042"}},
		{"since an instant", []string{"--since", "2026-11-22T00:00:00Z"}, []string{"partner-1042"}},
		{"accountable only", []string{"--accountable"}, []string{"partner-1042"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := runLedger(t, append([]string{"disclosures", "--config", config}, c.args...)...)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.FieldsFunc(out, func(r rune) bool { return r == '\n' })
			if len(lines) != len(c.want) {
				t.Fatalf("%d lines, want %d:\n%s", len(lines), len(c.want), out)
			}
			for i, want := range c.want {
				if !strings.Contains(lines[i], want) {
					t.Errorf("line %d: %s\nwant %s", i, lines[i], want)
				}
			}
		})
	}
	out, err := runLedger(t, "disclosures", "--config", config, "--client", "7", "--format", "json")
	var entry struct {
		Recipient, Interaction string
		Released               []string
	}
	if err != nil || json.Unmarshal([]byte(out), &entry) != nil || entry.Recipient != "partner-7" || len(entry.Released) != 3 {
		t.Errorf("%v\n%s", err, out)
	}
	for name, args := range map[string][]string{
		"a client that nobody knows": {"disclosures", "--config", config, "--client", "a key that is far too long for an id"},
		"an empty key":               {"disclosures", "--config", config, "--client", ""},
		"a bad date":                 {"disclosures", "--config", config, "--since", "yesterday"},
		"no configuration":           {"disclosures"},
		"a bad anchor":               {"verify", "--config", config, "--anchor", "x"},
	} {
		if out, err := runLedger(t, args...); err == nil {
			t.Errorf("%s: accepted\n%s", name, out)
		}
	}
}

// Records of a client that lie before and beside a damaged one are listed all the same, and the error tells that others are missing.
func TestLedgerDisclosuresListsWhatCanBeRead(t *testing.T) {
	config := practiceWithLedger(t)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(filepath.Dir(config), "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.Exec(`UPDATE commits SET records = x'ff' WHERE seq = (SELECT max(seq) FROM commits WHERE length(records) > 0)`); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{"of a client": {"--client", "1042"}, "of a client, as JSON": {"--client", "1042", "--format", "json"}, "of all": nil} {
		out, err := runLedger(t, append([]string{"disclosures", "--config", config}, args...)...)
		if err == nil || !strings.Contains(err.Error(), "cannot be read") {
			t.Errorf("%s: the damage is not told: %v", name, err)
		}
		if strings.Count(out, "partner-1042") != 1 {
			t.Errorf("%s: want the one record that can be read:\n%s", name, out)
		}
	}
}
