package partners

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
	"github.com/consentry/gateway/internal/store"
	"github.com/consentry/gateway/profiles"
)

const issuer = "https://login.example.org"

func entry(id string) string {
	return `{id: ` + id + `, name: Lakeside, issuer: "` + issuer + `", kind: provider, organization: {npi: "1234567893"}, purposes: [TREAT], scopes: system/*.rs}`
}

func token(id, client string) *smart.Token {
	return &smart.Token{Issuer: issuer, ID: id, Grant: "g" + id, ClientID: client, Scopes: smart.ParseScopes("system/*.rs")}
}

func opened(t testing.TB) *store.State {
	t.Helper()
	s, err := store.OpenState(context.Background(), store.Place{SQLite: filepath.Join(t.TempDir(), "state.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func rules(t testing.TB) *requester.Rules {
	t.Helper()
	r, err := requester.LoadRules(profiles.FS, issuer)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func succeed(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestWhatChangesInTheStoreHoldsFromTheNextRequest(t *testing.T) {
	s := opened(t)
	now := time.Unix(1_800_000_000, 0)
	r := New(Options{Store: s, Rules: rules(t), Now: func() time.Time { return now }})
	ctx := t.Context()
	for _, step := range []struct {
		what   string
		change func() error
		want   error // of token 1 of the clinic
	}{
		{"nobody is registered", func() error { return nil }, requester.ErrUnknownPartner},
		{"registered", func() error { return s.AddPartner(ctx, "clinic", entry("clinic"), false) }, nil},
		{"another one disabled", func() error {
			return errors.Join(s.AddPartner(ctx, "other", entry("other"), false), s.EnablePartner(ctx, "other", false))
		}, nil},
		{"disabled", func() error { return s.EnablePartner(ctx, "clinic", false) }, requester.ErrUnknownPartner},
		{"replaced while disabled", func() error { return s.AddPartner(ctx, "clinic", entry("clinic"), true) }, requester.ErrUnknownPartner},
		{"enabled", func() error { return s.EnablePartner(ctx, "clinic", true) }, nil},
		{"another token revoked", func() error { return s.Revoke(ctx, TokenMark("2"), now.Add(time.Hour), now) }, nil},
		{"its token revoked", func() error { return s.Revoke(ctx, TokenMark("1"), now.Add(time.Minute), now) }, requester.ErrRevoked},
		{"the mark has ended, too", func() error { now = now.Add(time.Minute); return nil }, nil},
		{"a grant of another issuer revoked", func() error { return s.Revoke(ctx, GrantMark("https://b.example.org", "g1"), now.Add(time.Hour), now) }, nil},
		{"its grant revoked", func() error { return s.Revoke(ctx, GrantMark(issuer, "g1"), now.Add(time.Minute), now) }, requester.ErrRevoked},
		{"the mark has ended", func() error { now = now.Add(time.Minute); return nil }, nil},
		{"the partner revoked", func() error { return s.Revoke(ctx, PartnerMark("clinic"), now.Add(time.Minute), now) }, requester.ErrRevoked},
		{"that has ended", func() error { now = now.Add(time.Minute); return nil }, nil},
		{"an entry that cannot be read", func() error {
			return s.ChangePartner(ctx, "clinic", func(string) (string, error) { return "kind: spy", nil })
		}, requester.ErrUnknownPartner},
	} {
		succeed(t, step.change())
		who, err := r.Requester(ctx, token("1", "clinic"))
		if !errors.Is(err, step.want) || (who == nil) != (step.want != nil) {
			t.Errorf("%s: %v", step.what, err)
		}
		if _, err := r.Partner(ctx, "clinic"); !errors.Is(err, step.want) && step.what != "its token revoked" && step.what != "its grant revoked" {
			t.Errorf("%s: the issuer finds %v", step.what, err)
		}
	}
	if _, err := r.Requester(ctx, nil); !errors.Is(err, requester.ErrUnknownPartner) {
		t.Errorf("no token: %v", err)
	}
	if _, err := r.Requester(ctx, &smart.Token{Issuer: "https://elsewhere.example", ID: "3", ClientID: "other"}); !errors.Is(err, requester.ErrUnknownPartner) {
		t.Errorf("a token of another issuer: %v", err)
	}
}

func TestADisabledPartnerKeepsItsName(t *testing.T) {
	s := opened(t)
	r := New(Options{Store: s, Rules: rules(t)})
	if _, ok := r.Named("clinic"); ok {
		t.Error("a partner before anything was read")
	}
	succeed(t, s.AddPartner(t.Context(), "clinic", entry("clinic"), false), s.EnablePartner(t.Context(), "clinic", false), r.Ready(t.Context()))
	if p, ok := r.Named("clinic"); !ok || p.Name != "Lakeside" || !p.Disabled {
		t.Errorf("%+v, %v", p, ok)
	}
}

func TestAStoreThatCannotBeReadRefuses(t *testing.T) {
	s := opened(t)
	r := New(Options{Store: s, Rules: rules(t)})
	succeed(t, s.AddPartner(t.Context(), "clinic", entry("clinic"), false))
	if _, err := r.Requester(t.Context(), token("1", "clinic")); err != nil {
		t.Fatal(err)
	}
	succeed(t, s.Close())
	who, err := r.Requester(t.Context(), token("1", "clinic"))
	if who != nil || !errors.Is(err, requester.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	if p, err := r.Partner(t.Context(), "clinic"); p != nil || err == nil {
		t.Errorf("the issuer finds the partner, %v", err)
	}
	if r.Ready(t.Context()) == nil {
		t.Error("ready")
	}
}

// In the register of a file the store has only what is revoked.
func TestADeclaredRegister(t *testing.T) {
	files := fstest.MapFS{"p.yaml": {Data: []byte("partners: [" + entry("clinic") + "]\n")}}
	declared, err := requester.Load(files, "p.yaml", profiles.FS, issuer)
	succeed(t, err)
	s := opened(t)
	r := New(Options{Store: s, Declared: declared})
	succeed(t, s.AddPartner(t.Context(), "smuggled", entry("smuggled"), false))
	if _, err := r.Requester(t.Context(), token("1", "clinic")); err != nil {
		t.Error(err)
	}
	if _, err := r.Requester(t.Context(), token("1", "smuggled")); !errors.Is(err, requester.ErrUnknownPartner) {
		t.Errorf("a partner of the store: %v", err)
	}
	succeed(t, s.Revoke(t.Context(), TokenMark("1"), time.Now().Add(time.Hour), time.Now()))
	if _, err := r.Requester(t.Context(), token("1", "clinic")); !errors.Is(err, requester.ErrRevoked) {
		t.Errorf("a revoked token: %v", err)
	}
}

// One entry that cannot be read shuts out its own partner and nobody else, and says so without a value of the entry.
func TestAnEntryThatCannotBeReadIsReported(t *testing.T) {
	s := opened(t)
	var reported []string
	r := New(Options{Store: s, Rules: rules(t), Report: func(err error) { reported = append(reported, err.Error()) }})
	succeed(t, s.AddPartner(t.Context(), "clinic", entry("clinic"), false), s.AddPartner(t.Context(), "broken", "id: broken\nkind: spy", false), s.AddPartner(t.Context(), "moved", entry("elsewhere"), false))
	for range 2 {
		if _, err := r.Requester(t.Context(), token("1", "clinic")); err != nil {
			t.Error(err)
		}
	}
	text := strings.Join(reported, "\n")
	if !strings.Contains(text, "broken:2: kind is not one of") || !strings.Contains(text, "moved: the entry has another id") || len(reported) != 2 {
		t.Errorf("%d reports:\n%s", len(reported), text)
	}
	for _, id := range []string{"broken", "moved", "elsewhere"} {
		if _, err := r.Requester(t.Context(), token("1", id)); !errors.Is(err, requester.ErrUnknownPartner) {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// counted counts what the store is asked.
type counted struct {
	Store
	standings atomic.Int64
}

func (c *counted) Standing(ctx context.Context) (store.Standing, error) {
	c.standings.Add(1)
	return c.Store.Standing(ctx)
}

func TestTheRegisterIsReadAnewOnlyWhenItChanges(t *testing.T) {
	s := opened(t)
	c := &counted{Store: s}
	r := New(Options{Store: c, Rules: rules(t)})
	succeed(t, s.AddPartner(t.Context(), "clinic", entry("clinic"), false))
	one := token("1", "clinic")
	first, err := r.Requester(t.Context(), one)
	succeed(t, err)
	for range 10 {
		if again, err := r.Requester(t.Context(), one); err != nil || again != first {
			t.Errorf("another requester for the same token, %v", err)
		}
	}
	if n := c.standings.Load(); n != 1 {
		t.Errorf("read %d times", n)
	}
}

// BenchmarkRequester is what a request pays for a register that is read for it, with 64 at once.
func BenchmarkRequester(b *testing.B) {
	s := opened(b)
	r := New(Options{Store: s, Rules: rules(b)})
	succeed(b, s.AddPartner(b.Context(), "clinic", entry("clinic"), false))
	one := token("1", "clinic")
	b.SetParallelism(32) // times GOMAXPROCS, two where this was measured
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := r.Requester(b.Context(), one); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
