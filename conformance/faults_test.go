package conformance

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite" // to lock the ledger as another program would
)

// eventually asks until the answer is as wanted.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Errorf("%s: never", what)
}

// refusesForNow tells whether an answer is the 503 that says nothing.
func refusesForNow(t *testing.T, when string, a *answer) {
	t.Helper()
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || issueCode(t, a) != "transient" || a.header.Get("Etag") != "" {
		t.Errorf("%s: %d, Retry-After %q, %.100s", when, a.status, a.header.Get("Retry-After"), a.body)
	}
}

// TestWithoutThePracticesDatabaseNothingIsReleased moves the practice's database away and back.
func TestWithoutThePracticesDatabaseNothingIsReleased(t *testing.T) {
	t.Parallel()
	c := ownClinic(t)
	ask := c.as(t, harbor)
	id := c.id(t, c.practice.Story.Referred)
	paths := []string{"Patient/" + id, "DocumentReference?patient=" + id, "Patient", "Practitioner"}
	var warm []*answer
	for _, p := range paths {
		warm = append(warm, ask.get(t, p))
	}
	away := c.practice.Database + ".away"
	if err := os.Rename(c.practice.Database, away); err != nil {
		t.Fatal(err)
	}
	for i, p := range paths {
		refusesForNow(t, "without the database, "+withoutQuery(p)[:7], ask.do(t, "GET", p, nil, http.Header{"If-None-Match": {warm[i].header.Get("Etag")}}))
	}
	if isReady(c.root) {
		t.Error("ready without the practice's database")
	}
	if a := ask.get(t, c.root+"/livez"); a.status != 200 {
		t.Errorf("livez: %d", a.status)
	}
	if err := os.Rename(away, c.practice.Database); err != nil {
		t.Fatal(err)
	}
	eventually(t, "answers again", func() bool { a, err := ask.try("GET", paths[0], nil, nil); return err == nil && a.status == 200 })
	for i, p := range paths {
		if diff := sameAnswer(warm[i], ask.get(t, p)); diff != "" && !strings.Contains(string(warm[i].body), "_page=") {
			t.Errorf("%s is not what it was:\n%.500s", withoutQuery(p)[:7], diff)
		}
	}
	eventually(t, "ready again", func() bool { return isReady(c.root) })
}

// TestACorruptDatabaseReleasesNothing overwrites the practice's database with bytes that are none.
func TestACorruptDatabaseReleasesNothing(t *testing.T) {
	t.Parallel()
	c := ownClinic(t)
	ask := c.as(t, harbor)
	id := c.id(t, c.practice.Story.Referred)
	if a := ask.get(t, "Patient/"+id); a.status != 200 {
		t.Fatalf("before: %d", a.status)
	}
	good, err := os.ReadFile(c.practice.Database)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.practice.Database, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	refusesForNow(t, "corrupt", ask.get(t, "Patient/"+id))
	refusesForNow(t, "corrupt", ask.get(t, "Encounter?patient="+id))
	if err := os.WriteFile(c.practice.Database, good, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "answers again", func() bool { a, err := ask.try("GET", "Patient/"+id, nil, nil); return err == nil && a.status == 200 })
}

