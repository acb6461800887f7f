package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgresTimeout bounds what is asked of a server at once: a commit, the version of a table.
const postgresTimeout = 5 * time.Second

// maxPostgresConnections is how many connections one database/sql pool of ours holds at most; there are three of them in a gateway.
const maxPostgresConnections = 8

// ErrNotDurable says that the server may forget what it has confirmed.
var ErrNotDurable = errors.New("store: the PostgreSQL server runs with fsync or full_page_writes off: it may forget what it has confirmed")

// CheckPostgres says what is wrong with the address of a database, without asking it. The problem never repeats the address. insecure lets the
// server be on another machine without TLS, or with one that proves nothing.
func CheckPostgres(address string, insecure bool) error {
	c, err := pgx.ParseConfig(address)
	switch {
	case err != nil || !strings.HasPrefix(address, "postgres://") && !strings.HasPrefix(address, "postgresql://"):
		return errors.New("it is no postgres:// URL that libpq could read")
	case hasPassword(address):
		return errors.New("a password stands in it: put it into password-file")
	case c.Database == "":
		return errors.New("it names no database")
	}
	ways := []*pgconn.FallbackConfig{{Host: c.Host, TLSConfig: c.TLSConfig}}
	for _, way := range append(ways, c.Fallbacks...) {
		proven := way.TLSConfig != nil && !way.TLSConfig.InsecureSkipVerify
		if !proven && !local(way.Host) && !insecure {
			return errors.New("it is on another machine without TLS that proves who answers: say sslmode=verify-full in it, or insecure-plain-tcp: true")
		}
	}
	return nil
}

func hasPassword(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return true
	}
	_, given := u.User.Password()
	return given || u.Query().Has("password")
}

// local tells whether the host is this machine: a socket in its file system, or loopback.
func local(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.HasPrefix(host, "/") || host == "localhost" || err == nil && ip.IsLoopback()
}

func openPostgres(ctx context.Context, p Place, readOnly bool) (*DB, error) {
	c, err := pgx.ParseConfig(p.Postgres)
	if err != nil { // the text of the error repeats the address
		return nil, errors.New("store: the address of the PostgreSQL database cannot be read")
	}
	c.ConnectTimeout = postgresTimeout
	c.RuntimeParams["application_name"] = "consentry"
	c.RuntimeParams["synchronous_commit"] = "on" // whatever the server's or the role's default is
	c.RuntimeParams["default_transaction_isolation"] = "read committed"
	if readOnly {
		c.RuntimeParams["default_transaction_read_only"] = "on"
	}
	// Never a standby: it tells what was, and what is revoked must be refused at once. It is asked in another way than by read-write, which a
	// connection that may only read is not.
	c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsPrimary
	db := stdlib.OpenDB(*c, stdlib.OptionBeforeConnect(password(p.PasswordFile)))
	db.SetMaxOpenConns(maxPostgresConnections)
	db.SetMaxIdleConns(maxPostgresConnections)
	db.SetConnMaxIdleTime(time.Minute)
	opened := &DB{DB: db, kind: postgres}
	if err := opened.durable(ctx); err != nil {
		_ = db.Close()
		return nil, err
	}
	return opened, nil
}

// password reads the password for each connection, so that it can be changed while the gateway runs.
func password(file string) func(context.Context, *pgx.ConnConfig) error {
	return func(_ context.Context, c *pgx.ConnConfig) error {
		if file == "" {
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("store: the file of the PostgreSQL password: %w", err)
		}
		line, _, _ := bytes.Cut(text, []byte("\n"))
		c.Password = strings.TrimSuffix(string(line), "\r")
		return nil
	}
}

// durable asks the server whether a commit that it confirms is on its disk.
func (db *DB) durable(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, postgresTimeout)
	defer cancel()
	var fsync, pages string
	err := db.QueryRowContext(ctx, `SELECT current_setting('fsync'), current_setting('full_page_writes')`).Scan(&fsync, &pages)
	switch {
	case err != nil:
		return fmt.Errorf("store: PostgreSQL: %w", withoutAddress(err))
	case fsync != "on" || pages != "on":
		return ErrNotDurable
	}
	return nil
}

// withoutAddress keeps of a failed connection why it failed, and not the address, which may name users and hosts that are nobody's business.
func withoutAddress(err error) error {
	var connect *pgconn.ConnectError
	if !errors.As(err, &connect) {
		return err
	}
	var answered *pgconn.PgError
	if errors.As(err, &answered) {
		return fmt.Errorf("the server refuses the connection (SQLSTATE %s)", answered.Code)
	}
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		return errors.New("the file of the password cannot be read")
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("the server does not answer in time")
	}
	return errors.New("the server cannot be reached")
}
