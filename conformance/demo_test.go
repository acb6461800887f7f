package conformance

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/demo"
)

// demonstration is a running `gateway demo`, known from its demo.json as a partner's developer knows it.
type demonstration struct {
	*process
	dir                   string
	FHIRBase              string        `json:"fhirBase"`
	TokenEndpoint         string        `json:"tokenEndpoint"`
	Partners              []demoPartner `json:"partners"`
	PracticeDatabase      string        `json:"practiceDatabase"`
	PsychotherapyDatabase string        `json:"psychotherapyDatabase"`
	Clients               []demoClient  `json:"clients"`
	People                []demoPerson  `json:"people"`
}

type demoPartner struct {
	PartnerID  string `json:"partnerId"`
	Kind       string `json:"kind"`
	Scopes     string `json:"scopes"`
	PrivateJWK string `json:"privateJwk"`
}

type demoPerson struct {
	Patient string `json:"patient"`
	Token   string `json:"token"`
}

type demoClient struct {
	ID  string `json:"id"`
	Key string `json:"key"`
}

var theDemo = sync.OnceValues(func() (*demonstration, error) { return openDemo(filepath.Join(work, "demo")) })

// openDemo starts a demo that runs until the end of all tests.
func openDemo(dir string) (*demonstration, error) {
	d := &demonstration{dir: dir}
	var err error
	if d.process, err = start("demo", "--listen", "127.0.0.1:0", "--data-dir", d.dir); err != nil {
		return nil, err
	}
	keepShared(d.process)
	if err := d.until("serving", func() bool { return bytes.Contains(d.stdout.Bytes(), []byte("\nServing on ")) }); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(d.dir, "demo.json"))
	if err != nil {
		return nil, err
	}
	return d, json.Unmarshal(text, d)
}

// demo gives the demo that all tests share. Nobody may write into its practice.
func sharedDemo(t testing.TB) *demonstration {
	t.Helper()
	d, err := theDemo()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *demonstration) partner(t testing.TB, id string) demoPartner {
	t.Helper()
	for _, p := range d.Partners {
		if p.PartnerID == id {
			return p
		}
	}
	t.Fatalf("no partner %s", id)
	return demoPartner{}
}

func readKey(t testing.TB, path string) jose.JSONWebKey {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var key jose.JSONWebKey
	if err := key.UnmarshalJSON(text); err != nil {
		t.Fatal(err)
	}
	return key
}

// sign makes a compact JWT.
func sign(t testing.TB, key jose.JSONWebKey, typ string, claims map[string]any) string {
	t.Helper()
	o := (&jose.SignerOptions{}).WithType(jose.ContentType(typ))
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key}, o)
	if err != nil {
		t.Fatal(err)
	}
	return signWith(t, signer, claims)
}

func signWith(t testing.TB, signer jose.Signer, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// token gets an access token as a backend service does (SMART App Launch 2.2, "Backend Services").
func (d *demonstration) token(t testing.TB, partner string) string {
	t.Helper()
	p := d.partner(t, partner)
	assertion := sign(t, readKey(t, p.PrivateJWK), "JWT", map[string]any{
		"iss": p.PartnerID, "sub": p.PartnerID, "aud": d.TokenEndpoint, "exp": time.Now().Add(4 * time.Minute).Unix(), "jti": rand.Text(),
	})
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {p.Scopes}, "client_assertion": {assertion},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}
	resp, err := http.PostForm(d.TokenEndpoint, form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	var got struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		Scope       string `json:"scope"`
		ExpiresIn   int    `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &got); err != nil || resp.StatusCode != http.StatusOK || got.AccessToken == "" {
		t.Fatalf("token for %s: status %d: %.200s", partner, resp.StatusCode, body)
	}
	if !strings.EqualFold(got.TokenType, "bearer") || got.Scope == "" || got.ExpiresIn <= 0 || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("token answer for %s: %s, scope %q, %d s, %s", partner, got.TokenType, got.Scope, got.ExpiresIn, resp.Header)
	}
	return got.AccessToken
}

func (d *demonstration) as(t testing.TB, partner string) *caller {
	t.Helper()
	return &caller{base: d.FHIRBase, token: d.token(t, partner)}
}

// TestTheSameSeedGivesTheSamePracticeOnTheSameDay is what `demo --help` says of --seed.
func TestTheSameSeedGivesTheSamePracticeOnTheSameDay(t *testing.T) {
	written := func(seed uint64, hour int) map[string][]string {
		p, err := demo.Write(t.Context(), demo.Options{Clients: 20, Seed: seed, Now: time.Date(2026, 11, 20, hour, 7, 0, 0, time.UTC), Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		c := &clinic{practice: p}
		all := map[string][]string{}
		for _, table := range c.rows(t, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'") {
			columns := c.rows(t, "SELECT name FROM pragma_table_info('"+table+"')")
			if table == "releases" {
				all["when signed forms were entered"] = c.rows(t, "SELECT id || ' ' || entered_at || ' ' || updated_at FROM releases WHERE signed_at < '2026-11-20'")
				columns = slices.DeleteFunc(columns, func(c string) bool { return c == "entered_at" || c == "updated_at" })
			}
			all[table] = c.rows(t, "SELECT quote("+strings.Join(columns, ") || ' ' || quote(")+") FROM "+table)
		}
		return all
	}
	morning, evening, other := written(4, 14), written(4, 23), written(5, 14)
	if len(morning["when signed forms were entered"]) < 10 || len(morning["clients"]) != 20 {
		t.Fatal("there is nothing to compare")
	}
	if d := cmp.Diff(morning, evening); d != "" {
		t.Errorf("two hours of one day: (-morning +evening)\n%.2000s", d)
	}
	if cmp.Equal(morning["clients"], other["clients"]) {
		t.Error("another seed gives the same clients")
	}
}
