package conformance

import (
	"crypto/sha256"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// commands are all that there are; a test fails if the help names another.
var commands = map[string][]string{
	"": nil, "demo": {"--listen", "--data-dir", "--once", "--clients", "--seed"}, "serve": {"--config"}, "ready": {"--config"}, "check": {"--config"},
	"explain": {"--consents", "--resources", "--requester", "--at", "--zone", "--practice", "--json"}, "preview": {"--config", "--client", "--as", "--purpose"},
	"ledger": nil, "ledger verify": {"--config"}, "ledger disclosures": {"--config", "--client", "--since", "--format"}, "keys": {"--dir"}, "keys rotate": {"--dir", "--algorithm"}, "schema": {"--dir"}, "revoke": {"--config", "--token", "--partner", "--for"},
	"partner": nil, "partner add": {"--config", "--file", "--replace"}, "partner list": {"--config"}, "partner rotate": {"--config", "--jwks", "--jwks-uri"},
	"partner disable": {"--config"}, "partner enable": {"--config"},
	"grant": nil, "grant list": {"--config", "--client", "--app", "--ended"}, "grant end": {"--config"},
}

// TestEveryCommandExplainsItself reads each --help.
func TestEveryCommandExplainsItself(t *testing.T) {
	for command, flags := range commands {
		r := runGateway(t, append(strings.Fields(command), "--help")...)
		if r.code != 0 || r.stderr != "" || len(r.stdout) < 200 || !strings.Contains(r.stdout, "Usage:") {
			t.Errorf("%q --help: %d, %d characters", command, r.code, len(r.stdout))
		}
		for _, f := range flags {
			if !strings.Contains(r.stdout, f+" ") {
				t.Errorf("%q --help does not explain %s", command, f)
			}
		}
	}
	listed := regexp.MustCompile(`(?m)^  ([a-z]+) +[A-Z]`)
	for command := range commands {
		for _, m := range listed.FindAllStringSubmatch(runGateway(t, append(strings.Fields(command), "--help")...).stdout, -1) {
			name := strings.TrimSpace(command + " " + m[1])
			if _, known := commands[name]; !known && name != "completion" && name != "help" {
				t.Errorf("the command %q has no test of its help", name)
			}
		}
	}
}

// bareConfig is a configuration that is good by itself, of files that are not there.
const bareConfig = `listen: 127.0.0.1:1
base-url: https://records.example.org/fhir
zone: America/New_York
practice:
  sqlite: practice.db
  identifiers: [{system: "http://hl7.org/fhir/sid/us-npi", value: "1234567893"}]
maps: a.ndjson
partners: empty.yaml
tokens:
  - issuer: https://login.example.org
    audience: https://records.example.org/fhir
    algorithms: [ES384]
    token-endpoint: https://login.example.org/token
keys: {id: id.key, page: page.key, etag: etag.key, ledger: ledger.key}
ledger: ledger.db
state: state.db
`

// TestMistakesOfAUser runs commands as somebody clumsy would: exit code 1, one clear line on standard error, and nothing on standard output.
func TestMistakesOfAUser(t *testing.T) {
	d := sharedDemo(t)
	config := filepath.Join(d.dir, "gateway.yaml")
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	broken := write("broken.yaml", "listen: [\n")
	unknown := write("unknown.yaml", "listen: 127.0.0.1:1\nlissen: 127.0.0.1:2\nzone: Nowhere/Land\n")
	empty := write("empty.yaml", "")
	several := write("several.yaml", strings.NewReplacer("[ES384]", "[HS256]", "maps: a.ndjson", "maps: nope", "partners: empty.yaml", "partners: nope",
		"practice.db", "none/practice.db").Replace(bareConfig))
	bare := write("bare.yaml", bareConfig)
	ndjson := write("a.ndjson", `{"resourceType":"Patient","id":"a"`+"\n")
	requester := write("r.json", `{"partnerId":"x","kind":"spy"}`)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for line, want := range map[string][]string{
		"nonsense":                             {"nonsense"},
		"ledger nonsense":                      {"nonsense"},
		"serve":                                {"config"},
		"serve --config":                       {"--config"},
		"serve --conf x":                       {"--conf"},
		"serve --config " + dir + "/none.yaml": {"none.yaml"},
		"serve --config " + dir:                {dir},
		"serve --config " + broken:             {"broken.yaml"},
		"serve --config " + empty:              {"empty.yaml", "practice.sqlite is missing", "tokens is missing"},
		"serve --config " + unknown:            {"unknown.yaml:2", "lissen", `did you mean "listen"?`, "unknown.yaml:3", "zone", "practice.sqlite is missing"},
		"serve --config=":                      {"--config"},
		"serve --config " + bare:               {"bare.yaml:7: maps: ", "bare.yaml:8: partners: " + empty, "bare.yaml:14: keys.id: ", "keys.page", "keys.etag", "keys.ledger"},
		"serve --config " + several: {"several.yaml:5: practice.sqlite: there is no such folder: " + dir + "/none", "several.yaml:7: maps: ", "several.yaml:8: partners: ",
			`several.yaml:12: tokens.algorithms: algorithm "HS256"`, "several.yaml:14: keys.id: "},
		"serve --config " + config + " extra":  {"extra"},
		"check":                                {"config"},
		"ready":                                {"config"},
		"ready --config " + bare:               {"nobody answers"},
		"ready --config " + unknown:            {"unknown.yaml:2", "lissen"},
		"check --config " + dir + "/none.yaml": {"none.yaml"},
		"preview --config " + config:           {"as", "client"},
		"preview --config " + config + " --client 1001 --as nobody":                        {"nobody", harbor},
		"preview --config " + config + " --client 1001 --as harbour-family-medicine":       {`did you mean "` + harbor + `"?`},
		"preview --config " + config + " --client 1001 --as " + harbor + " --purpose NOPE": {"--purpose", "TREAT", "HPAYMT"},
		"preview --config " + config + " --client 999999 --as " + harbor:                   {"--client", "no such client"},
		"preview --config " + config + " --client zebra-of-more-than-16 --as " + harbor:    {"--client", "no such client"},
		"preview --config " + config + " --client= --as " + harbor:                         {"--client"},
		"ledger verify --config " + config + " --anchor x":                                 {"anchor"},
		"ledger disclosures --config " + config + " --since tomorrow":                      {"--since"},
		"ledger disclosures --config " + config + " --format xml":                          {"--format"},
		"ledger disclosures --config " + config + " --format csv":                          {"--client"},
		"ledger disclosures --config " + config + " --client=":                             {"--client"},
		"ledger disclosures --config " + config + " --client nobody-whom-anybody-has-seen": {"--client", "never seen"},
		"revoke --config " + config:                                                        {"token", "partner"},
		"revoke --config " + config + " --partner harbour-family-medicine":                 {`did you mean "` + harbor + `"?`},
		"revoke --config " + config + " --token=":                                          {"--token"},
		"revoke --config " + config + " --token x --for 0s":                                {"--for"},
		"revoke --config " + config + " --token x --for ever":                              {"--for"},
		"grant nonsense":              {"nonsense"},
		"grant list":                  {"config"},
		"grant list --config " + bare: {"app-launch"},
		"grant list --config " + config + " --client=":                             {"--client"},
		"grant list --config " + config + " --client nobody-whom-anybody-has-seen": {"--client", "never seen"},
		"grant list --config " + config + " --app wellnes-diary":                   {"--app", `did you mean "wellness-diary"?`},
		"grant end --config " + config:                                             {"arg"},
		"grant end --config " + config + " nobody-whom-anybody-has-seen":           {"argument 1", "nothing was ended"},
		"demo --clients 3":        {"--clients", "20"},
		"demo --clients many":     {"--clients"},
		"demo --listen 0.0.0.0:0": {"loopback"},
		"demo --listen nowhere":   {"--listen"},
		"demo --once --data-dir " + dir + "/x --listen " + taken.Addr().String(): {"address already in use"},
		"demo --once --listen 127.0.0.1:0 --data-dir " + broken:                  {"broken.yaml"},
		"demo --once --listen 127.0.0.1:0 --data-dir " + d.dir:                   {"another demo runs"},
		"explain": {"consents", "resources", "requester"},
		"explain --consents " + dir + "/c --resources " + dir + "/r --requester " + dir + "/q":                         {dir + "/c", dir + "/r", dir + "/q"},
		"explain --consents " + ndjson + " --resources " + ndjson + " --requester " + requester:                        {"kind"},
		"explain --consents " + empty + " --resources " + ndjson + " --requester " + goodRequester(t, dir):             {"a.ndjson:1"},
		"explain --at soon --consents " + empty + " --resources " + empty + " --requester " + goodRequester(t, dir):    {"--at"},
		"explain --consents " + dir + " --resources " + dir + " --requester " + empty:                                  {"--consents: " + dir + " is a folder", "--resources: ", empty + ":1: the file is empty"},
		"explain --consents= --resources= --requester= --at soon --zone Mars --practice here":                          {"--consents", "--resources", "--requester", "--at", "--zone", "--practice"},
		"explain --zone Local --consents " + empty + " --resources " + empty + " --requester " + goodRequester(t, dir): {"--zone"},
		"explain --zone Mars --consents " + empty + " --resources " + empty + " --requester " + goodRequester(t, dir):  {"--zone"},
		"keys":                {"dir"},
		"keys --dir=":         {"--dir"},
		"keys --dir " + empty: {"--dir"},
	} {
		r := runGateway(t, strings.Fields(line)...)
		line = strings.ReplaceAll(line, dir, "DIR")
		if r.code != 1 || !strings.HasPrefix(r.stderr, "gateway: ") || r.stdout != "" {
			t.Errorf("gateway %s: exit code %d, %d characters on standard output, on standard error: %.300s", line, r.code, len(r.stdout), r.stderr)
		}
		for _, w := range want {
			if !strings.Contains(r.stderr, w) {
				t.Errorf("gateway %s: no %q in: %.300s", line, w, r.stderr)
			}
		}
		if strings.Contains(r.stderr, "999999") || strings.Contains(r.stderr, "zebra") || strings.Contains(r.stderr, "nobody-whom") {
			t.Errorf("gateway %s: standard error repeats a client's key", line)
		}
		if strings.Contains(r.stderr, "goroutine ") || strings.Count(r.stderr, "\n") > 30 {
			t.Errorf("gateway %s: standard error is no message", line)
		}
	}
}

func goodRequester(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "good.json")
	text := `{"partnerId":"x","kind":"provider","organization":{"reference":"Organization/o"},"purpose":["TREAT"],"scopes":"system/*.rs"}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestTheOtherCommandsOnTheDemosFolder runs them beside the demo that serves from it.
func TestTheOtherCommandsOnTheDemosFolder(t *testing.T) {
	d := sharedDemo(t)
	config := filepath.Join(d.dir, "gateway.yaml")
	check := runGateway(t, "check", "--config", config)
	for _, w := range []string{"soap-note", "WITHHELD", "unsigned"} {
		if !strings.Contains(check.stdout, w) {
			t.Errorf("check says nothing of %s", w)
		}
	}
	if check.code != 1 { // the synthetic practice has broken rows, and kinds of note that no map lists
		t.Errorf("check: %d", check.code)
	}
	preview := runGateway(t, "preview", "--config", config, "--client", "1001", "--as", newDawn)
	if preview.code != 0 || !strings.Contains(preview.stdout, "permitted") || !strings.Contains(preview.stdout, "released") {
		t.Errorf("preview: %d %.200s", preview.code, preview.stdout+preview.stderr)
	}
	verify := runGateway(t, "ledger", "verify", "--config", config)
	if verify.code != 0 || !strings.Contains(verify.stdout, "the ledger is whole") {
		t.Errorf("verify: %d %s%s", verify.code, verify.stdout, verify.stderr)
	}
	list := runGateway(t, "ledger", "disclosures", "--config", config, "--client", "1001", "--format", "json")
	if list.code != 0 || strings.Count(list.stdout, "\n") < 10 {
		t.Errorf("disclosures: %d, %d lines", list.code, strings.Count(list.stdout, "\n"))
	}
	for line := range strings.Lines(list.stdout) {
		if !json.Valid([]byte(line)) {
			t.Error("a line of disclosures --format json is no JSON")
		}
	}
	letter := runGateway(t, "ledger", "disclosures", "--config", config, "--client", "1001", "--format", "text")
	for _, w := range []string{"ACCOUNTING OF DISCLOSURES", "Harbor Family Medicine\n  Address:  18 Quay Street", "your signed release of", "notes and documents", "Purpose:  your treatment",
		"you authorized it in writing"} {
		if letter.code != 0 || !strings.Contains(letter.stdout, w) {
			t.Errorf("the accounting: %d, nothing of %q:\n%s%s", letter.code, w, letter.stdout, letter.stderr)
		}
	}
	table := runGateway(t, "ledger", "disclosures", "--config", config, "--client", "1001", "--format", "csv")
	rows, err := csv.NewReader(strings.NewReader(table.stdout)).ReadAll()
	if table.code != 0 || err != nil || len(rows) < 3 {
		t.Errorf("the accounting as CSV: %d, %d rows, %v %s", table.code, len(rows), err, table.stderr)
	}
	names := (&clinic{practice: sharedClinic(t).practice}).rows(t, "SELECT last_name FROM clients WHERE length(last_name) > 6")
	for name, text := range map[string]string{"check": check.stdout + check.stderr, "preview": preview.stdout, "disclosures": list.stdout, "accounting": letter.stdout + table.stdout} {
		for _, n := range names {
			if strings.Contains(text, n) {
				t.Errorf("%s prints a client's name", name)
			}
		}
	}
}

// TestTheDemoOnce tells the story, ends with 0, and does so again on the same folder; it never overwrites what is not its own.
func TestTheDemoOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	for range 2 {
		r := runGateway(t, "demo", "--once", "--listen", "127.0.0.1:0", "--data-dir", dir, "--clients", "20", "--seed", "5")
		if r.code != 0 || r.stderr != "" {
			t.Fatalf("demo --once: %d %s", r.code, r.stderr)
		}
		for _, w := range []string{"A referring provider", "An insurer", "revokes", "-> 404", "0 of the texts", "curl -s -H", "Consent/"} {
			if !strings.Contains(r.stdout, w) {
				t.Errorf("the story has no %q", w)
			}
		}
	}
	if r := runGateway(t, "ledger", "verify", "--config", filepath.Join(dir, "gateway.yaml")); r.code != 0 {
		t.Errorf("the ledger after two demos: %s%s", r.stdout, r.stderr)
	}
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "practice.db"), []byte("somebody's records"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := runGateway(t, "demo", "--once", "--listen", "127.0.0.1:0", "--data-dir", foreign)
	if text, _ := os.ReadFile(filepath.Join(foreign, "practice.db")); r.code != 1 || string(text) != "somebody's records" {
		t.Errorf("a demo on a folder with another practice.db: %d", r.code)
	}
}

// TestServeRefusesToStart where the psychotherapy notes can be read, or something that guards records is missing.
func TestServeRefusesToStart(t *testing.T) {
	c := &clinic{dir: t.TempDir()}
	if err := c.lay(20); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(c.config())
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(){
		"the notes are in the same file":    func() { c.exec(t, "CREATE TABLE psychotherapy_notes (id INTEGER)") },
		"no id key":                         func() { remove(t, c.dir, "keys/id.key") },
		"no maps":                           func() { remove(t, c.dir, "maps") },
		"no partner register":               func() { remove(t, c.dir, "partners.yaml") },
		"a folder for a practice database":  func() { remove(t, c.dir, "practice.db"); _ = os.Mkdir(filepath.Join(c.dir, "practice.db"), 0o700) },
		"an id key that others can read":    func() { chmod(t, filepath.Join(c.dir, "keys/id.key"), 0o644) },
		"an audience that is not stated":    func() { replaceIn(t, c.config(), "  audience:", "  audiense:") },
		"an algorithm that nobody supports": func() { replaceIn(t, c.config(), "[ES256]", "[HS256]") },
		"a practice in no folder":           func() { replaceIn(t, c.config(), "sqlite: practice.db", "sqlite: mistyped/practice.db") },
	} {
		t.Run(name, func(t *testing.T) {
			saved := t.TempDir()
			if err := os.CopyFS(filepath.Join(saved, "all"), os.DirFS(c.dir)); err != nil {
				t.Fatal(err)
			}
			change()
			if r := runGateway(t, "serve", "--config", c.config()); r.code != 1 || !strings.Contains(r.stderr, "gateway: ") {
				t.Errorf("serve: %d %.300s", r.code, r.stderr)
			}
			if err := os.RemoveAll(c.dir); err != nil {
				t.Fatal(err)
			}
			if err := os.CopyFS(c.dir, os.DirFS(filepath.Join(saved, "all"))); err != nil {
				t.Fatal(err)
			}
			for _, k := range []string{"id", "page", "etag", "ledger"} {
				chmod(t, filepath.Join(c.dir, "keys", k+".key"), 0o600)
			}
		})
	}
	if now, _ := os.ReadFile(c.config()); string(now) != string(good) {
		t.Fatal("the folder was not put back")
	}
	// And as it was, it starts: or the refusals above would prove nothing.
	p, err := start("serve", "--config", c.config())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.until("ready", func() bool { return isReady(c.root) }); err != nil {
		t.Error(err)
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
}

// TestServeWritesIntoNoOtherFile names a database that is not the gateway's for each of its own, and finds every file as it was.
func TestServeWritesIntoNoOtherFile(t *testing.T) {
	c := &clinic{dir: t.TempDir()}
	if err := c.lay(20); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("practice.db", filepath.Join(c.dir, "linked.db")); err != nil {
		t.Fatal(err)
	}
	hashes := func() map[string][32]byte {
		all := map[string][32]byte{}
		for _, pattern := range []string{"/practice.db*", "/psychotherapy.db*"} {
			paths, _ := filepath.Glob(c.dir + pattern)
			for _, path := range paths {
				text, _ := os.ReadFile(path)
				all[path] = sha256.Sum256(text)
			}
		}
		return all
	}
	before := hashes()
	if len(before) != 2 {
		t.Fatalf("%d databases", len(before))
	}
	for key, line := range map[string]string{"ledger": "18", "state": "19"} {
		for _, file := range []string{"practice.db", "linked.db", "psychotherapy.db"} {
			replaceIn(t, c.config(), key+": "+key+".db", key+": "+file)
			for _, args := range [][]string{{"serve"}, {"ledger", "disclosures", "--client", "1001"}} {
				r := runGateway(t, append(args, "--config", c.config())...)
				if place := "gateway.yaml:" + line + ": " + key + ": "; r.code != 1 || !strings.Contains(r.stderr, place) {
					t.Errorf("%s with %s: %s: %d, no %s in: %.300s", args[0], key, file, r.code, place, r.stderr)
				}
			}
			replaceIn(t, c.config(), key+": "+file, key+": "+key+".db")
		}
	}
	if d := cmp.Diff(before, hashes()); d != "" {
		t.Errorf("the practice's files: (-before +after)\n%s", d)
	}
}

// TestServeRefusesMapsThatDoNotFitTheDatabase declares columns that the maps' rows do not have, and takes a table away.
func TestServeRefusesMapsThatDoNotFitTheDatabase(t *testing.T) {
	c := &clinic{dir: t.TempDir()}
	if err := c.lay(20); err != nil {
		t.Fatal(err)
	}
	replaceIn(t, filepath.Join(c.dir, "maps/soap-note.yaml"), "columns: {", "columns: {shoe_size: int, ")
	replaceIn(t, filepath.Join(c.dir, "maps/intake.yaml"), "columns: {", "columns: {hat_size: int, ")
	c.exec(t, "ALTER TABLE medications RENAME TO drugs")
	r := runGateway(t, "serve", "--config", c.config())
	if r.code != 1 || r.stdout != "" || !strings.HasPrefix(r.stderr, "gateway: ") {
		t.Errorf("serve: %d %.300s", r.code, r.stderr)
	}
	for _, w := range []string{"maps/soap-note.yaml:", `"shoe_size"`, "maps/intake.yaml:", `"hat_size"`, "maps/medication.yaml:", "no such table: medications"} {
		if !strings.Contains(r.stderr, w) {
			t.Errorf("no %s in: %s", w, r.stderr)
		}
	}
}

// TestServeStartsWithoutThePracticesDatabase and answers 503 until it is there, and as long as it could be read too far.
func TestServeStartsWithoutThePracticesDatabase(t *testing.T) {
	t.Parallel()
	c := &clinic{dir: t.TempDir()}
	if err := c.lay(20); err != nil {
		t.Fatal(err)
	}
	away := c.practice.Database + ".away"
	if err := os.Rename(c.practice.Database, away); err != nil {
		t.Fatal(err)
	}
	p, err := start("serve", "--config", c.config())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.stop() }()
	nobody := &caller{}
	notReady := func(name string) func() bool {
		return func() bool {
			a, err := nobody.try("GET", c.root+"/readyz", nil, nil)
			return err == nil && a.status == 503 && string(a.body) == "not ready: "+name+"\n"
		}
	}
	id := c.id(t, c.practice.Story.Referred)
	paths := []string{"Patient/" + id, "DocumentReference?patient=" + id, "Patient", "Practitioner"}
	refuses := func(when string) {
		t.Helper()
		for _, path := range paths {
			refusesForNow(t, when+", "+withoutQuery(path)[:7], c.as(t, harbor).get(t, path))
		}
	}
	if err := p.until("up, without its practice", notReady("practice")); err != nil {
		t.Fatal(err)
	}
	refuses("without the database")
	if log := string(p.stderr.Bytes()); !strings.Contains(log, "there is no such file: "+c.practice.Database) {
		t.Errorf("the log does not say why: %s", log)
	}

	// It comes back with the notes in it.
	notes, err := sql.Open("sqlite", "file:"+away)
	if err != nil {
		t.Fatal(err)
	}
	defer notes.Close()
	if _, err := notes.Exec("CREATE TABLE psychotherapy_notes (id INTEGER)"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(away, c.practice.Database); err != nil {
		t.Fatal(err)
	}
	if err := p.until("aware of the notes", notReady("separation")); err != nil {
		t.Error(err)
	}
	refuses("with the notes in the database")

	c.exec(t, "DROP TABLE psychotherapy_notes")
	if err := p.until("ready", func() bool { return isReady(c.root) }); err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if a := c.as(t, harbor).get(t, path); a.status != 200 {
			t.Errorf("%s when all is well: %d", withoutQuery(path)[:7], a.status)
		}
	}

	// And what changes while it serves is seen by the next request.
	c.exec(t, "CREATE TABLE psychotherapy_notes (id INTEGER)")
	refuses("with the notes moved into the database")
	c.exec(t, "DROP TABLE psychotherapy_notes")
	if a := c.as(t, harbor).get(t, paths[0]); a.status != 200 {
		t.Errorf("without them: %d", a.status)
	}
}

// TestWhatTheGatewayWritesIsItsOwners looks at the files of a demo and of a served practice while they run.
func TestWhatTheGatewayWritesIsItsOwners(t *testing.T) {
	d, c := sharedDemo(t), sharedClinic(t)
	c.as(t, harbor).get(t, "Patient") // so that the ledger has its write-ahead log
	var all []string
	for _, pattern := range []string{d.dir, d.dir + "/*", d.dir + "/*/*", c.dir + "/ledger.db*", c.dir + "/state.db*"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%d files, %v", len(found), err)
		}
		all = append(all, found...)
	}
	for _, path := range all {
		info, err := os.Stat(path)
		if err != nil {
			continue // a journal that has ended
		}
		if want := map[bool]os.FileMode{true: 0o700, false: 0o600}[info.IsDir()]; info.Mode().Perm() != want {
			t.Errorf("%s has mode %o", filepath.Base(path), info.Mode().Perm())
		}
	}
}

func (c *clinic) exec(t *testing.T, statement string) {
	t.Helper()
	if _, err := c.writer(t).Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func replaceIn(t *testing.T, path, old, new string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), old) {
		t.Fatalf("%s cannot be changed: %v", filepath.Base(path), err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), old, new, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}
