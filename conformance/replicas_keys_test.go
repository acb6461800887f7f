package conformance

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// rotated changes the signing keys of processes that run: a new key is published before it signs, what the old one signed stays good beside it, and when the
// old one is taken away its tokens are refused. Nobody is restarted.
func (r *replicas) rotated(t *testing.T) {
	partner := client{id: newDawn, key: readKey(t, filepath.Join(r.dir, "partners", newDawn+".private.jwk.json"))}
	oldFile := r.keyFiles(t)[0]
	path := "Patient?_count=1"
	before, oldKey := r.issued(t, partner, 0)
	r.each(t, "before", before, path, http.StatusOK)

	if got := runGateway(t, "keys", "rotate", "--dir", r.signing()); got.code != 0 {
		t.Fatal(got.stderr)
	}
	files := slices.DeleteFunc(r.keyFiles(t), func(f string) bool { return f == oldFile })
	newKey := readKey(t, files[0]).KeyID
	r.eventually(t, "publishes the new key", func(i int) bool { return slices.Contains(r.published(t, i), newKey) })
	for i := range r.bases {
		token, key := r.issued(t, partner, i)
		if key != oldKey || !slices.Contains(r.published(t, i), oldKey) {
			t.Errorf("process %d signs with a key that has not begun", i)
		}
		r.each(t, "while the new key is published", token, path, http.StatusOK)
	}

	beginNow(t, files[0]) // ten minutes later
	var after []string
	r.eventually(t, "signs with the new key", func(i int) bool {
		token, key := r.issued(t, partner, i)
		if key == newKey {
			after = append(after, token)
		}
		return key == newKey
	})
	for _, token := range append(after, before) {
		r.each(t, "after the change", token, path, http.StatusOK)
	}

	if err := os.Remove(oldFile); err != nil {
		t.Fatal(err)
	}
	r.eventually(t, "refuses what the old key signed", func(i int) bool {
		return (&caller{base: r.bases[i], token: before}).get(t, path).status == http.StatusUnauthorized
	})
	for i := range r.bases {
		if slices.Contains(r.published(t, i), oldKey) {
			t.Errorf("process %d publishes a key that is gone", i)
		}
	}
	for _, token := range after {
		r.each(t, "without the old key", token, path, http.StatusOK)
	}
}

// keyFiles are those of the keys that sign access tokens.
func (r *replicas) keyFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(r.signing(), "*-ES256.jwk"))
	if err != nil || len(files) == 0 {
		t.Fatal("no signing keys", err)
	}
	return files
}

// eventually waits for every process to look at the folder, which each does by itself.
func (r *replicas) eventually(t *testing.T, what string, done func(process int) bool) {
	t.Helper()
	for i := range r.bases {
		eventually(t, what, func() bool { return done(i) })
	}
}

// issued asks one process for a token, and says which key has signed it.
func (r *replicas) issued(t *testing.T, c client, process int) (token, key string) {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"system/*.rs"}, "client_assertion": {c.assertion(t, r.auth+"/token")},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}
	a := postForm(t, strings.TrimSuffix(r.bases[process], "/fhir")+"/auth/token", form, nil)
	token, _ = a.object(t)["access_token"].(string)
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
	if a.status != http.StatusOK || err != nil {
		t.Fatalf("process %d: %d", process, a.status)
	}
	return token, jws.Signatures[0].Header.KeyID
}

// published are the ids of the keys that a process publishes.
func (r *replicas) published(t *testing.T, process int) (ids []string) {
	t.Helper()
	var set jose.JSONWebKeySet
	a := (&caller{}).do(t, http.MethodGet, strings.TrimSuffix(r.bases[process], "/fhir")+"/auth/jwks.json", nil, nil)
	if err := json.Unmarshal(a.body, &set); a.status != http.StatusOK || err != nil {
		t.Fatalf("process %d: %d, %v", process, a.status, err)
	}
	for _, k := range set.Keys {
		if !k.IsPublic() {
			t.Fatal("a private key is published")
		}
		ids = append(ids, k.KeyID)
	}
	return ids
}

// beginNow lets a key's time come, at once for whoever reads its file.
func beginNow(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var key map[string]any
	if err := json.Unmarshal(text, &key); err != nil {
		t.Fatal(err)
	}
	key["nbf"] = time.Now().Unix()
	if text, err = json.Marshal(key); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}
