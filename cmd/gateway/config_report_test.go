package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/demo"
)

// practiceFolder writes a folder in which everything that its gateway.yaml names is there and good, with an issuer of somebody else's, and gives the
// configuration's path.
func practiceFolder(t *testing.T) string {
	t.Helper()
	config := demoFolder(t)
	text, err := os.ReadFile(config)
	noError(t, err)
	section := regexp.MustCompile(`(?m)^authorization-server:\n(  .*\n)+`).FindString(string(text))
	edit(t, config, section, `tokens:
  - issuer: http://127.0.0.1:8080/auth
    audience: http://127.0.0.1:8080/fhir
    algorithms: [ES256]
    jwks-uri: http://127.0.0.1:8080/auth/jwks.json
    token-endpoint: http://127.0.0.1:8080/auth/token
`)
	return config
}

// demoFolder writes the demo's folder.
func demoFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	d := &demonstration{dir: dir, address: "127.0.0.1:8080"}
	var err error
	d.practice, err = demo.Write(t.Context(), demo.Options{Clients: 1, Seed: 1, Now: time.Now(), Dir: dir})
	noError(t, err)
	noError(t, d.writeFiles())
	return filepath.Join(dir, demoConfigFile)
}

// edit replaces texts of a file, each of which must be there.
func edit(t *testing.T, path string, oldNew ...string) {
	t.Helper()
	text, err := os.ReadFile(path)
	noError(t, err)
	changed := string(text)
	for i := 0; i < len(oldNew); i += 2 {
		if !strings.Contains(changed, oldNew[i]) {
			t.Fatalf("no %q in %s", oldNew[i], filepath.Base(path))
		}
		changed = strings.Replace(changed, oldNew[i], oldNew[i+1], 1)
	}
	noError(t, os.WriteFile(path, []byte(changed), 0o600))
}

// report gives the lines of the problems that keep a gateway from opening, with the folder left out.
func report(t *testing.T, config string) []string {
	t.Helper()
	r, err := openProven(t.Context(), config)
	if err == nil {
		noError(t, r.Close())
		return nil
	}
	return strings.Split(strings.ReplaceAll(err.Error(), filepath.Dir(config)+string(filepath.Separator), ""), "\n")
}

func TestAFolderWithoutAFaultOpens(t *testing.T) {
	for _, config := range []string{practiceFolder(t), demoFolder(t)} {
		if got := report(t, config); got != nil {
			t.Error(strings.Join(got, "\n"))
		}
	}
}

func TestOneReportNamesWhatIsWrongEverywhere(t *testing.T) {
	config := practiceFolder(t)
	dir := filepath.Dir(config)
	edit(t, config, "[ES256]", "\n    - ES256\n    - HS256", "issuer: http", "issuer: ftp", "zone: America/New_York", "zone: Mars", "jwks-uri: http://127.0.0.1", "jwks-uri: http://login.example.org",
		"listen: 127", "lissen: 127", "page: keys/page.key", "page: keys/none.key")
	edit(t, filepath.Join(dir, "partners.yaml"), "kind: payer", "kind: spy")
	edit(t, filepath.Join(dir, "maps/soap-note.yaml"), "columns:", "colums:")
	noError(t, os.WriteFile(filepath.Join(dir, "maps/intake.yaml"), nil, 0o600))
	got := report(t, config)
	for i, want := range []string{
		`gateway.yaml:1: listen is missing`,
		`gateway.yaml:2: unknown key lissen, did you mean "listen"?`,
		`gateway.yaml:5: zone is no IANA time zone`,
		`gateway.yaml:12: tokens.issuer: the issuer is missing or no absolute http(s) URL`,
		`gateway.yaml:16: tokens.algorithms: algorithm "HS256" is not one of RS256, RS384, ES256, ES384`,
		`gateway.yaml:17: tokens.jwks-uri: the key set would be fetched over plain HTTP`,
		`gateway.yaml:19: keys.page: stat keys/none.key: no such file`,
		`maps/intake.yaml:1: the file is empty`,
		`maps/soap-note.yaml:`,
	} {
		if i >= len(got) || !strings.HasPrefix(got[i], want) {
			t.Errorf("line %d is not %s", i+1, want)
		}
	}
	partners := slices.ContainsFunc(got, func(line string) bool {
		return strings.HasPrefix(line, "partners.yaml:") && strings.HasSuffix(line, ": kind is not one of provider, payer, patient, employer, other")
	})
	if !partners || t.Failed() {
		t.Error(strings.Join(got, "\n"))
	}
}