// TestWithoutTheLedgerNothingIsReleased locks the ledger as another program would, then lets it go.
func TestWithoutTheLedgerNothingIsReleased(t *testing.T) {
	t.Parallel()
	c := changedClinic(t, patience, "limits: {request-timeout: 5s}")
	must(t, c.open())
	t.Cleanup(func() { _ = c.stop() })
	ask := c.as(t, harbor)
	id := c.id(t, c.practice.Story.Referred)
	tag := ask.get(t, "Patient/"+id).header.Get("Etag")
	db, err := sql.Open("sqlite", "file:"+filepath.Join(c.dir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(context.Background(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	for name, header := range map[string]http.Header{"read": nil, "conditional read": {"If-None-Match": {tag}}} {
		refusesForNow(t, "with a locked ledger, "+name, ask.do(t, "GET", "Patient/"+id, nil, header))
	}
	refusesForNow(t, "with a locked ledger, an unknown id", ask.get(t, "Patient/"+stranger()))
	if a := ask.get(t, "metadata"); a.status != 200 {
		t.Errorf("metadata with a locked ledger: %d", a.status)
	}
	if _, err := conn.ExecContext(context.Background(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "answers again", func() bool { a, err := ask.try("GET", "Patient/"+id, nil, nil); return err == nil && a.status == 200 })
	if r := runGateway(t, "ledger", "verify", "--config", c.config()); r.code != 0 {
		t.Errorf("the ledger after the lock: %d %s%s", r.code, r.stdout, r.stderr)
	}
}

// TestWithAnotherIDKeyNothingIsServed: partners could not use an id that they keep, and clients would be told that nobody got anything.
func TestWithAnotherIDKeyNothingIsServed(t *testing.T) {
	t.Parallel()
	c, err := openClinic(t.TempDir(), 20)
	must(t, err)
	c.as(t, harbor).get(t, "Patient/"+c.id(t, c.practice.Story.Referred))
	must(t, c.stop())
	if r := runGateway(t, "keys", "--dir", filepath.Join(c.dir, "other")); r.code != 0 {
		t.Fatal(r.stderr)
	}
	must(t, os.Rename(filepath.Join(c.dir, "other", "id.key"), filepath.Join(c.dir, "keys", "id.key")))
	for _, args := range [][]string{{"serve"}, {"ledger", "disclosures", "--client", string(c.practice.Story.Referred)}, {"ledger", "disclosures", "--client", string(c.practice.Story.Referred), "--format", "text"}} {
		r := runGateway(t, append(args, "--config", c.config())...)
		if r.code != 1 || !strings.Contains(r.stderr, "keys.id is not the key") || strings.Contains(r.stdout, "Nothing") {
			t.Errorf("gateway %s: %d %s%s", args[0], r.code, r.stdout, r.stderr)
		}
	}
}

// TestShutdownAnswersWhatIsUnderWay sends SIGTERM while a form is half sent.
func TestShutdownAnswersWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	c, err := openClinic(t.TempDir(), 20)
	if err != nil {
		t.Fatal(err)
	}
	ask := c.as(t, harbor)
	form := "patient=" + c.id(t, c.practice.Story.Referred)
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.root, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /fhir/Encounter/_search HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", ask.token, len(form))
	_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	const goOn = "HTTP/1.1 100 Continue\r\n\r\n" // it is under way: somebody wants to read the form
	said := make([]byte, len(goOn))
	if _, err := io.ReadFull(conn, said); err != nil || string(said) != goOn {
		t.Fatalf("the gateway does not want the form: %v, %q", err, said)
	}
	if _, err := io.WriteString(conn, form[:10]); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "refuses new requests", func() bool { return !isReady(c.root) })
	if _, err := io.WriteString(conn, form[10:]); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	got, _ := io.ReadAll(conn)
	all := answersIn(t, string(got))
	if len(all) != 1 || all[0].status != 200 || len(all[0].bundle(t).Matches) == 0 {
		t.Errorf("the request under way got %d answers: %.100s", len(all), got)
	}
	select {
	case <-c.ended:
		if c.err != nil {
			t.Errorf("it ended with %v", c.err)
		}
	case <-time.After(15 * time.Second):
		t.Error("it did not end")
		_ = c.cmd.Process.Kill()
	}
}

// TestAnswersAreInTheLedger counts records: a read, a 404, a 304, a HEAD and an empty search are each one; a refusal is none.
func TestAnswersAreInTheLedger(t *testing.T) {
	t.Parallel()
	c := ownClinic(t)
	ask := c.as(t, harbor)
	id := c.id(t, c.practice.Story.Referred)
	records := func() int {
		r := runGateway(t, "ledger", "disclosures", "--config", c.config(), "--format", "json")
		if r.code != 0 {
			t.Fatalf("disclosures: %d %s", r.code, r.stderr)
		}
		return strings.Count(r.stdout, "\n")
	}
	last := records()
	expect := func(what string, more int) {
		t.Helper()
		if now := records(); now != last+more {
			t.Errorf("%s: %d records, want %d", what, now-last, more)
		} else {
			last = now
		}
	}
	a := ask.get(t, "Patient/"+id)
	expect("a read", 1)
	ask.do(t, "GET", "Patient/"+id, nil, http.Header{"If-None-Match": {a.header.Get("Etag")}})
	expect("a 304", 1)
	ask.do(t, "HEAD", "Patient/"+id, nil, nil)
	expect("a HEAD", 1)
	ask.get(t, "Patient/"+stranger())
	expect("a 404", 1)
	ask.get(t, "Encounter?patient="+stranger())
	expect("an empty search", 1)
	ask.get(t, "metadata")
	ask.get(t, "Encounter")
	(&caller{base: c.base}).get(t, "Patient/"+id)
	expect("refusals and public documents", 0)
}
