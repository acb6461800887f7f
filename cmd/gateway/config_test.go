package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const goodConfig = `listen: 127.0.0.1:8080
base-url: https://records.example.org/fhir
zone: America/New_York
practice:
  sqlite: practice.db
  identifiers: [{system: "http://hl7.org/fhir/sid/us-npi", value: "1234567893"}]
maps: maps
partners: partners.yaml
tokens:
  - issuer: https://login.example.org
    audience: https://records.example.org/fhir
    algorithms: [ES384]
    token-endpoint: https://login.example.org/token
keys: {id: id.key, page: page.key, etag: etag.key, ledger: ledger.key}
ledger: ledger.db
state: state.db
`

const goodTokens = `tokens:
  - issuer: https://login.example.org
    audience: https://records.example.org/fhir
    algorithms: [ES384]
    token-endpoint: https://login.example.org/token
`

// loadText is loadConfig of a text.
func loadText(path, text string) (*Config, error) {
	c, err := parseConfig(path, []byte(text))
	if err != nil {
		return nil, err
	}
	return c, c.problems.err()
}

func TestAConfigIsReadAndItsPathsAreRelativeToIt(t *testing.T) {
	c, err := loadText("/etc/consentry/gateway.yaml", goodConfig)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Practice.SQLite, "/etc/consentry/practice.db"; got != want {
		t.Errorf("practice.sqlite is %s, want %s", got, want)
	}
	if c.Profiles != "" {
		t.Errorf("an absent path became %s", c.Profiles)
	}
}

func TestTheBuiltInServerNeedsNoOtherIssuer(t *testing.T) {
	text := strings.Replace(goodConfig, goodTokens, "authorization-server: {issuer: https://records.example.org/auth, keys: signing}\n", 1)
	c, err := loadText("/etc/consentry/gateway.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	if c.AuthorizationServer.Keys != "/etc/consentry/signing" || !slices.Equal(c.issuers(), []string{"https://records.example.org/auth"}) {
		t.Errorf("%+v, issuers %v", c.AuthorizationServer, c.issuers())
	}
	// Several processes can share a server: each would know only of its own which assertions were used.
	shared := strings.Replace(text, "ledger: ledger.db\nstate: state.db\n", "store: {postgres: \"postgres://g@127.0.0.1/g\"}\n", 1)
	if _, err := loadText("g.yaml", shared); err == nil || !strings.Contains(err.Error(), "only a Redis") {
		t.Errorf("without a Redis: %v", err)
	}
	if _, err := loadText("g.yaml", shared+"ephemeral: {redis: \"redis://127.0.0.1:6379/0\"}\n"); err != nil {
		t.Errorf("with one: %v", err)
	}
}

