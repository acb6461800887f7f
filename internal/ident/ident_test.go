package ident_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/consentry/gateway/internal/ident"
	"pgregory.net/rapid"
)

type table struct {
	byKey map[string]uint64
	keys  []string
}

func (t *table) Handle(key string) (uint64, error) {
	if n, ok := t.byKey[key]; ok {
		return n, nil
	}
	t.keys = append(t.keys, key)
	n := uint64(len(t.keys))
	t.byKey[key] = n
	return n, nil
}

func (t *table) Key(n uint64) (string, bool) {
	if n == 0 || n > uint64(len(t.keys)) {
		return "", false
	}
	return t.keys[n-1], true
}

func sealer(t testing.TB, fill byte) *ident.Sealer {
	t.Helper()
	key := []byte(strings.Repeat(string(rune(fill)), ident.KeySize))
	s, err := ident.NewSealer(key, &table{byKey: map[string]uint64{}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var form = regexp.MustCompile(`^[a-z2-7]{64}$`)

func TestAnIDOpensToItsClientOnly(t *testing.T) {
	s, other := sealer(t, 'a'), sealer(t, 'b')
	clients := rapid.OneOf(
		rapid.String(), rapid.StringMatching(`[0-9]{1,20}`), rapid.StringMatching(`-?[1-9][0-9]{0,18}`),
		rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), rapid.StringMatching(`[A-Z]{15,17}`),
	)
	rapid.Check(t, func(t *rapid.T) {
		client, kind, key := clients.Draw(t, "client"), rapid.String().Draw(t, "kind"), rapid.String().Draw(t, "key")
		id, err := s.Seal("Encounter", client, kind, key)
		if err != nil || !form.MatchString(id) {
			t.Fatalf("id has not the form, or %v", err)
		}
		if again, _ := s.Seal("Encounter", client, kind, key); again != id {
			t.Fatal("sealing twice gives two ids")
		}
		if got, ok := s.Open("Encounter", id); !ok || got != client {
			t.Fatalf("opens to %q, %v, want %q", got, ok, client)
		}
		if _, ok := s.Open("Condition", id); ok {
			t.Fatal("opens for another type")
		}
		if _, ok := other.Open("Encounter", id); ok {
			t.Fatal("opens with another key")
		}
		at := rapid.IntRange(0, 63).Draw(t, "at")
		tampered := id[:at] + string("abcdefghijklmnopqrstuvwxyz234567"[(strings.IndexByte("abcdefghijklmnopqrstuvwxyz234567", id[at])+1)%32]) + id[at+1:]
		if _, ok := s.Open("Encounter", tampered); ok {
			t.Fatal("a tampered id opens")
		}
	})
}

func TestDifferentKeysGiveDifferentIDs(t *testing.T) {
	s := sealer(t, 'a')
	seen := map[string]string{}
	for _, c := range []string{"", "1", "01", "12345678901234567", "a", "A"} {
		for _, k := range [][2]string{{"soap", "1"}, {"soap1", ""}, {"so", "ap1"}, {"soap", "2"}} {
			id, err := s.Seal("DocumentReference", c, k[0], k[1])
			if err != nil {
				t.Fatal(err)
			}
			if prev, dup := seen[id]; dup {
				t.Fatalf("%q %v and %s have one id", c, k, prev)
			}
			seen[id] = c + k[0] + k[1]
		}
	}
}

func TestAClientKeyThatDoesNotFitNeedsATable(t *testing.T) {
	s, err := ident.NewSealer(make([]byte, ident.KeySize), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Seal("Patient", strings.Repeat("x", 16), "patient", "1"); err == nil {
		t.Fatal("sealed a key of 16 bytes without a table")
	}
}

func TestAnErrorIsNotRemembered(t *testing.T) {
	s, err := ident.NewSealer(make([]byte, ident.KeySize), nil)
	if err != nil {
		t.Fatal(err)
	}
	want, err := s.Seal("Patient", "", "", "")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if id, err := s.Seal("Patient", strings.Repeat("x", 16), "", ""); err == nil || id != "" {
			t.Error("sealed a key without a table")
		}
		if id, err := s.Seal("Patient", "", "", ""); err != nil || id != want {
			t.Errorf("%s after an error, %v", id, err)
		}
	}
}

func TestAWrongKeySizeIsRefused(t *testing.T) {
	if _, err := ident.NewSealer(make([]byte, 32), nil); err == nil {
		t.Error("a short id key was taken")
	}
	if _, err := ident.NewPages(); err == nil {
		t.Error("no page key was taken")
	}
	if _, err := ident.NewPages(make([]byte, 32)); err == nil {
		t.Error("a short page key was taken")
	}
}

func TestAPageTokenIsBoundAndRotates(t *testing.T) {
	k1, k2 := []byte(strings.Repeat("1", ident.PageKeySize)), []byte(strings.Repeat("2", ident.PageKeySize))
	old, err := ident.NewPages(k1)
	if err != nil {
		t.Fatal(err)
	}
	token, err := old.Seal([]byte("position"), "requester", "query")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := old.Seal([]byte("position"), "requester", "query"); err != nil || again != token {
		t.Errorf("the same position gives another token, %v", err)
	}
	rotated, _ := ident.NewPages(k2, k1)
	gone, _ := ident.NewPages(k2)
	for _, c := range []struct {
		name  string
		pages *ident.Pages
		token string
		bind  []string
		opens bool
	}{
		{"as sealed", old, token, []string{"requester", "query"}, true},
		{"after rotation", rotated, token, []string{"requester", "query"}, true},
		{"key gone", gone, token, []string{"requester", "query"}, false},
		{"another requester", old, token, []string{"other", "query"}, false},
		{"shifted binding", old, token, []string{"requesterquery", ""}, false},
		{"with a line end", old, token[:4] + "\r\n" + token[4:], []string{"requester", "query"}, false},
		{"with a line end behind it", old, token + "\n", []string{"requester", "query"}, false},
		{"junk", old, "%%%", []string{"requester", "query"}, false},
		{"empty", old, "", []string{"requester", "query"}, false},
	} {
		got, err := c.pages.Open(c.token, c.bind...)
		if (err == nil) != c.opens || c.opens && string(got) != "position" {
			t.Errorf("%s: opens %v, want %v", c.name, err == nil, c.opens)
		}
	}
}
