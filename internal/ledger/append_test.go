package ledger

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/store"
	"github.com/consentry/gateway/internal/store/postgrestest"
)

var signingKey = ed25519.NewKeyFromSeed([]byte("a seed of 32 bytes, for tests   "))

func publicKey() ed25519.PublicKey { return signingKey.Public().(ed25519.PublicKey) }

func openAt(t *testing.T, path store.Place, o Options) *Chain {
	t.Helper()
	if o.Key == nil {
		o.Key = signingKey
	}
	l, err := Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// file is a place for a ledger that is not there yet.
func file(t testing.TB) store.Place {
	return store.Place{SQLite: filepath.Join(t.TempDir(), "ledger.db")}
}

// server is the same on a PostgreSQL server.
func server(t *testing.T) store.Place {
	t.Helper()
	d := postgrestest.New(t)
	return store.Place{Postgres: d.URL, PasswordFile: d.PasswordFile}
}

// onBoth runs a test on both kinds of database.
func onBoth(t *testing.T, test func(t *testing.T, path store.Place)) {
	t.Run("SQLite", func(t *testing.T) { test(t, file(t)) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, server(t)) })
}

// within is a place whose locks are waited for so long.
func within(path store.Place, busy time.Duration) store.Place {
	path.BusyTimeout = busy
	return path
}

func readerAt(t *testing.T, path store.Place) *Reader {
	t.Helper()
	r, err := OpenReader(context.Background(), path, publicKey())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func recordsAt(t *testing.T, path store.Place, f Filter) []Record {
	t.Helper()
	var all []Record
	for e, err := range readerAt(t, path).Disclosures(context.Background(), f) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e.Record)
	}
	return all
}