func TestEveryProblemIsReportedAtOnceWithItsPlace(t *testing.T) {
	cases := map[string]struct {
		replace [2]string
		want    []string
	}{
		"unknown key":                  {[2]string{"maps: maps", "mops: maps"}, []string{`g.yaml:7: unknown key mops, did you mean "maps"?`, "maps is missing"}},
		"a key of a section":           {[2]string{"token-endpoint", "token-endpiont"}, []string{`g.yaml:13: unknown key token-endpiont, did you mean "token-endpoint"?`}},
		"a text for a section":         {[2]string{"state: state.db\n", "state: state.db\nephemeral: redis://:secret@127.0.0.1\n"}, []string{"g.yaml:17: this must be a mapping of keys to values"}},
		"a second document":            {[2]string{"state: state.db\n", "state: state.db\n---\nlisten: x\n"}, []string{"a second YAML document"}},
		"no issuer":                    {[2]string{"- issuer: https://login.example.org\n   ", "-"}, []string{"g.yaml:10: tokens.issuer is missing"}},
		"no audience":                  {[2]string{"    audience: https://records.example.org/fhir\n", ""}, []string{"tokens.audience is missing"}},
		"no algorithms":                {[2]string{"    algorithms: [ES384]\n", ""}, []string{"tokens.algorithms is missing"}},
		"nobody discloses":             {[2]string{`  identifiers: [{system: "http://hl7.org/fhir/sid/us-npi", value: "1234567893"}]`, ""}, []string{"practice.identifiers is missing"}},
		"plain HTTP to the world":      {[2]string{"listen: 127.0.0.1:8080", "listen: 0.0.0.0:8080"}, []string{"g.yaml:1: listen is not on loopback"}},
		"zone of this machine":         {[2]string{"America/New_York", "Local"}, []string{"g.yaml:3: zone is no IANA time zone"}},
		"relative base":                {[2]string{"base-url: https://records.example.org/fhir", "base-url: /fhir"}, []string{"g.yaml:2: base-url"}},
		"a duration without its unit":  {[2]string{"practice:\n", "practice:\n  timeout: 5\n"}, []string{"g.yaml:5: "}},
		"a base without TLS":           {[2]string{"base-url: https://", "base-url: http://"}, []string{"g.yaml:2: base-url is plain HTTP"}},
		"Redis without TLS":            {[2]string{"state: state.db\n", "state: state.db\nephemeral: {redis: \"redis://:secret@redis.example.org:6379/0\"}\n"}, []string{"g.yaml:17: ephemeral.redis is on another machine without TLS"}},
		"half of TLS":                  {[2]string{"maps: maps", "maps: maps\ntls: {certificate: a.pem}"}, []string{"g.yaml:8: tls needs both"}},
		"TLS and plain HTTP":           {[2]string{"maps: maps", "maps: maps\ntls: {certificate: a.pem, key: b.pem}\ninsecure-plain-http: true"}, []string{"g.yaml:9: tls and insecure-plain-http exclude each other"}},
		"TLS of a plain base":          {[2]string{"base-url: https://records.example.org/fhir", "base-url: http://127.0.0.1/fhir\ntls: {certificate: a.pem, key: b.pem}"}, []string{"g.yaml:2: base-url is plain HTTP, but tls is set"}},
		"a port that is none":          {[2]string{"listen: 127.0.0.1:8080", "listen: 0.0.0.0:808080"}, []string{"g.yaml:1: listen has no port"}},
		"metrics for the world":        {[2]string{"maps: maps", "maps: maps\nmetrics-listen: 0.0.0.0:9464"}, []string{"g.yaml:8: metrics-listen is not on loopback"}},
		"no connections":               {[2]string{"maps: maps", "maps: maps\nlimits: {connections: 0}"}, []string{"g.yaml:8: limits.connections must be from 1"}},
		"more than all":                {[2]string{"maps: maps", "maps: maps\nlimits: {connections: 10, connections-per-address: 11}"}, []string{"limits.connections-per-address must be from 1 to 10"}},
		"a body of a gigabyte":         {[2]string{"maps: maps", "maps: maps\nlimits: {body-bytes: 1073741824}"}, []string{"limits.body-bytes must be from 1024 to 65536"}},
		"no room for a long answer":    {[2]string{"maps: maps", "maps: maps\nlimits: {answer-bytes: 16777216}"}, []string{"limits.answer-bytes must be from 100663296"}},
		"an answer cut off":            {[2]string{"maps: maps", "maps: maps\nlimits: {request-timeout: 10s, answer-timeout: 9s}"}, []string{"limits.answer-timeout is shorter than request-timeout"}},
		"PostgreSQL beside files":      {[2]string{"state: state.db\n", "state: state.db\nstore: {postgres: \"postgres://gateway@127.0.0.1/x\"}\n"}, []string{"g.yaml:17: store: ledger and state are files"}},
		"PostgreSQL without TLS":       {[2]string{"ledger: ledger.db\nstate: state.db\n", "store: {postgres: \"postgres://secret@db.example.org/secret\"}\n"}, []string{"g.yaml:15: store.postgres: it is on another machine without TLS"}},
		"a password of PostgreSQL":     {[2]string{"ledger: ledger.db\nstate: state.db\n", "store: {postgres: \"postgres://x:secret@localhost/x\"}\n"}, []string{"g.yaml:15: store.postgres: a password stands in it"}},
		"an empty store":               {[2]string{"ledger: ledger.db\nstate: state.db\n", "store: {}\n"}, []string{"store.postgres is missing"}},
		"a mistyped store":             {[2]string{"ledger: ledger.db\nstate: state.db\n", "store: {postgresql: x}\n"}, []string{`g.yaml:15: unknown key postgresql, did you mean "postgres"?`}},
		"no Redis":                     {[2]string{"state: state.db\n", "state: state.db\nephemeral: {redis: \"secret@redis.example.org\"}\n"}, []string{"ephemeral.redis is no redis://"}},
		"a negative limit":             {[2]string{"state: state.db\n", "state: state.db\nlimits: {requests-per-minute: -1}\n"}, []string{"requests-per-minute is negative"}},
		"a negative limit of failures": {[2]string{"maps: maps", "maps: maps\nlimits: {failures-per-minute-per-address: -1}"}, []string{"g.yaml:8: limits.failures-per-minute-per-address is negative"}},
		"a proxy without its header":   {[2]string{"maps: maps", "maps: maps\ntrusted-proxies: {addresses: [10.2.0.0/16]}"}, []string{"g.yaml:8: trusted-proxies.header is missing"}},
		"another header":               {[2]string{"maps: maps", "maps: maps\ntrusted-proxies: {addresses: [10.2.0.0/16], header: X-Forwarded}"}, []string{`g.yaml:8: trusted-proxies.header is neither X-Forwarded-For nor Forwarded`}},
		"proxies from nowhere":         {[2]string{"maps: maps", "maps: maps\ntrusted-proxies: {header: Forwarded}"}, []string{"g.yaml:8: trusted-proxies.addresses is missing"}},
		"everybody a proxy":            {[2]string{"maps: maps", "maps: maps\ntrusted-proxies:\n  header: Forwarded\n  addresses: [10.2.0.7, \"::/0\"]"}, []string{"g.yaml:10: trusted-proxies.addresses: a network of everybody"}},
		"an address in a network":      {[2]string{"maps: maps", "maps: maps\ntrusted-proxies: {header: Forwarded, addresses: [10.2.3.4/16]}"}, []string{"did you mean 10.2.0.0/16"}},
		"a proxy by name":              {[2]string{"maps: maps", "maps: maps\ntrusted-proxies: {header: Forwarded, addresses: [secret.example.org]}"}, []string{"neither a network, such as 10.2.0.0/16, nor an address"}},
		"IPv4 as IPv6":                 {[2]string{"maps: maps", "maps: maps\ntrusted-proxies: {header: Forwarded, addresses: [\"::ffff:10.0.0.0/104\"]}"}, []string{"IPv4 written as IPv6"}},
		"a database and a folder":      {[2]string{"practice:\n", "practice:\n  files: export\n"}, []string{"g.yaml:5: practice: sqlite and files exclude each other", "g.yaml:8: maps are of a database", "practice.notes is missing", "practice.separated is missing"}},
		"notes of a database":          {[2]string{"practice:\n", "practice:\n  notes: notes.yaml\n"}, []string{"g.yaml:5: practice.notes, separated and max-age are of practice.files"}},
		"no issuers":                   {[2]string{goodTokens, "tokens: []\n"}, []string{"g.yaml:9: tokens is missing"}},
		"an issuer by itself":          {[2]string{goodTokens, "tokens: {issuer: https://login.example.org}\n"}, []string{"g.yaml:9: this must be a list"}},
		"one issuer twice":             {[2]string{"keys:", "  - {issuer: https://login.example.org, audience: a, algorithms: [ES384]}\nkeys:"}, []string{"g.yaml:14: tokens.issuer: another issuer has this URL"}},
		"an algorithm of the second":   {[2]string{"keys:", "  - {issuer: https://b.example.org, audience: a, algorithms: [HS256]}\nkeys:"}, []string{`g.yaml:14: tokens.algorithms: algorithm "HS256" is not one of`}},
		"a path that is none":          {[2]string{"    token-endpoint", "    claims: {client: [https://a.example/client]}\n    token-endpoint"}, []string{"g.yaml:13: not the path of a claim"}},
		"a claim that nobody maps":     {[2]string{"    token-endpoint", "    claims: {clients: [azp]}\n    token-endpoint"}, []string{`g.yaml:13: unknown key clients, did you mean "client"?`}},
		"a scope that cannot be read":  {[2]string{"    token-endpoint", "    claims: {scope-names: {A: system/*.sr}}\n    token-endpoint"}, []string{`g.yaml:13: tokens.claims: scope-names: A: scope "system/*.sr" cannot be read`}},
		"opaque in the clear":          {[2]string{"    token-endpoint", "    opaque: {endpoint: http://a.example/i, client-id: g, key-file: k}\n    token-endpoint"}, []string{"g.yaml:13: tokens.opaque: the introspection endpoint is plain HTTP"}},
		"opaque of nobody":             {[2]string{"    token-endpoint", "    opaque: {endpoint: https://a.example/i, key-file: k}\n    token-endpoint"}, []string{"g.yaml:13: tokens.opaque: introspection needs a client id"}},
		"opaque of two": {[2]string{"    token-endpoint: https://login.example.org/token\n", "    token-endpoint: https://login.example.org/token\n    opaque: {endpoint: https://a.example/i, client-id: g, key-file: k}\n" +
			"  - {issuer: https://b.example.org, audience: a, algorithms: [ES384], opaque: {endpoint: https://b.example/i, client-id: g, key-file: l}}\n"}, []string{"g.yaml:15: tokens.opaque: one issuer alone"}},
		"two token endpoints":                {[2]string{"keys:", "  - {issuer: https://b.example.org, audience: a, algorithms: [ES384], token-endpoint: https://b.example.org/t}\nkeys:"}, []string{"tokens.token-endpoint: partners can be told of one only"}},
		"two token endpoints, one built in":  {[2]string{"keys:", "authorization-server: {issuer: https://records.example.org/auth, keys: signing}\nkeys:"}, []string{"tokens.token-endpoint: partners can be told of one only"}},
		"the built-in one among the others":  {[2]string{"keys:", "authorization-server: {issuer: https://login.example.org, keys: signing}\nkeys:"}, []string{"tokens.issuer: another issuer has this URL", "needs a path of its own", "told of one only"}},
		"an authorization server of nothing": {[2]string{goodTokens, "authorization-server: {}\n"}, []string{"authorization-server.issuer is missing", "authorization-server.keys is missing"}},
		"one in the clear":                   {[2]string{goodTokens, "authorization-server: {issuer: http://records.example.org/auth, keys: signing}\n"}, []string{"authorization-server.issuer is plain HTTP"}},
		"one without a path":                 {[2]string{goodTokens, "authorization-server: {issuer: https://records.example.org/, keys: signing}\n"}, []string{"needs a path of its own"}},
		"one below the base":                 {[2]string{goodTokens, "authorization-server: {issuer: https://records.example.org/fhir/auth, keys: signing}\n"}, []string{"needs a path of its own"}},
		"one that is no URL":                 {[2]string{goodTokens, "authorization-server: {issuer: auth, keys: signing}\n"}, []string{"authorization-server.issuer is no absolute"}},
		"app launch of nothing":              {[2]string{goodTokens, "authorization-server: {issuer: https://records.example.org/auth, keys: signing, app-launch: {sign-in: {secret-file: s}}}\n"}, []string{"app-launch.practice-name is missing", "keys.launch is missing", "app-launch.sign-in: the issuer is missing", "the client id is missing", "neither the claim"}},
		"a sign-in in the clear":             {[2]string{goodTokens, "authorization-server: {issuer: https://records.example.org/auth, keys: signing, app-launch: {practice-name: P, sign-in: {issuer: http://login.example.org, client-id: c, secret-file: s, client-claim: k}}}\n"}, []string{"app-launch.sign-in: the issuer is missing, or no URL with https"}},
		"a nameless resource server":         {[2]string{goodTokens, "authorization-server: {issuer: https://records.example.org/auth, keys: signing, resource-servers: [{id: x}]}\n"}, []string{"each needs an id and a jwks-file"}},
		"no token endpoint":                  {[2]string{"    token-endpoint: https://login.example.org/token\n", ""}, []string{"tokens.token-endpoint is missing"}},
		"two sources of keys":                {[2]string{"    token-endpoint", "    jwks-uri: https://a.example/jwks\n    jwks-file: a.json\n    token-endpoint"}, []string{"exclude each other"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(goodConfig, c.replace[0], c.replace[1], 1)
			if text == goodConfig {
				t.Fatal("the case changes nothing")
			}
			_, err := loadText("g.yaml", text)
			if err == nil {
				t.Fatal("it was taken")
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("a password in: %v", err)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("no %q in:\n%v", w, err)
				}
			}
		})
	}
}

