package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release"
)

// observed are records that note how often they were read.
type observed struct {
	version string
	err     error
	read    int
}

func (w *observed) Version(context.Context) (string, error) { return w.version, w.err }

func (w *observed) Snapshot(context.Context, func(context.Context, release.State) error) error {
	w.read++
	return nil
}

func TestNothingIsReadBeforeTheProofsHold(t *testing.T) {
	apart, fit := errors.New("they can be read"), errors.New("a map does not fit")
	proofs := 0
	w := &observed{version: "1"}
	fits := &atomic.Bool{}
	tell := func(context.Context) error { proofs++; return apart }
	p := &proven{Records: w, fits: fits, apart: tell, prove: func(ctx context.Context) error {
		if err := errors.Join(tell(ctx), fit); err != nil {
			return err
		}
		fits.Store(true)
		return nil
	}}
	refused := func(when string, want error) {
		t.Helper()
		read := w.read
		version, err := p.Version(t.Context())
		if !errors.Is(err, want) || version != "" {
			t.Errorf("%s: Version: %q, %v", when, version, err)
		}
		if err := p.Snapshot(t.Context(), nil); !errors.Is(err, want) || w.read != read {
			t.Errorf("%s: Snapshot: %v, %d reads", when, err, w.read-read)
		}
	}
	refused("not apart", apart)
	apart = nil
	refused("no fit", fit)
	fit = nil
	w.err = practice.ErrUnavailable
	if _, err := p.Version(t.Context()); !errors.Is(err, practice.ErrUnavailable) {
		t.Errorf("without the database: %v", err)
	}
	w.err, proofs = nil, 0
	for range 3 {
		if version, err := p.Version(t.Context()); version != "1" || err != nil {
			t.Errorf("proven: %q, %v", version, err)
		}
		if err := p.Snapshot(t.Context(), nil); err != nil {
			t.Error(err)
		}
	}
	if proofs != 1 || w.read != 3 {
		t.Errorf("%d proofs for one version, %d reads", proofs, w.read)
	}
}

func TestTheSeparationIsProvenForEachVersion(t *testing.T) {
	var apart error
	w := &observed{version: "1"}
	fits := &atomic.Bool{}
	fits.Store(true)
	p := &proven{Records: w, fits: fits, apart: func(context.Context) error { return apart }, prove: func(context.Context) error { return errors.New("proven already") }}
	if _, err := p.Version(t.Context()); err != nil {
		t.Fatal(err)
	}
	apart = errors.New("they can be read")
	if _, err := p.Version(t.Context()); err != nil {
		t.Errorf("nothing has changed: %v", err)
	}
	for range 2 {
		w.version = "2"
		if _, err := p.Version(t.Context()); !errors.Is(err, apart) {
			t.Errorf("after a change: %v", err)
		}
	}
	apart = nil
	if version, err := p.Version(t.Context()); version != "2" || err != nil {
		t.Errorf("proven again: %q, %v", version, err)
	}
	w.err = practice.ErrNoVersion
	for _, apart = range []error{nil, errors.New("they can be read"), nil} {
		if _, err := p.Version(t.Context()); !errors.Is(err, practice.ErrNoVersion) && (apart == nil || !errors.Is(err, apart)) {
			t.Errorf("a source without versions: %v, want %v", err, apart)
		}
	}
}

// The log says once what has closed the records, and once that it is over: an operator who sees that notes were moved into the database must act.
func TestWhatClosesTheRecordsIsToldWhenItChanges(t *testing.T) {
	var apart error
	var told []string
	w := &observed{version: "1"}
	fits := &atomic.Bool{}
	fits.Store(true)
	p := &proven{Records: w, fits: fits, apart: func(context.Context) error { return apart }, tell: func(trouble string) { told = append(told, trouble) }}
	ask := func(version string, of, separation error) {
		w.version, w.err, apart = version, of, separation
		for range 2 {
			_, _ = p.Version(t.Context())
		}
	}
	gone, stop := context.WithCancel(t.Context())
	stop()
	ask("1", nil, nil)
	ask("2", nil, errors.New("they can be read"))
	w.err = context.Canceled
	_, _ = p.Version(gone)
	ask("", fmt.Errorf("row 17: %w", practice.ErrUnavailable), nil)
	ask("3", nil, nil)
	ask("", practice.ErrNoVersion, nil)
	if want := []string{"they can be read", "the practice's records cannot be read", ""}; !slices.Equal(told, want) {
		t.Errorf("%q, want %q", told, want)
	}
}

// The maps' problems are named where the files lie, all at once, and the guard knows what the maps withhold.
func TestWhatAMapNamesIsToldAsItLies(t *testing.T) {
	d := preparedDemo(t)
	fit := d.fit(t.Context())
	if fit != nil {
		t.Fatal(fit)
	}
	w, err := d.practice.Writer(t.Context())
	noError(t, err)
	defer w.Close()
	for _, statement := range []string{"ALTER TABLE medications RENAME TO drugs", "ALTER TABLE notes RENAME COLUMN note_type TO sort"} {
		if _, err := w.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	err = d.fit(t.Context())
	if err == nil {
		t.Fatal("it fits")
	}
	text := err.Error()
	for _, want := range []string{d.dir + "/maps/medication.yaml:", "no such table: medications", d.dir + "/maps/soap-note.yaml:", d.dir + "/maps/source.yaml:", "note_type"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in:\n%s", want, text)
		}
	}
	if strings.Contains(text, mapsDir+"/") && !strings.Contains(d.dir, mapsDir) {
		t.Error("a map is named where it does not lie")
	}
	o, err := d.egressOptions()
	noError(t, err)
	if !slices.Contains(o.PsychotherapyKinds, "psychotherapy_stub") || o.Alarm == nil {
		t.Errorf("the guard knows %v", o.PsychotherapyKinds)
	}
}

func TestAllMissingFilesAreNamedAtOnce(t *testing.T) {
	c, err := loadText(t.TempDir()+"/g.yaml", goodConfig+"profiles: own\n")
	noError(t, err)
	_, err = loadRecords(t.Context(), c)
	if err == nil {
		t.Fatal("nothing is missing")
	}
	for key, line := range map[string]int{"maps": 7, "partners": 8, "keys.id": 14, "keys.page": 14, "keys.etag": 14, "keys.ledger": 14, "profiles": 17} {
		if !strings.Contains(err.Error(), fmt.Sprintf("g.yaml:%d: %s: ", line, key)) {
			t.Errorf("%s is not named in line %d:\n%v", key, line, err)
		}
	}
	if !strings.Contains(err.Error(), "g.yaml:5: practice.sqlite: there is no such file: ") {
		t.Errorf("the database that is away has no word:\n%v", err)
	}
}
