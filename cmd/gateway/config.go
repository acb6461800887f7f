package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/consentry/gateway/internal/smart"
)

// Config is the file that `gateway serve` takes. Paths in it are relative to the file. What guards clients' records (issuer, audience,
// algorithms, keys, who the practice is, what must not be readable) has no default.
type Config struct {
	// Listen is the address of the FHIR server, "127.0.0.1:8080", or ":8443" for all addresses of this machine.
	Listen string `yaml:"listen"`
	// MetricsListen is the address of the Prometheus listener, which must be on loopback.
	MetricsListen string `yaml:"metrics-listen"`
	// TLS names the certificate that the FHIR server shows. Without it the server speaks plain HTTP, on loopback only.
	TLS TLSConfig `yaml:"tls"`
	// InsecurePlainHTTP lets the FHIR server speak plain HTTP on an address that other machines reach: behind a proxy that ends TLS, in a network of its own.
	InsecurePlainHTTP bool `yaml:"insecure-plain-http"`
	// TrustedProxies may say for whom they ask.
	TrustedProxies ProxiesConfig `yaml:"trusted-proxies"`
	// BaseURL is the FHIR base as partners write it, "https://records.example.org/fhir".
	BaseURL string `yaml:"base-url"`
	// Zone is the practice's time zone, "America/New_York": a date in a Consent or a row is a day there.
	Zone string `yaml:"zone"`

	Practice PracticeConfig `yaml:"practice"`
	Profiles string         `yaml:"profiles"` // a folder like the shipped profiles/; empty: the shipped one
	Maps     string         `yaml:"maps"`     // the folder of maps for this practice's database
	Partners string         `yaml:"partners"` // the partner register; without it the register is in the store, and `gateway partner` changes it
	Tokens   []IssuerConfig `yaml:"tokens"`   // whose access tokens are taken
	// AuthorizationServer is the built-in one. Its tokens are taken without an entry under tokens.
	AuthorizationServer *AuthorizationServerConfig `yaml:"authorization-server"`
	Keys                KeysConfig                 `yaml:"keys"`
	Ledger              string                     `yaml:"ledger"` // ledger.db
	State               string                     `yaml:"state"`  // state.db
	Store               StoreConfig                `yaml:"store"`  // instead of both: PostgreSQL

	Ephemeral EphemeralConfig `yaml:"ephemeral"`
	Limits    LimitsConfig    `yaml:"limits"`

	path     string
	root     *yaml.Node
	problems *problems
}

// PracticeConfig says where the practice's records lie, either in a database or in a folder of FHIR NDJSON, and who the practice is as the one
// who discloses.
type PracticeConfig struct {
	SQLite string `yaml:"sqlite"` // the practice's database; opened read only, and the psychotherapy notes must not be in it
	Files  string `yaml:"files"`  // a folder, as a FHIR bulk export leaves it
	Notes  string `yaml:"notes"`  // of the folder: the kinds of note that may be read
	// Separated are files and folders of psychotherapy notes that this process must not be able to read. Beside a folder it must be said, as [] where
	// there are none.
	Separated []string `yaml:"separated"`
	// MaxAge is how long ago the folder may have been written last: a folder that nobody writes any more can only deny. Without it, any time.
	MaxAge      Duration           `yaml:"max-age"`
	Identifiers []IdentifierConfig `yaml:"identifiers"` // the practice as the one who discloses, as its Consents name it
	Timeout     Duration           `yaml:"timeout"`     // of one statement
	// InlineAttachmentBytes is how long an attachment may be that stands in its document; a longer one goes by the URL of a Binary.
	InlineAttachmentBytes int `yaml:"inline-attachment-bytes"`
}

// IdentifierConfig is a business identifier.
type IdentifierConfig struct {
	System string `yaml:"system"`
	Value  string `yaml:"value"`
}

// IssuerConfig is one issuer whose access tokens are taken.
type IssuerConfig struct {
	Issuer   string `yaml:"issuer"`   // the URL of the authorization server, as tokens state it
	Audience string `yaml:"audience"` // what tokens for this gateway state as theirs
	// Preset says where the issuer's tokens say what: a file of the profiles' folder issuers, smart where none is named.
	Preset string `yaml:"preset"`
	// Claims are places that differ from the preset's, each a list of paths: patient: [patient, [https://clinic.example.org/patient]].
	Claims     smart.Mapping `yaml:"claims"`
	Algorithms []string      `yaml:"algorithms"`     // those that the issuer signs with: RS256, RS384, ES256, ES384
	JWKSURI    string        `yaml:"jwks-uri"`       // either this
	JWKSFile   string        `yaml:"jwks-file"`      // or this, or neither: the issuer's discovery document
	Endpoint   string        `yaml:"token-endpoint"` // of one issuer alone: what /.well-known/smart-configuration tells partners
	// Opaque is for an issuer whose tokens are no JWTs, or not all of them; of one issuer alone, since an opaque token does not say whose it is.
	Opaque *OpaqueConfig `yaml:"opaque"`
	// InsecurePlainHTTP lets the keys be fetched over plain HTTP from another machine.
	InsecurePlainHTTP bool `yaml:"insecure-plain-http"`
}