func TestAnEmptyConfigNamesEverythingThatIsMissing(t *testing.T) {
	_, err := loadText("g.yaml", "listen: 127.0.0.1:1\n")
	if err == nil {
		t.Fatal("it was taken")
	}
	for _, key := range []string{"base-url", "zone", "practice.sqlite", "practice.identifiers", "maps", "tokens", "keys.id", "keys.page", "keys.etag", "keys.ledger", "ledger", "state"} {
		if !strings.Contains(err.Error(), key+" is missing") {
			t.Errorf("%s is not named", key)
		}
	}
}

func TestKeysAreMadeOnceAndReadBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	made, err := makeKeys(dir)
	if err != nil || len(made) != len(keyFiles) {
		t.Fatalf("made %d keys, %v", len(made), err)
	}
	first := map[string]string{}
	for _, k := range keyFiles {
		key, err := readKey(filepath.Join(dir, k.name), k.size)
		if err != nil {
			t.Fatal(err)
		}
		first[k.name] = string(key)
	}
	if made, err := makeKeys(dir); err != nil || len(made) != 0 {
		t.Fatalf("made %d keys again, %v", len(made), err)
	}
	for _, k := range keyFiles {
		if key, _ := readKey(filepath.Join(dir, k.name), k.size); string(key) != first[k.name] {
			t.Errorf("%s changed", k.name)
		}
	}
}

