package store

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func succeed(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestTheRegister(t *testing.T) {
	onBoth(t, func(t *testing.T, p Place) {
		ctx := t.Context()
		s, other := openState(t, p), openState(t, p) // two processes
		succeed(t, s.AddPartner(ctx, "clinic", "kind: provider", false), s.AddPartner(ctx, "Insurer", "kind: payer", false), other.EnablePartner(ctx, "clinic", false))
		now := time.Unix(1_800_000_000, 123)
		succeed(t, s.Revoke(ctx, Mark{1}, now.Add(time.Hour), now), other.Revoke(ctx, Mark{1}, now.Add(time.Minute), now), other.Revoke(ctx, Mark{2}, now.Add(time.Second), now))
		succeed(t, s.ChangePartner(ctx, "clinic", func(entry string) (string, error) { return entry + "\nname: Clinic", nil }))
		for name, err := range map[string]error{
			"registered twice":  s.AddPartner(ctx, "clinic", "x", false),
			"replaced, unknown": s.AddPartner(ctx, "nobody", "x", true),
			"enabled, unknown":  s.EnablePartner(ctx, "nobody", true),
			"changed, unknown":  s.ChangePartner(ctx, "nobody", func(string) (string, error) { return "", nil }),
			"changed in vain":   s.ChangePartner(ctx, "clinic", func(string) (string, error) { return "", ErrNoPartner }),
		} {
			if want := map[bool]error{true: ErrPartnerExists, false: ErrNoPartner}[name == "registered twice"]; !errors.Is(err, want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		want := Standing{
			Partners: []Partner{{"Insurer", "kind: payer", true}, {"clinic", "kind: provider\nname: Clinic", false}},
			Revoked:  map[Mark]time.Time{{1}: now.Add(time.Hour), {2}: now.Add(time.Second)},
		}
		for _, one := range []*State{s, other} {
			got, err := one.Standing(ctx)
			succeed(t, err)
			want.Version = got.Version
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if v, err := one.Version(ctx); err != nil || v != got.Version {
				t.Errorf("version %d, %v; the standing has %d", v, err, got.Version)
			}
		}
		soon := now.Add(time.Minute) // by a clock that may be ahead of the others'
		succeed(t, other.Revoke(ctx, Mark{3}, soon.Add(time.Hour), soon))
		if got, err := s.Standing(ctx); err != nil || len(got.Revoked) != 3 {
			t.Errorf("%d marks, %v: one that has just ended is forgotten", len(got.Revoked), err)
		}
		later := now.Add(48 * time.Hour)
		succeed(t, s.Revoke(ctx, Mark{3}, later.Add(time.Hour), later), s.AddPartner(ctx, "clinic", "kind: other", true))
		got, err := other.Standing(ctx)
		succeed(t, err)
		if _, kept := got.Revoked[Mark{3}]; !kept || len(got.Revoked) != 1 {
			t.Errorf("%d marks", len(got.Revoked))
		}
		never := now.AddDate(280, 0, 0) // as people say "for good"
		succeed(t, s.Revoke(ctx, Mark{4}, never, later), s.Revoke(ctx, Mark{4}, later.Add(time.Hour), later))
		got, err = other.Standing(ctx)
		succeed(t, err)
		if until := got.Revoked[Mark{4}]; until.Before(now.AddDate(200, 0, 0)) {
			t.Errorf("what is revoked for 280 years is so until %s", until)
		}
		if got.Partners[1] != (Partner{"clinic", "kind: other", false}) {
			t.Error("a replaced entry is enabled, or not replaced")
		}
	})
}

// Whoever asks for the version after a change was confirmed sees another one than before, in whatever process it was made.
func TestTheVersionChangesWithEveryChange(t *testing.T) {
	onBoth(t, func(t *testing.T, p Place) {
		s, other := openState(t, p), openState(t, p)
		version := func() int64 {
			v, err := s.Version(t.Context())
			succeed(t, err)
			return v
		}
		before := version()
		for i := range 10 {
			by := []*State{s, other}[i%2]
			succeed(t, by.AddPartner(t.Context(), strconv.Itoa(i), "", false))
			if now := version(); now == before {
				t.Errorf("change %d: the version is still %d", i, now)
			} else {
				before = now
			}
		}
		if _, err := other.Handle(t.Context(), "a key that is too long for an id"); err != nil {
			t.Fatal(err)
		}
		if now := version(); now != before {
			t.Error("it changes with what is no concern of the register")
		}
	})
}

func TestConcurrentChangesAllCount(t *testing.T) {
	onBoth(t, func(t *testing.T, p Place) {
		states := []*State{openState(t, p), openState(t, p)}
		before, err := states[0].Version(t.Context())
		succeed(t, err)
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				if err := states[i%2].AddPartner(t.Context(), strconv.Itoa(i), "", false); err != nil {
					t.Error(err)
				}
				if _, err := states[i%2].Version(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		got, err := states[1].Standing(t.Context())
		if err != nil || got.Version != before+16 || len(got.Partners) != 16 {
			t.Errorf("version %d after %d, %d partners, %v", got.Version, before, len(got.Partners), err)
		}
	})
}

func TestAStoreThatIsGoneHasNoVersion(t *testing.T) {
	onBoth(t, func(t *testing.T, p Place) {
		s := openState(t, p)
		if _, err := s.Version(t.Context()); err != nil {
			t.Fatal(err)
		}
		succeed(t, s.Close())
		if _, err := s.Version(t.Context()); err == nil {
			t.Error("a closed store has a version")
		}
		if _, err := s.Standing(t.Context()); err == nil {
			t.Error("a closed store has a register")
		}
	})
}

// A backup that is put in the place of the file would hide from this process what is changed in it.
func TestAFileThatWasReplacedHasNoVersion(t *testing.T) {
	for name, replace := range map[string]func(path string) error{
		"removed": os.Remove,
		"renamed over": func(path string) error {
			return errors.Join(os.WriteFile(path+".new", nil, 0o600), os.Rename(path+".new", path))
		},
	} {
		path := filepath.Join(t.TempDir(), "state.db")
		s := openState(t, Place{SQLite: path})
		if _, err := s.Version(t.Context()); err != nil {
			t.Fatal(err)
		}
		succeed(t, replace(path))
		if _, err := s.Version(t.Context()); !errors.Is(err, ErrReplaced) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