func TestWhatIsNamedAndCannotBeReadIsAProblemOfItsLine(t *testing.T) {
	for name, c := range map[string]struct {
		change []string // of the configuration
		damage func(dir string)
		want   []string
	}{
		"several at once": {[]string{"[ES256]", "[HS256]", "maps: maps", "maps: nope", "partners: partners.yaml", "partners: nope", "sqlite: practice.db", "sqlite: none/practice.db"}, nil,
			[]string{"gateway.yaml:7: practice.sqlite: ", "gateway.yaml:9: maps: stat nope", "gateway.yaml:10: partners: stat nope", `gateway.yaml:14: tokens.algorithms: algorithm "HS256"`}},
		"a folder of profiles":     {[]string{"limits:", "profiles: nope\nlimits:"}, nil, []string{"gateway.yaml:20: profiles: stat nope"}},
		"the maps and a bad zone":  {[]string{"zone: America/New_York", "zone: Mars", "maps: maps", "maps: keys"}, nil, []string{"gateway.yaml:5: zone", "keys:1: no maps are in this folder", "keys/source.yaml:1: there is no such file: it says what the source is"}},
		"an empty register":        {nil, func(dir string) { _ = os.WriteFile(dir+"/partners.yaml", nil, 0o600) }, []string{"gateway.yaml:10: partners: partners.yaml is no file, or empty"}},
		"a register of comments":   {nil, func(dir string) { _ = os.WriteFile(dir+"/partners.yaml", []byte("# later\n"), 0o600) }, []string{"partners.yaml:1: no partners"}},
		"a key set that is none":   {[]string{"jwks-uri: http://127.0.0.1:8080/auth/jwks.json", "jwks-file: maps/source.yaml"}, nil, []string{"gateway.yaml:15: tokens.jwks-file: not a JSON Web Key Set"}},
		"a short key":              {nil, func(dir string) { _ = os.WriteFile(dir+"/keys/id.key", []byte("c2hvcnQ="), 0o600) }, []string{"gateway.yaml:17: keys.id: keys/id.key is no key of"}},
		"a value on the next line": {[]string{"maps: maps", "maps:\n  nope"}, nil, []string{"gateway.yaml:10: maps: stat nope"}},
		"no identifier":            {[]string{`value: "1999008000"`, `value: ""`}, nil, []string{"gateway.yaml:8: practice.identifiers: each needs a system and a value"}},
		"a list for a text":        {[]string{"maps: maps", "maps: [maps]"}, nil, []string{"gateway.yaml:9: this must be a text"}},
		"a port that is none":      {[]string{"listen: 127.0.0.1:8080", "listen: 127.0.0.1:80800"}, nil, []string{"gateway.yaml:2: listen has no port"}},
		"one port for both":        {[]string{"metrics-listen: 127.0.0.1:0", "metrics-listen: 127.0.0.1:8080"}, nil, []string{"gateway.yaml:3: metrics-listen is the address of listen"}},
		"a relative endpoint":      {[]string{"token-endpoint: http://127.0.0.1:8080", "token-endpoint: "}, nil, []string{"gateway.yaml:16: tokens.token-endpoint: "}},
		"a Redis without its number": {[]string{"limits:", "ephemeral: {redis: \"redis://:hunter2@127.0.0.1:6379/zero\"}\nlimits:"}, nil,
			[]string{"gateway.yaml:20: ephemeral.redis: the Redis URL is missing or malformed"}},
	} {
		t.Run(name, func(t *testing.T) {
			config := practiceFolder(t)
			edit(t, config, c.change...)
			if c.damage != nil {
				c.damage(filepath.Dir(config))
			}
			got := report(t, config)
			if len(got) != len(c.want) {
				t.Fatalf("%d lines, want %d:\n%s", len(got), len(c.want), strings.Join(got, "\n"))
			}
			for i, want := range c.want {
				if !strings.HasPrefix(got[i], want) || strings.Contains(got[i], "hunter2") {
					t.Errorf("%s\nwant %s", got[i], want)
				}
			}
		})
	}
}

func TestAllProfilesThatAreWrongAreInTheReport(t *testing.T) {
	config := practiceFolder(t)
	own := filepath.Join(filepath.Dir(config), "own")
	noError(t, os.CopyFS(own, os.DirFS("../../profiles")))
	edit(t, config, "limits:", "profiles: own\nlimits:")
	if got := report(t, config); got != nil {
		t.Fatal(strings.Join(got, "\n"))
	}
	for _, name := range []string{"purposes/tree.yaml", "labels/rules.yaml", "policies/consents.yaml", "maps/shapes/document.yaml"} {
		noError(t, os.WriteFile(filepath.Join(own, name), nil, 0o600))
	}
	text := strings.Join(report(t, config), "\n")
	for _, want := range []string{
		"gateway.yaml:20: profiles: policies/consents.yaml: the file is empty", "gateway.yaml:20: profiles: labels/rules.yaml: the file is empty",
		"gateway.yaml:10: partners: purposes/tree.yaml: the file is empty", "own/maps/shapes/document.yaml:1: the file is empty",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in:\n%s", want, text)
		}
	}
	if strings.Contains(text, "EOF") {
		t.Error("it says EOF")
	}
}

func TestTheReportIsInTheOrderOfTheLinesAndSaysNothingTwice(t *testing.T) {
	p := &problems{path: "g.yaml"}
	p.note(2, "worth a word")
	if err := p.err(); err != nil {
		t.Fatalf("a note alone is a problem: %v", err)
	}
	p.add(3, "c")
	p.follow(fmt.Errorf("maps/b.yaml:9: x"))
	p.add(1, "a")
	p.addAll(3, "key", fmt.Errorf("part: one\npart: two: EOF"))
	p.add(3, "c")
	want := "g.yaml:1: a\ng.yaml:2: worth a word\ng.yaml:3: c\ng.yaml:3: key: one\ng.yaml:3: key: two: the file is empty\nmaps/b.yaml:9: x"
	if d := cmp.Diff(want, p.err().Error()); d != "" {
		t.Error(d)
	}
}
