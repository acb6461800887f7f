package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/demo"
	"github.com/consentry/gateway/internal/practice"
)

// watched is a practice's database with something that happens while it is read.
type watched struct {
	practice.Snapshotter
	*watch
	torn bool // each statement reads the state of its own instant: the mutant that the test must find out
}

type watch struct {
	mu     sync.Mutex
	seen   int
	before func(place int) // is called before each statement and version; nil for nothing
}

func (w *watch) pass() {
	w.mu.Lock()
	w.seen++
	n, f := w.seen, w.before
	w.mu.Unlock()
	if f != nil {
		f(n)
	}
}

func (w watched) Version(ctx context.Context) (string, error) {
	version, err := w.Snapshotter.Version(ctx)
	w.pass() // after the reading: what is told is old by then
	return version, err
}

func (w watched) Snapshot(ctx context.Context, f func(context.Context, practice.Source) error) error {
	if w.torn {
		return f(ctx, watchedState{w.Snapshotter, w.watch})
	}
	return w.Snapshotter.Snapshot(ctx, func(ctx context.Context, at practice.Source) error { return f(ctx, watchedState{at, w.watch}) })
}

type watchedState struct {
	practice.Source
	*watch
}

func (w watchedState) Rows(ctx context.Context, q practice.Query, clients []practice.ClientKey, each func(practice.Row) error, broken func(*practice.BrokenRow)) error {
	w.pass()
	return w.Source.Rows(ctx, q, clients, each, broken)
}

// change is one committed transaction of the practice's own software, and the one that takes it back.
type change struct{ do, undo []string }

// walRig is a rig whose practice can be written to while it is read, as SQLite's write-ahead log allows.
func walRig(t *testing.T) (*rig, func(...string)) {
	r := newRig(t)
	db, err := sql.Open("sqlite", "file:"+r.practice.Database+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_pragma=synchronous(OFF)")
	noError(t, err)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	return r, func(statements ...string) {
		tx, err := db.Begin()
		noError(t, err)
		for _, s := range statements {
			_, err := tx.Exec(s)
			noError(t, err)
		}
		noError(t, tx.Commit())
	}
}

// A release that ends in the same instant in which something new comes into the record, and the other way round: whenever the commit comes while
// the chart is read, the answer is that of before or that of after.
func TestAChartIsReadInOneState(t *testing.T) {
	r, write := walRig(t)
	client := r.practice.Story.Referred
	revoked := fmt.Sprintf("UPDATE releases SET revoked_at='2026-01-01 10:00:00', status='ended' WHERE client_id=%s AND status='active'", client)
	active := fmt.Sprintf("UPDATE releases SET revoked_at=NULL, status='active' WHERE client_id=%s AND status='ended' AND revoked_at='2026-01-01 10:00:00'", client)
	gone := fmt.Sprintf("UPDATE notes SET deleted=deleted+2 WHERE client_id=%s", client)
	back := fmt.Sprintf("UPDATE notes SET deleted=deleted-2 WHERE client_id=%s", client)
	// Notes as the separated kind: the map that releases them must not find them any more.
	apart := fmt.Sprintf("UPDATE notes SET note_type='psychotherapy-stub:'||note_type WHERE client_id=%s", client)
	joined := fmt.Sprintf("UPDATE notes SET note_type=replace(note_type,'psychotherapy-stub:','') WHERE client_id=%s", client)
	// A diagnosis at each session, which labels what was written about it: this client has released nothing about substance use to this clinic.
	diagnosed := fmt.Sprintf(`INSERT INTO diagnoses (id, client_id, session_id, icd10, description, status, recorded_by, recorded_at)
		SELECT DISTINCT 900000+session_id, client_id, session_id, 'F10.20', 'Alcohol dependence', 'active', 2, '2026-01-01 10:00:00' FROM notes WHERE client_id=%s AND session_id IS NOT NULL`, client)
	const undiagnosed = "DELETE FROM diagnoses WHERE id>=900000"
	cases := map[string]struct {
		first  []string // makes the state of before
		change change
		torn   bool // statements that each read their own instant give an answer of neither state
	}{
		"notes come as the release ends":                 {[]string{gone}, change{[]string{back, revoked}, []string{gone, active}}, true},
		"notes come with the diagnosis that labels them": {[]string{gone}, change{[]string{back, diagnosed}, []string{gone, undiagnosed}}, true},
		"notes go as the release begins":                 {[]string{revoked}, change{[]string{active, gone}, []string{revoked, back}}, false},
		"notes are set apart as the release begins":      {[]string{revoked}, change{[]string{active, apart}, []string{revoked, joined}}, false},
	}
	path := "DocumentReference?patient=" + patientID(t, r.demonstration, client) + "&_count=100"
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			write(c.first...)
			before := r.open(parts{}, faultPartner).get(path).Body.String()
			write(c.change.do...)
			after := r.open(parts{}, faultPartner).get(path).Body.String()
			write(c.change.undo...)
			if mixed, places := r.tear(t, path, c.change, write, before, after, false); mixed > 0 {
				t.Errorf("%d of %d commits gave an answer of neither state", mixed, places)
			}
			if mixed, places := r.tear(t, path, c.change, write, before, after, true); c.torn && mixed == 0 {
				t.Errorf("reading without a snapshot was not found out at %d places", places)
			}
			write(active, undiagnosed, "UPDATE notes SET deleted=deleted-2 WHERE deleted>=2", "UPDATE notes SET note_type=replace(note_type,'psychotherapy-stub:','')")
		})
	}
}

