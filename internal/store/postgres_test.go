package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/consentry/gateway/internal/store/postgrestest"
)

func TestTheAddressOfAServer(t *testing.T) {
	for name, c := range map[string]struct {
		address  string
		insecure bool
		want     string // part of the problem, empty for none
	}{
		"proven TLS":              {"postgres://gateway@db.example.org/consentry?sslmode=verify-full", false, ""},
		"this machine":            {"postgres://gateway@127.0.0.1:5433/consentry", false, ""},
		"a socket":                {"postgres:///consentry?host=/var/run/postgresql&user=gateway", false, ""},
		"no TLS":                  {"postgres://gateway@db.example.org/consentry?sslmode=disable", false, "sslmode=verify-full"},
		"TLS if the server likes": {"postgres://gateway@db.example.org/consentry", false, "sslmode=verify-full"},
		"TLS with anybody":        {"postgres://gateway@db.example.org/consentry?sslmode=require", false, "sslmode=verify-full"},
		"a host of several":       {"postgres://gateway@localhost,db.example.org/consentry?sslmode=disable", false, "sslmode=verify-full"},
		"no TLS, said":            {"postgres://gateway@db/consentry?sslmode=disable", true, ""},
		"a password":              {"postgres://gateway:secret@localhost/consentry", false, "password-file"},
		"a password behind it":    {"postgres://gateway@localhost/consentry?password=secret", false, "password-file"},
		"no database":             {"postgres://gateway@localhost", false, "database"},
		"another scheme":          {"mysql://gateway@localhost/secret", false, "no postgres:// URL"},
		"no URL":                  {"host=localhost dbname=secret", false, "no postgres:// URL"},
		"a bad port":              {"postgres://gateway@localhost:secret/x", false, "no postgres:// URL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PGDATABASE", "")
			err := CheckPostgres(c.address, c.insecure)
			switch {
			case c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%v; want %q", err, c.want)
			case err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "example")):
				t.Errorf("the problem repeats the address: %v", err)
			}
		})
	}
}

func TestAServerThatMayForgetIsRefused(t *testing.T) {
	d := postgrestest.Own(t)
	p := Place{Postgres: d.URL, PasswordFile: d.PasswordFile}
	if _, err := OpenState(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Connect(t).Exec(t.Context(), "ALTER SYSTEM SET fsync = off"); err != nil {
		t.Fatal(err)
	}
	d.Server.Stop()
	if _, err := Open(t.Context(), p); err == nil || strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("a server that is gone: %v", err)
	}
	if err := d.Server.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), p); !errors.Is(err, ErrNotDurable) {
		t.Errorf("fsync is off: %v", err)
	}
}

// Whatever the role's default is, a commit waits for the disk.
func TestCommitsAreSynchronous(t *testing.T) {
	d := postgrestest.New(t)
	conn := d.Connect(t)
	if _, err := conn.Exec(t.Context(), "ALTER DATABASE "+conn.Config().Database+" SET synchronous_commit = off"); err != nil {
		t.Fatal(err)
	}
	db := openDB(t, Place{Postgres: d.URL, PasswordFile: d.PasswordFile})
	var setting string
	if err := db.QueryRowContext(t.Context(), "SHOW synchronous_commit").Scan(&setting); err != nil || setting != "on" {
		t.Errorf("synchronous_commit is %q, %v", setting, err)
	}
}

func TestErrorsOfAServerTellNothing(t *testing.T) {
	d := postgrestest.New(t)
	wrong := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(wrong, []byte("not-the-secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]Place{
		"wrong password": {Postgres: d.URL, PasswordFile: wrong},
		"no file":        {Postgres: d.URL, PasswordFile: wrong + ".absent"},
		"no server":      {Postgres: "postgres://gateway@127.0.0.1:1/private", PasswordFile: wrong},
		"no address":     {Postgres: "postgres://gateway:not-the-secret@127.0.0.1:x/private"},
	} {
		_, err := Open(t.Context(), p)
		if err == nil {
			t.Errorf("%s: opened", name)
			continue
		}
		for _, private := range []string{"not-the-secret", "127.0.0.1", "private"} {
			if strings.Contains(err.Error(), private) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
