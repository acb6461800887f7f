package conformance

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// launchAttack is one row of testdata/attacks/launch.yaml.
type launchAttack struct {
	Name    string            `yaml:"name"`
	Step    string            `yaml:"step"`
	Set     map[string]any    `yaml:"set"`
	Headers map[string]string `yaml:"headers"`
	Browser string            `yaml:"browser"`
	Again   bool              `yaml:"again"`
	Want    struct {
		Page   int    `yaml:"page"`
		App    string `yaml:"app"`
		Error  string `yaml:"error"`
		Status int    `yaml:"status"`
	} `yaml:"want"`
	Ends bool `yaml:"ends"`
}

func readLaunchAttacks(t *testing.T) []launchAttack {
	t.Helper()
	text, err := os.ReadFile("testdata/attacks/launch.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Attacks []launchAttack `yaml:"attacks"`
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil || len(file.Attacks) < 70 {
		t.Fatalf("%d attacks, %v", len(file.Attacks), err)
	}
	return file.Attacks
}

// attackScope is what the app asks for in every launch that is attacked.
const attackScope = "launch/patient openid fhirUser offline_access patient/Condition.rs"

func TestEveryAttackOnALaunchIsRefused(t *testing.T) {
	d := sharedDemo(t)
	names := map[string]bool{}
	for _, a := range readLaunchAttacks(t) {
		if names[a.Name] {
			t.Errorf("two attacks are named %q", a.Name)
		}
		names[a.Name] = true
		t.Run(a.Name, func(t *testing.T) {
			l := d.launch(t)
			switch a.Step {
			case "authorize", "sign-in", "consent":
				a.onPages(t, l)
			case "token", "refresh":
				a.onTokens(t, l)
			case "read":
				a.onRecords(t, l)
			default:
				t.Fatalf("no such step: %s", a.Step)
			}
		})
	}
}

// change gives the parameters as the attack has them.
func (a launchAttack) change(t *testing.T, l *launching, q url.Values) url.Values {
	t.Helper()
	fill := strings.NewReplacer("{redirect}", diaryRedirect, "{verifier}", l.verifier, "{challenge}", l.challenge, "{code}", l.given["code"], "{access}", l.given["access"],
		"{id}", l.given["id"], "{refresh}", l.given["refresh"], "{huge}", strings.Repeat("a", 1900))
	out := maps.Clone(q)
	for name, value := range a.Set {
		out.Del(name)
		switch v := value.(type) {
		case nil:
		case string:
			out.Set(name, fill.Replace(v))
		case []any:
			for _, one := range v {
				out.Add(name, fill.Replace(fmt.Sprint(one)))
			}
		default:
			t.Fatalf("%s is no text, list or null", name)
		}
	}
	if fmt.Sprint(out) == fmt.Sprint(q) && len(a.Set) > 0 {
		t.Fatal("the attack changes nothing")
	}
	return out
}

func (a launchAttack) header() http.Header {
	h := http.Header{}
	for name, value := range a.Headers {
		h.Set(name, value)
	}
	return h
}

func (a launchAttack) onPages(t *testing.T, l *launching) {
	t.Helper()
	good, send := l.upTo(a.Step, attackScope, "a client, in treatment")
	if a.Again {
		cookies := l.client.Jar
		l.client.Jar = newBrowser(t).client.Jar // what the first answer takes back, the second has again
		at, _ := url.Parse(l.auth)
		l.client.Jar.SetCookies(at, cookies.Cookies(at))
		before := l.client.Jar.Cookies(at)
		if first := send(good, nil); first.status >= http.StatusBadRequest {
			t.Fatalf("the first time: %d", first.status)
		}
		l.client.Jar.SetCookies(at, before)
	}
	if a.Browser == "another" {
		l.client.Jar = newBrowser(t).client.Jar
	}
	got := send(a.change(t, l, good), a.header())
	to, told := got.to()
	switch {
	case a.Want.Page != 0:
		if got.status != a.Want.Page || got.header.Get("Location") != "" || !strings.Contains(got.body, "<h1>") || strings.Contains(got.body, "evil") {
			t.Errorf("status %d, sent to %s", got.status, to.Redacted())
		}
	case a.Want.App != "":
		if got.status != http.StatusSeeOther || !strings.HasPrefix(to.String(), diaryRedirect+"?") || told.Get("error") != a.Want.App || told.Has("code") || told.Get("iss") != l.auth {
			t.Errorf("status %d, the app is told %v", got.status, told)
		}
	default:
		t.Fatal("the attack wants nothing")
	}
	if strings.Contains(got.header.Get("Content-Type"), "html") && got.header.Get("X-Frame-Options") != "DENY" {
		t.Error("the page can be framed")
	}
}

func (a launchAttack) onTokens(t *testing.T, l *launching) {
	t.Helper()
	good, _ := l.upTo("token", attackScope, "a client, in treatment")
	if a.Step == "refresh" || a.Again {
		if status, err := l.token(good); status != http.StatusOK || !l.opens() {
			t.Fatalf("a good launch: %d %s", status, err)
		}
	}
	if a.Step == "refresh" {
		good = l.refresh()
		if a.Again {
			if status, err := l.token(good); status != http.StatusOK {
				t.Fatalf("a good refresh: %d %s", status, err)
			}
		}
	}
	if status, err := l.token(a.change(t, l, good)); status == http.StatusOK || err != a.Want.Error || a.Want.Error == "" {
		t.Errorf("status %d, %q; want %q", status, err, a.Want.Error)
	}
	a.after(t, l, good)
}

// after looks at what the launch had given, or would have.
func (a launchAttack) after(t *testing.T, l *launching, good url.Values) {
	t.Helper()
	if !a.Ends {
		if status, err := l.token(good); status != http.StatusOK || !l.opens() {
			t.Errorf("the app itself no longer gets its tokens: %d %s", status, err)
		}
		return
	}
	if l.given["access"] != "" && l.opens() {
		t.Error("the access token still opens the records")
	}
	forms := []url.Values{good}
	if l.given["refresh"] != "" {
		forms = append(forms, l.refresh())
	}
	for _, form := range forms {
		if status, err := l.token(form); status == http.StatusOK || err != "invalid_grant" {
			t.Errorf("%s still gives tokens: %d %s", form.Get("grant_type"), status, err)
		}
	}
}

func (a launchAttack) onRecords(t *testing.T, l *launching) {
	t.Helper()
	l.complete(attackScope, "a client, in treatment")
	q := a.change(t, l, url.Values{"bearer": {l.given["access"]}, "path": {"Condition"}, "patient": {l.given["patient"]}})
	if !slices.Contains([]int{http.StatusUnauthorized, http.StatusForbidden}, a.Want.Status) {
		t.Fatal("the attack wants no refusal")
	}
	if got := (&caller{base: l.demo.FHIRBase, token: q.Get("bearer")}).get(t, q.Get("path")+"?patient="+q.Get("patient")); got.status != a.Want.Status {
		t.Errorf("status %d, want %d", got.status, a.Want.Status)
	}
}