// tear commits the change at each place of a request in turn, and counts the answers that are of neither state.
func (r *rig) tear(t *testing.T, path string, c change, write func(...string), before, after string, torn bool) (mixed, places int) {
	for at := 1; ; at++ {
		w := &watch{}
		changed := false
		w.before = func(place int) {
			if place == at && !changed {
				changed = true
				write(c.do...)
			}
		}
		x := r.open(parts{source: func(s practice.Snapshotter) practice.Snapshotter { return watched{s, w, torn} }}, faultPartner)
		answer, _, _ := x.ask(path)
		if !changed {
			return mixed, places
		}
		places++
		if answer.Code != http.StatusOK {
			t.Errorf("commit at place %d: status %d", at, answer.Code)
		} else if got := answer.Body.String(); got != before && got != after {
			mixed++
		}
		if got, _, _ := x.ask(path); !torn && got.Body.String() != after {
			t.Errorf("commit at place %d: the next answer is not that of after", at)
		}
		write(c.undo...)
	}
}

// gatekeeper lets a request wait at one place.
type gatekeeper struct {
	arrived, open chan struct{}
	once          sync.Once
}

func newGatekeeper() *gatekeeper {
	return &gatekeeper{arrived: make(chan struct{}), open: make(chan struct{})}
}

// hold waits the first time that it is called.
func (g *gatekeeper) hold() {
	g.once.Do(func() {
		close(g.arrived)
		<-g.open
	})
}

// A revocation that was committed before a request arrived is effective for it, though the same view is being built for an earlier one: at
// whatever place that one waits, in or after its reading of the version or amid the chart.
func TestARevocationIsEffectiveForWhoComesAfterIt(t *testing.T) {
	r, write := walRig(t)
	client := r.practice.Story.Referred
	path := "DocumentReference?patient=" + patientID(t, r.demonstration, client) + "&_count=100"
	revoke := fmt.Sprintf("UPDATE releases SET status='ended', revoked_at='2026-01-01 10:00:00' WHERE client_id=%s AND status='active'", client)
	restore := fmt.Sprintf("UPDATE releases SET status='active', revoked_at=NULL WHERE client_id=%s AND status='ended' AND revoked_at='2026-01-01 10:00:00'", client)
	for _, place := range []int{1, 2, 3, 8, 15} {
		t.Run(fmt.Sprint("place ", place), func(t *testing.T) {
			r.t = t
			g := newGatekeeper()
			w := &watch{}
			w.before = func(n int) {
				if n == place {
					g.hold()
				}
			}
			x := r.open(parts{source: func(s practice.Snapshotter) practice.Snapshotter { return watched{s, w, false} }, timeout: 20 * time.Second}, faultPartner)
			first := make(chan *httptest.ResponseRecorder, 1)
			go func() { a, _, _ := x.ask(path); first <- a }()
			<-g.arrived
			write(revoke)
			second := make(chan *httptest.ResponseRecorder, 1)
			go func() { a, _, _ := x.ask(path); second <- a }()
			var answer *httptest.ResponseRecorder
			select {
			case answer = <-second:
			case <-time.After(300 * time.Millisecond): // it waits for the version that the first one holds up
			}
			close(g.open)
			<-first // it may have what was released when it came
			if answer == nil {
				answer = <-second
			}
			if answer.Code != http.StatusOK || len(resourcesIn(t, answer)) > 0 {
				t.Errorf("the second request: status %d, %d resources", answer.Code, len(resourcesIn(t, answer)))
			}
			if third := x.get(path); len(resourcesIn(t, third)) > 0 {
				t.Error("what the first request built is given out after the revocation")
			}
			write(restore)
			if fourth := x.get(path); len(resourcesIn(t, fourth)) == 0 {
				t.Error("a new release gives nothing")
			}
		})
	}
}