// OpaqueConfig says how an issuer is asked about tokens that are no JWTs (RFC 7662), and how the gateway proves itself there: by a key or by a secret.
type OpaqueConfig struct {
	Endpoint   string `yaml:"endpoint"`    // the issuer's introspection endpoint
	ClientID   string `yaml:"client-id"`   // the gateway as a client of the issuer
	KeyFile    string `yaml:"key-file"`    // either this: its private key, a JWK with kid and alg (private_key_jwt)
	SecretFile string `yaml:"secret-file"` // or this: its secret (client_secret_basic)
	// InsecureAnyAudience takes tokens of which the issuer does not say whom they are for.
	InsecureAnyAudience bool `yaml:"insecure-any-audience"`
	// InsecureAnyTokenType takes tokens of which the issuer does not say that they are access tokens: a refresh token may pass for one.
	InsecureAnyTokenType bool `yaml:"insecure-any-token-type"`
}

// KeysConfig names the files of the gateway's own keys (`gateway keys` makes them).
type KeysConfig struct {
	ID     string `yaml:"id"`     // seals FHIR ids; never rotates
	Page   string `yaml:"page"`   // seals page tokens
	ETag   string `yaml:"etag"`   // keys the digests that leave as ETags
	Ledger string `yaml:"ledger"` // signs the ledger's checkpoints
	Launch string `yaml:"launch"` // seals the pages and codes of app launch; only for authorization-server.app-launch
}

// StoreConfig names the PostgreSQL database that several gateway processes share for ledger and state, one of their own. Without it both are files.
type StoreConfig struct {
	Postgres     string `yaml:"postgres"`      // postgres://user@host/database?sslmode=verify-full, without a password
	PasswordFile string `yaml:"password-file"` // its first line is the password; read for each connection
	// InsecurePlainTCP lets the server be on another machine without TLS that proves who answers.
	InsecurePlainTCP bool `yaml:"insecure-plain-tcp"`
}

// EphemeralConfig says where counts of requests are kept. Without Redis they are in the memory of this process.
type EphemeralConfig struct {
	Redis string `yaml:"redis"` // rediss://[user:password@]host:port/db
	// InsecurePlainTCP lets redis:// reach another machine without TLS.
	InsecurePlainTCP bool `yaml:"insecure-plain-tcp"`
}

// Duration is a time.Duration as people write it: "5s".
type Duration time.Duration

// UnmarshalYAML reads "5s".
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := time.ParseDuration(n.Value)
	if err != nil || v <= 0 {
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: not a duration above zero, such as 5s", n.Line)}}
	}
	*d = Duration(v)
	return nil
}

// loadConfig reads the file and reports every problem of the file itself at once, each with its place. What it names is not looked at.
func loadConfig(path string) (*Config, error) {
	cfg, err := readConfig(path)
	if err != nil {
		return nil, err
	}
	return cfg, cfg.problems.err()
}

// readConfig reads the file for those who look at what it names as well: its problems are kept, to be reported with theirs.
func readConfig(path string) (*Config, error) {
	if path == "" {
		return nil, errors.New("--config: no file is named")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	return parseConfig(path, text)
}

// parseConfig fails where the text is no YAML, of which nothing further can be said.
func parseConfig(path string, text []byte) (*Config, error) {
	cfg := &Config{
		Limits:   defaultLimits(),
		path:     path,
		root:     &yaml.Node{},
		problems: &problems{path: path},
	}
	cfg.Practice.Timeout = Duration(5 * time.Second)
	cfg.Practice.InlineAttachmentBytes = 32 << 10
	cfg.MetricsListen = "127.0.0.1:9464"
	cfg.problems.decode(text, cfg)
	if yaml.Unmarshal(text, cfg.root) != nil {
		return nil, cfg.problems.err()
	}
	cfg.completeLimits()
	cfg.validate(cfg.problems)
	cfg.resolvePaths()
	return cfg, nil
}

// resolvePaths makes the paths in the file relative to the file.
func (c *Config) resolvePaths() {
	paths := []*string{&c.Practice.SQLite, &c.Practice.Files, &c.Practice.Notes, &c.Profiles, &c.Maps, &c.Partners, &c.TLS.Certificate, &c.TLS.Key, &c.Keys.ID, &c.Keys.Page, &c.Keys.ETag, &c.Keys.Ledger, &c.Keys.Launch, &c.Ledger, &c.State, &c.Store.PasswordFile}
	for i := range c.Practice.Separated {
		paths = append(paths, &c.Practice.Separated[i])
	}
	paths = append(paths, c.AuthorizationServer.paths()...)
	for i := range c.Tokens {
		paths = append(paths, &c.Tokens[i].JWKSFile)
		if o := c.Tokens[i].Opaque; o != nil {
			paths = append(paths, &o.KeyFile, &o.SecretFile)
		}
	}
	for _, p := range paths {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(filepath.Dir(c.path), *p)
		}
	}
}