func TestASecretIsOneLineThatNobodyElseReads(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"a line": {"s3cret\n", 0o600, "s3cret"}, "no line end": {"s3cret", 0o400, "s3cret"}, "others can read it": {"s3cret", 0o640, ""}, "empty": {"\n", 0o600, ""}, "two lines": {"a\nb\n", 0o600, ""},
	} {
		path := filepath.Join(t.TempDir(), "secret")
		noError(t, os.WriteFile(path, []byte(c.text), c.mode))
		i, err := (&OpaqueConfig{SecretFile: path}).introspection()
		if (err == nil) != (c.want != "") || err == nil && i.Secret != c.want || err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	text := strings.Replace(goodConfig, "    token-endpoint", "    opaque: {endpoint: https://a.example/i, client-id: g}\n    token-endpoint", 1)
	if _, err := loadText("g.yaml", text); err == nil || !strings.Contains(err.Error(), "g.yaml:13: tokens.opaque needs a key-file or a secret-file") {
		t.Errorf("no proof at all: %v", err)
	}
	if i, err := (&OpaqueConfig{KeyFile: filepath.Join(t.TempDir(), "none.jwk")}).introspection(); i != nil || err == nil {
		t.Errorf("a key that is not there: %v, %v", i, err)
	}
}

func TestAKeyThatOthersCanReadIsRefused(t *testing.T) {
	dir := t.TempDir()
	if _, err := makeKeys(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "id.key")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := readKey(path, keyFiles[0].size); err == nil {
		t.Error("it was taken")
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readKey(path, 32); err == nil {
		t.Error("a key of the wrong length was taken")
	}
}

func TestTheShippedConfigurationLoads(t *testing.T) {
	if _, err := loadConfig(filepath.Join("..", "..", "docker", "gateway.yaml")); err != nil {
		t.Fatal(err)
	}
}