// termed is a client with one release, to the fault partner, that begins and ends on known days.
func (r *rig) termed(t *testing.T, from, to string) (path string) {
	client := r.practice.Story.Referred
	w := r.writer()
	_, err := w.Exec(t.Context(), "UPDATE releases SET deleted=1 WHERE client_id=?", string(client))
	noError(t, err)
	_, err = w.Sign(t.Context(), client, demo.Release{Form: "roi", Status: "active", Signed: r.practice.Now.AddDate(-1, 0, 0), EffectiveOn: from, ExpiresOn: to, EntireRecord: true,
		Recipients: []demo.Recipient{{Organization: demo.ReferringClinic.ID}}, Purposes: []string{"treatment"}, Topics: []string{"mental_health"}}, r.practice.Now)
	noError(t, err)
	return "DocumentReference?patient=" + patientID(t, r.demonstration, client) + "&_count=100"
}

// The clock decides, each time anew, whatever was decided before: jumping forward beyond the end of the release and back, back before its
// beginning, and to no time at all.
func TestAClockThatJumpsReleasesNothingOutOfTerm(t *testing.T) {
	r := newRig(t)
	now := r.practice.Now
	path := r.termed(t, now.AddDate(0, 0, -10).Format(time.DateOnly), now.AddDate(0, 0, 10).Format(time.DateOnly))
	var from, to = now.AddDate(0, 0, -10), now.AddDate(0, 0, 10)
	midnight := func(t time.Time, days int) time.Time {
		return time.Date(t.Year(), t.Month(), t.Day()+days, 0, 0, 0, 0, now.Location())
	}
	x := r.open(parts{}, faultPartner)
	steps := []struct {
		what string
		at   time.Time
		any  bool
	}{
		{"within", now, true}, {"after the end", midnight(to, 1), false}, {"within again", now, true}, {"the last second", midnight(to, 1).Add(-time.Second), true},
		{"the first second after", midnight(to, 1), false}, {"the first second", midnight(from, 0), true}, {"a second before", midnight(from, 0).Add(-time.Second), false},
		{"within", now, true}, {"a year before", now.AddDate(-1, 0, -1), false}, {"within", now, true}, {"a hundred years on", now.AddDate(100, 0, 0), false}, {"within", now, true},
		{"no time", time.Time{}, false}, {"within", now, true}, {"1970", time.Unix(0, 0), false}, {"within", now, true},
	}
	for i, s := range steps {
		r.now.set(s.at)
		if !s.at.IsZero() {
			x.token = r.token(r.key, faultPartner)
		}
		w := x.get(path)
		if got := len(resourcesIn(t, w)); s.any != (got > 0) {
			t.Errorf("step %d, %s: status %d, %d resources", i+1, s.what, w.Code, got)
		}
	}
}

// Who comes after the end of a release gets nothing, though the view that is being built for an earlier request began before it.
func TestAReleaseThatEndsWhileItsViewIsBuilt(t *testing.T) {
	r := newRig(t)
	now := r.practice.Now
	end := now.AddDate(0, 0, 10)
	path := r.termed(t, now.AddDate(0, 0, -10).Format(time.DateOnly), end.Format(time.DateOnly))
	over := time.Date(end.Year(), end.Month(), end.Day()+1, 0, 0, 0, 0, now.Location())
	r.now.set(over.Add(-time.Second))
	g := newGatekeeper()
	w := &watch{}
	w.before = func(n int) {
		if n == 8 {
			g.hold()
		}
	}
	x := r.open(parts{source: func(s practice.Snapshotter) practice.Snapshotter { return watched{s, w, false} }, timeout: 20 * time.Second}, faultPartner)
	first, second := make(chan *httptest.ResponseRecorder, 1), make(chan *httptest.ResponseRecorder, 1)
	go func() { a, _, _ := x.ask(path); first <- a }()
	<-g.arrived
	r.now.set(over)
	go func() { a, _, _ := x.ask(path); second <- a }()
	time.Sleep(200 * time.Millisecond) // it waits for the same view
	close(g.open)
	<-first // it may have what was released when it came
	if a := <-second; a.Code != http.StatusOK || len(resourcesIn(t, a)) > 0 {
		t.Errorf("status %d, %d resources", a.Code, len(resourcesIn(t, a)))
	}
}
