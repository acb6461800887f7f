package ledger

import (
	"context"
	"crypto/ed25519"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/consentry/gateway/internal/store"
)

// twoChains makes a ledger of two processes, twelve records each, with several checkpoints.
func twoChains(t *testing.T) store.Place { return twoChainsAt(t, file(t)) }

func twoChainsAt(t *testing.T, path store.Place) store.Place {
	t.Helper()
	for range 2 {
		l := openAt(t, path, Options{CheckpointEvery: 5})
		for i := range 12 {
			if err := l.Append(t.Context(), sample(i, 3)); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func TestVerifyAcceptsAWholeLedger(t *testing.T) {
	path := twoChains(t)
	r := verifyAt(t, path, nil)
	if !r.OK() || r.Chains != 2 || r.Records != 24 || r.Checkpoints != 8 || r.Last.Number != 8 {
		t.Errorf("%+v", r)
	}
	if again := verifyAt(t, path, &r.Last); !again.OK() {
		t.Error(again.Problems)
	}
	parsed, err := ParseAnchor(r.Last.String())
	if err != nil || parsed != r.Last {
		t.Errorf("the anchor reads back as %v, %v", parsed, err)
	}
	for _, s := range []string{"", "1", "x:00", "0:" + r.Last.String()[2:], "8:00"} {
		if _, err := ParseAnchor(s); err == nil {
			t.Errorf("%q was read as an anchor", s)
		}
	}
}

type damage struct {
	name       string
	statements []string
	want       Finding
}

// damages are what somebody could do to a ledger of two chains, and what Verify finds.
func damages() []damage {
	const first = `(SELECT writer FROM tips ORDER BY writer LIMIT 1)`
	return []damage{
		{"an edited record", []string{`UPDATE commits SET records = CAST(records || x'00' AS BLOB) WHERE seq = 3 AND writer = ` + first}, RecordChanged},
		{"an edited record with its hash", []string{`UPDATE commits SET hash = zeroblob(32) WHERE seq = 5 AND writer = ` + first}, RecordChanged},
		{"a last record edited", []string{`UPDATE commits SET records = CAST(records || x'00' AS BLOB) WHERE seq = 12 AND writer = ` + first}, RecordChanged},
		{"two records exchanged", []string{
			`UPDATE commits SET seq = -1 WHERE seq = 3 AND writer = ` + first,
			`UPDATE commits SET seq = 3 WHERE seq = 4 AND writer = ` + first,
			`UPDATE commits SET seq = 4 WHERE seq = -1 AND writer = ` + first}, RecordChanged},
		{"a record from another chain", []string{`UPDATE commits SET (hash, records) = (SELECT hash, records FROM commits WHERE seq = 3 AND writer > ` + first +
			`) WHERE seq = 3 AND writer = ` + first}, RecordChanged},
		{"a record removed", []string{`DELETE FROM commits WHERE seq = 3 AND writer = ` + first}, RecordMissing},
		{"the first record removed", []string{`DELETE FROM commits WHERE seq = 1 AND writer = ` + first}, RecordMissing},
		{"the last record removed", []string{`DELETE FROM commits WHERE seq = 12 AND writer = ` + first}, RecordMissing},
		{"all records of a chain removed", []string{`DELETE FROM commits WHERE writer = ` + first}, RecordMissing},
		{"a chain removed with its tip", []string{`DELETE FROM commits WHERE writer = ` + first, `DELETE FROM tips WHERE writer = ` + first}, ChainMissing},
		{"a tip removed", []string{`DELETE FROM tips WHERE writer = ` + first}, ChainMissing},
		{"a tip taken back", []string{`UPDATE tips SET seq = 11 WHERE writer = ` + first}, TipForged},
		{"a tip signed by another", []string{`UPDATE tips SET signature = zeroblob(64) WHERE writer = ` + first}, TipForged},
		{"a record put behind the end", []string{`INSERT INTO commits SELECT writer, 13, hash, records FROM commits WHERE seq = 12 AND writer = ` + first}, RecordAfterEnd},
		{"a chain of nobody's", []string{`INSERT INTO commits SELECT x'00000000000000000000000000000001', seq, hash, records FROM commits WHERE writer = ` + first}, ChainUnknown},
		{"a checkpoint removed", []string{`DELETE FROM checkpoints WHERE number = 3`}, CheckpointGap},
		{"the newest checkpoint removed", []string{`DELETE FROM checkpoints WHERE number = 8`}, CheckpointsCut},
		{"all checkpoints removed", []string{`DELETE FROM checkpoints`}, NoCheckpoint},
		{"a checkpoint edited", []string{`UPDATE checkpoints SET at = at + 1 WHERE number = 3`}, CheckpointForged},
		{"the one after an edited checkpoint", []string{`UPDATE checkpoints SET at = at + 1 WHERE number = 3`}, CheckpointLink},
		{"a checkpoint without heads", []string{`UPDATE checkpoints SET moved = x'00' WHERE number = 3`}, CheckpointForged},
		{"everything removed", []string{`DELETE FROM commits`, `DELETE FROM tips`, `DELETE FROM checkpoints`}, NoCheckpoint},
	}
}

func TestVerifyFinds(t *testing.T) {
	for _, c := range damages() {
		t.Run(c.name, func(t *testing.T) {
			path := twoChains(t)
			tamper(t, path, c.statements...)
			if r := verifyAt(t, path, nil); !hasFinding(r, c.want) {
				t.Errorf("%v; want %q", r.Problems, c.want)
			}
		})
	}
}

func TestVerifyFindsTheSameInPostgreSQL(t *testing.T) {
	path := twoChainsAt(t, server(t))
	tables := []string{"commits", "tips", "checkpoints"}
	for _, table := range tables {
		tamper(t, path, `CREATE TABLE whole_`+table+` AS SELECT * FROM `+table)
	}
	for _, c := range damages() {
		t.Run(c.name, func(t *testing.T) {
			tamper(t, path, c.statements...)
			if r := verifyAt(t, path, nil); !hasFinding(r, c.want) {
				t.Errorf("%v; want %q", r.Problems, c.want)
			}
			for _, table := range tables {
				run(t, path, `TRUNCATE `+table)
				tamper(t, path, `INSERT INTO `+table+` SELECT * FROM whole_`+table)
			}
		})
	}
	if r := verifyAt(t, path, nil); !r.OK() {
		t.Errorf("put back: %v", r.Problems)
	}
}

// A commit of several records is one link: what is done to one of them shows.
func TestVerifyFindsARecordInACommitOfSeveral(t *testing.T) {
	path := file(t)
	l := openAt(t, path, Options{})
	for range 3 {
		if err := l.Append(t.Context(), sample(1, 2), sample(2, 2), sample(3, 2)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if r := verifyAt(t, path, nil); !r.OK() || r.Records != 9 {
		t.Errorf("%+v", r)
	}
	old := store.Place{SQLite: filepath.Join(t.TempDir(), "old.db")}
	copyFile(t, path.SQLite, old.SQLite)
	tamper(t, path, `UPDATE commits SET records = CAST(substr(records, 1, 60) || x'aa' || substr(records, 62) AS BLOB) WHERE seq = 6`)
	if r := verifyAt(t, path, nil); !hasFinding(r, RecordChanged) {
		t.Errorf("one byte changed: %v", r.Problems)
	}
	tamper(t, old, `UPDATE commits SET records = CAST(records || x'01' || x'00' AS BLOB) WHERE seq = 6`)
	if r := verifyAt(t, old, nil); r.OK() {
		t.Errorf("a record too many: %v", r.Problems)
	}
}

func hasFinding(r *Report, want Finding) bool {
	for _, p := range r.Problems {
		if p.Finding == want {
			return true
		}
	}
	return false
}

// Someone who can write the file and has kept the tip of an earlier hour can cut a chain back to it, but not behind a checkpoint.
func TestVerifyFindsAChainCutBackToAnOldTip(t *testing.T) {
	path := file(t)
	l := openAt(t, path, Options{CheckpointEvery: 1000})
	for i := range 4 {
		if err := l.Append(t.Context(), sample(i, 1)); err != nil {
			t.Fatal(err)
		}
	}
	tamper(t, path, `CREATE TABLE kept AS SELECT * FROM tips`)
	for i := range 4 {
		if err := l.Append(t.Context(), sample(i, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil { // writes a checkpoint
		t.Fatal(err)
	}
	tamper(t, path, `DELETE FROM commits WHERE seq > 4`, `UPDATE tips SET (seq, hash, checkpoint, signature) = (SELECT seq, hash, checkpoint, signature FROM kept)`)
	if r := verifyAt(t, path, nil); !hasFinding(r, TipBack) {
		t.Errorf("%v", r.Problems)
	}
}

// A file that is put back whole to an older copy of itself is whole. Only an anchor that was noted elsewhere shows it.
func TestOnlyAnAnchorShowsAnOlderCopy(t *testing.T) {
	path := twoChains(t)
	old := store.Place{SQLite: filepath.Join(t.TempDir(), "old.db")}
	copyFile(t, path.SQLite, old.SQLite)
	l := openAt(t, path, Options{})
	if err := l.Append(t.Context(), sample(1, 1)); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	anchor := verifyAt(t, path, nil).Last
	if r := verifyAt(t, old, nil); !r.OK() {
		t.Errorf("without an anchor: %v", r.Problems)
	}
	if r := verifyAt(t, old, &anchor); !hasFinding(r, AnchorMissing) {
		t.Errorf("with an anchor: %v", r.Problems)
	}
}

func TestVerifyTakesOnlyItsKeys(t *testing.T) {
	path := twoChains(t)
	other := ed25519.NewKeyFromSeed([]byte("another seed of 32 bytes, really"))
	for _, c := range []struct {
		name string
		keys []ed25519.PublicKey
		ok   bool
	}{
		{"the key", []ed25519.PublicKey{publicKey()}, true},
		{"another key", []ed25519.PublicKey{other.Public().(ed25519.PublicKey)}, false},
		{"both, after a rotation", []ed25519.PublicKey{other.Public().(ed25519.PublicKey), publicKey()}, true},
		{"an empty key", []ed25519.PublicKey{nil}, false},
	} {
		r, err := OpenReader(t.Context(), path, c.keys...)
		if err != nil {
			t.Fatal(err)
		}
		report, err := r.Verify(context.Background(), nil)
		if err != nil || report.OK() != c.ok {
			t.Errorf("%s: %v, %v", c.name, report, err)
		}
		_ = r.Close()
	}
}

// A checkpoint must not sign over a chain of another process that somebody has cut.
func TestACheckpointDoesNotCoverACutChain(t *testing.T) {
	path := twoChains(t)
	const first = `(SELECT writer FROM tips ORDER BY writer LIMIT 1)`
	tamper(t, path, `DELETE FROM commits WHERE seq > 6 AND writer = `+first,
		`UPDATE tips SET (seq, hash) = (6, (SELECT hash FROM commits WHERE seq = 6 AND writer = tips.writer)) WHERE writer = `+first)
	if err := openAt(t, path, Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	if r := verifyAt(t, path, nil); !hasFinding(r, TipBack) || !hasFinding(r, TipForged) || hasFinding(r, CheckpointBack) {
		t.Errorf("%v", r.Problems)
	}
}

func TestVerifyBoundsItsReport(t *testing.T) {
	r := &Report{}
	for i := range maxProblems + 5 {
		r.add(RecordMissing, WriterID{1}, uint64(i))
	}
	if len(r.Problems) != maxProblems || r.More != 5 || r.OK() {
		t.Errorf("%d problems and %d more", len(r.Problems), r.More)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}
