package main

import (
	"fmt"
	"os"

	"github.com/consentry/gateway/internal/store"
)

// ledgerPlace is where the ledger is.
func (c *Config) ledgerPlace() store.Place { return c.place(c.Ledger) }

// statePlace is where the state is.
func (c *Config) statePlace() store.Place { return c.place(c.State) }

func (c *Config) place(file string) store.Place {
	if c.Store.Postgres == "" {
		return store.Place{SQLite: file}
	}
	return store.Place{Postgres: c.Store.Postgres, PasswordFile: c.Store.PasswordFile}
}

// requireStore wants either the two files or a PostgreSQL database. No problem repeats its address.
func (c *Config) requireStore(p *problems, required map[string]string) {
	if c.node("store") == nil {
		required["ledger"], required["state"] = c.Ledger, c.State
		return
	}
	required["store.postgres"] = c.Store.Postgres
	if c.Ledger != "" || c.State != "" {
		p.add(c.line("store"), "store: ledger and state are files, and exclude it")
	}
	if c.Store.Postgres == "" {
		return
	}
	if err := store.CheckPostgres(c.Store.Postgres, c.Store.InsecurePlainTCP); err != nil {
		p.add(c.line("store.postgres"), "store.postgres: %v", err)
	}
}

// checkPassword looks at the file of the database's password, which is for its owner alone as the keys are.
func (c *Config) checkPassword(p *problems) {
	const key = "store.password-file"
	if !c.checkPath(p, key, c.Store.PasswordFile, hasText, "is no file, or empty") {
		return
	}
	if err := ownersAlone(c.Store.PasswordFile); err != nil {
		p.add(c.line(key), "%s: %v", key, err)
	}
}

// ownersAlone fails for a file that others can read.
func ownersAlone(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%s can be read by others: chmod 600 it", path)
	}
	return nil
}
