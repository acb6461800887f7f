package authserver

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/consentry/gateway/internal/smart"
)

// rotated is a server whose keys are in a folder.
type rotated struct {
	*world
	t   *testing.T
	dir string
	log bytes.Buffer
}

func newRotated(t *testing.T) *rotated {
	t.Helper()
	r := &rotated{world: newWorld(t), t: t, dir: filepath.Join(t.TempDir(), "signing")}
	r.now = time.Now().Truncate(time.Second)
	r.rotate("ES256")
	keys, err := OpenKeys(r.dir, slog.New(slog.NewTextHandler(&r.log, nil)), r.clock)
	if err != nil {
		t.Fatal(err)
	}
	c := r.server.config
	c.Keys = keys
	if r.server, err = New(c); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rotated) rotate(algorithm string) Rotation {
	r.t.Helper()
	done, err := RotateKeys(r.dir, algorithm, r.now)
	if err != nil {
		r.t.Fatal(err)
	}
	return done
}

func (r *rotated) token() (raw, kid string) {
	r.t.Helper()
	raw, err := r.server.Mint(Claims{ClientID: "clinic", Subject: "clinic", Scope: "system/*.rs"})
	if err != nil {
		r.t.Fatal(err)
	}
	jws, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.ES256, jose.RS256})
	if err != nil {
		r.t.Fatal(err)
	}
	return raw, jws.Signatures[0].Protected.KeyID
}

func (r *rotated) published() []string {
	r.t.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(r.serve(httptest.NewRequest("GET", issuer+"/jwks.json", nil)).Body.Bytes(), &set); err != nil {
		r.t.Fatal(err)
	}
	var ids []string
	for _, k := range set.Keys {
		if !k.IsPublic() {
			r.t.Error("a private key is published")
		}
		ids = append(ids, k.KeyID)
	}
	return ids
}

func TestASigningKeyIsPublishedBeforeItSignsAndUntilItsTokensHaveExpired(t *testing.T) {
	r := newRotated(t)
	v := r.verifier(t)
	_, first := r.token()
	next := r.rotate("ES256")
	if want := r.now.Add(PublishAhead); !next.Begins.Equal(want) {
		t.Errorf("begins %v, want %v", next.Begins, want)
	}
	r.now = r.now.Add(lookEvery)
	if _, kid := r.token(); kid != first || len(r.published()) != 2 {
		t.Errorf("signed by %s, %d keys are published", kid, len(r.published()))
	}
	r.now = next.Begins.Add(-time.Second)
	old, kid := r.token()
	if kid != first {
		t.Error("the next key signs too early")
	}
	r.now = next.Begins
	_, second := r.token()
	if second == first {
		t.Error("the next key does not sign when it begins")
	}
	r.now = r.now.Add(MaxLifetime - 2*time.Second)
	if _, err := v.Verify(t.Context(), old); err != nil || !slices.Contains(r.published(), first) {
		t.Errorf("the last token of the old key: %v", err)
	}
	r.now = r.now.Add(time.Hour)
	if ids := r.published(); !slices.Equal(ids, []string{second}) {
		t.Errorf("published an hour later: %v", ids)
	}
	third := r.rotate("ES256")
	if len(third.Deleted) != 1 {
		t.Errorf("deleted %v, want the first key", third.Deleted)
	}
	if r.log.Len() > 0 {
		t.Errorf("reported: %s", r.log.String())
	}
}

func TestAKeyThatIsTakenOutOfTheFolderIsNoKeyAnyMore(t *testing.T) {
	r := newRotated(t)
	v := r.verifier(t)
	raw, _ := r.token()
	if _, err := v.Verify(t.Context(), raw); err != nil {
		t.Fatal(err)
	}
	stolen, _ := filepath.Glob(filepath.Join(r.dir, "*.jwk"))
	for _, f := range stolen {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	r.rotate("ES256") // the first of an empty folder: it signs at once
	r.now = r.now.Add(lookEvery)
	if _, err := v.Verify(t.Context(), raw); err == nil {
		t.Error("a token that a key signed which is gone is taken, though it was remembered")
	}
	again, _ := r.token()
	if _, err := v.Verify(t.Context(), again); err != nil {
		t.Error(err)
	}
}

func TestAFolderThatCannotBeReadKeepsTheKeysBefore(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"a file that is no key": func(dir string) error { return os.WriteFile(filepath.Join(dir, "x.jwk"), []byte("{"), 0o600) },
		"no file":               os.RemoveAll,
		"a key for everybody": func(dir string) error {
			files, _ := filepath.Glob(filepath.Join(dir, "*.jwk"))
			return os.Chmod(files[0], 0o644)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRotated(t)
			_, before := r.token()
			if err := spoil(r.dir); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				r.now = r.now.Add(lookEvery)
				if _, kid := r.token(); kid != before {
					t.Error("another key signs")
				}
			}
			if n := strings.Count(r.log.String(), "signing keys cannot be read"); n != 1 {
				t.Errorf("reported %d times, want once: %s", n, r.log.String())
			}
			if _, err := OpenKeys(r.dir, slog.New(slog.DiscardHandler), r.clock); err == nil {
				t.Error("a server begins with it")
			}
		})
	}
}

func TestKeysOfTwoAlgorithmsSignBesideEachOther(t *testing.T) {
	r := newRotated(t)
	if begins := r.rotate("RS256").Begins; begins.After(r.now) {
		t.Error("the first key of an algorithm waits, though nobody is signed with it yet")
	}
	r.now = r.now.Add(lookEvery)
	if got := r.server.config.Keys.algorithms(); !slices.Equal(got, []string{"ES256", "RS256"}) {
		t.Errorf("algorithms %v", got)
	}
	for algorithm, want := range map[string]string{"ES256": "ES256", "RS256": "RS256"} {
		signer, err := r.server.config.Keys.signer("JWT", algorithm)
		if err != nil {
			t.Fatal(err)
		}
		text, err := signJSON(signer, map[string]any{})
		if err != nil {
			t.Fatal(err)
		}
		if jws, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(want)}); err != nil || jws == nil {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
	if _, err := r.server.config.Keys.signer("JWT", "ES384"); err == nil {
		t.Error("signed without a key")
	}
}

func TestRotationIsRefused(t *testing.T) {
	r := newRotated(t)
	if _, err := RotateKeys(r.dir, "HS256", r.now); err == nil {
		t.Error("for another algorithm")
	}
	r.rotate("ES256")
	for _, later := range []time.Duration{0, time.Second, PublishAhead - time.Second} {
		if _, err := RotateKeys(r.dir, "ES256", r.now.Add(later)); err == nil {
			t.Errorf("%v later, while the next key has not begun", later)
		}
	}
	if _, err := RotateKeys(r.dir, "ES256", r.now.Add(PublishAhead)); err != nil {
		t.Errorf("when it has: %v", err)
	}
}

func TestSigningKeysThatAreNone(t *testing.T) {
	private := testKeys["server"]
	nameless := private
	nameless.KeyID = ""
	for name, k := range map[string]jose.JSONWebKey{"public": private.Public(), "another algorithm": testKeys["ec"], "no kid": nameless, "nothing": {}} {
		if s, err := FixedKeys(k); s != nil && err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := FixedKeys(); err == nil {
		t.Error("no keys: taken")
	}
	if _, err := smart.NewVerifier(smart.Config{Issuer: issuer, Audience: audience, Claims: claims(t), Algorithms: []string{"ES256"}, JWKS: []byte("{}"), Keys: func() []jose.JSONWebKey { return nil }}); err == nil {
		t.Error("keys of two kinds")
	}
}