func verifyAt(t *testing.T, path store.Place, anchor *Anchor) *Report {
	t.Helper()
	report, err := readerAt(t, path).Verify(context.Background(), anchor)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestSQLiteLedger(t *testing.T) {
	testLedger(t, func(t *testing.T) opened { return openedAt(t, file(t)) })
}
func TestPostgreSQLLedger(t *testing.T) {
	testLedger(t, func(t *testing.T) opened { return openedAt(t, server(t)) })
}

func openedAt(t *testing.T, path store.Place) opened {
	t.Cleanup(func() {
		if r := verifyAt(t, path, nil); !r.OK() {
			t.Errorf("the ledger does not verify: %v", r.Problems)
		}
	})
	return opened{openAt(t, path, Options{CheckpointEvery: 7}), func(t *testing.T) []Record { return recordsAt(t, path, Filter{}) }}
}

func TestFaultsReleaseNothingAndPassBy(t *testing.T) {
	for _, c := range []struct {
		name    string
		begin   func(t *testing.T, l *Chain, path store.Place) (end func())
		message string
	}{
		{"disk full", func(t *testing.T, l *Chain, _ store.Place) func() {
			pragma(t, l, "max_page_count = 1")
			return func() { pragma(t, l, "max_page_count = 1000000") }
		}, "full"},
		{"read-only", func(t *testing.T, l *Chain, _ store.Place) func() {
			pragma(t, l, "query_only = 1")
			return func() { pragma(t, l, "query_only = 0") }
		}, "readonly"},
		{"locked by another process", func(t *testing.T, _ *Chain, path store.Place) func() {
			db, err := store.Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			tx, err := db.BeginTx(context.Background(), nil)
			if err != nil {
				t.Fatal(err)
			}
			return func() { _ = tx.Rollback(); _ = db.Close() }
		}, "locked"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := file(t)
			l := openAt(t, within(path, 20*time.Millisecond), Options{})
			if err := l.Append(t.Context(), sample(1, 50)); err != nil {
				t.Fatal(err)
			}
			end := c.begin(t, l, path)
			err := appendUntilError(t, l)
			if err == nil || !strings.Contains(err.Error(), c.message) {
				t.Errorf("Append under the fault: %v; want an error with %q", err, c.message)
			}
			confirmed := len(recordsAt(t, path, Filter{}))
			end()
			if err := l.Append(t.Context(), sample(2, 50)); err != nil {
				t.Errorf("Append after the fault: %v", err)
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			if n := len(recordsAt(t, path, Filter{})); n != confirmed+1 {
				t.Errorf("%d records; want %d", n, confirmed+1)
			}
			if r := verifyAt(t, path, nil); !r.OK() {
				t.Error(r.Problems)
			}
		})
	}
}

func pragma(t *testing.T, l *Chain, text string) {
	t.Helper()
	if _, err := l.write.conn.ExecContext(context.Background(), "PRAGMA "+text); err != nil {
		t.Error(err)
	}
}

// appendUntilError goes on until the room that is left is used up.
func appendUntilError(t *testing.T, l *Chain) error {
	for i := range 200 {
		if err := l.Append(t.Context(), sample(10+i, 50)); err != nil {
			return err
		}
	}
	return nil
}

func TestAFailedCommitFailsEveryCallerOfItsGroup(t *testing.T) {
	path := file(t)
	l := openAt(t, within(path, 300*time.Millisecond), Options{})
	db, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	results := make(chan error)
	for i := range 20 {
		go func() { results <- l.Append(context.Background(), sample(i, 1)) }()
	}
	for range 20 {
		if err := <-results; err == nil {
			t.Error("a record was confirmed while the database was locked")
		}
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if n := len(recordsAt(t, path, Filter{})); n != 0 {
		t.Errorf("%d records", n)
	}
}

func TestACallerWhoGivesUpWhileWaitingIsToldSo(t *testing.T) {
	path := file(t)
	l := openAt(t, within(path, time.Second), Options{})
	db, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := l.Append(ctx, sample(1, 1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v; want context.DeadlineExceeded", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(t.Context(), sample(2, 1)); err != nil {
		t.Error(err)
	}
}

// A commit may report an error and have reached the disk all the same. The chain must go on from what the database holds.
func TestTheChainGoesOnAfterACommitOfUnknownOutcome(t *testing.T) {
	onBoth(t, func(t *testing.T, path store.Place) {
		l := openAt(t, path, Options{})
		for i := range 3 {
			if err := l.Append(t.Context(), sample(i, 2)); err != nil {
				t.Fatal(err)
			}
		}
		w := l.write
		before := w.head
		if err := w.commit([]*pending{{ctx: t.Context(), answer: []Record{sample(7, 2)}}}, true); err != nil {
			t.Fatal(err)
		}
		w.head, w.lost = before, true // as after an error
		w.encoder.forget()
		if err := l.Append(t.Context(), sample(8, 2)); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if n := len(recordsAt(t, path, Filter{})); n != 5 {
			t.Errorf("%d records; want 5", n)
		}
		if r := verifyAt(t, path, nil); !r.OK() {
			t.Error(r.Problems)
		}
	})
}

func TestOpenNeedsAKeyAndAPlace(t *testing.T) {
	path := file(t)
	if _, err := Open(t.Context(), path, Options{}); err == nil {
		t.Error("opened without a key")
	}
	if _, err := Open(t.Context(), store.Place{SQLite: filepath.Join(t.TempDir(), "absent", "ledger.db")}, Options{Key: signingKey}); err == nil {
		t.Error("opened in a folder that is not there")
	}
	if _, err := OpenReader(t.Context(), path, publicKey()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("reading an absent ledger: %v", err)
	}
	if _, err := OpenReader(t.Context(), path); err == nil {
		t.Error("a reader without keys")
	}
	if err := os.WriteFile(path.SQLite, []byte("this is not a database, it only says so"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path, Options{Key: signingKey}); err == nil {
		t.Error("opened what is no database")
	}
}

// crashChild makes this test binary append until it is killed, and print what was confirmed.
const crashChild = "CONSENTRY_TEST_LEDGER_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(crashChild); path != "" {
		appendForever(store.Place{SQLite: path})
		return
	}
	os.Exit(postgrestest.Main(m))
}

func appendForever(path store.Place) {
	l, err := Open(context.Background(), path, Options{Key: signingKey, CheckpointEvery: 50})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lines := make(chan string)
	for w := range 8 {
		go func() {
			for i := 0; ; i++ {
				r := sample(w, 10)
				r.RequestID = fmt.Sprintf("%d-%d-%d", os.Getpid(), w, i)
				if err := l.Append(context.Background(), r); err == nil {
					lines <- r.RequestID
				}
			}
		}()
	}
	for line := range lines {
		fmt.Println(line)
	}
}

func TestEveryConfirmedRecordSurvivesAKill(t *testing.T) {
	path := file(t)
	confirmed := map[string]bool{}
	for round := range 3 {
		for _, id := range killWhileAppending(t, path, 200+100*round) {
			confirmed[id] = true
		}
	}
	l := openAt(t, path, Options{})
	if err := l.Append(t.Context(), sample(1, 1)); err != nil {
		t.Fatal(err)
	}
	written := map[string]bool{}
	for _, r := range recordsAt(t, path, Filter{}) {
		written[r.RequestID] = true
	}
	for id := range confirmed {
		if !written[id] {
			t.Errorf("the confirmed record %s is gone", id)
		}
	}
	if len(confirmed) < 890 {
		t.Errorf("only %d records were confirmed", len(confirmed))
	}
	if r := verifyAt(t, path, nil); !r.OK() || r.Chains != 4 {
		t.Errorf("%d chains, problems %v", r.Chains, r.Problems)
	}
}

// killWhileAppending runs a child, kills it after n confirmed records, and gives all that it confirmed.
func killWhileAppending(t *testing.T, path store.Place, n int) []string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashChild+"="+path.SQLite)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var ids []string
	s := bufio.NewScanner(out)
	for s.Scan() {
		if strings.Count(s.Text(), "-") == 2 {
			ids = append(ids, s.Text())
		}
		if len(ids) == n {
			if err := cmd.Process.Kill(); err != nil { // SIGKILL
				t.Fatal(err)
			}
		}
	}
	if len(ids) < n {
		t.Fatalf("the child ended after %d records", len(ids))
	}
	_ = cmd.Wait()
	last := ids[len(ids)-1] // may have been cut off while it was printed
	if strings.HasPrefix(last, strconv.Itoa(cmd.Process.Pid)) {
		ids = ids[:len(ids)-1]
	}
	return ids
}
