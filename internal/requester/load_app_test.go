package requester

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func appEntry(more string) string {
	return "partners:\n  - {id: app, kind: patient, scopes: patient/*.rs, " + more + "}\n"
}

func TestAnAppIsRegisteredToTheLetter(t *testing.T) {
	r, err := load(t, appEntry(`public: true, offline-access: true, redirect-uris: ["https://app.example.org/cb?a=1", "http://127.0.0.1:3000/", "org.example.app:/cb"]`))
	if err != nil {
		t.Fatal(err)
	}
	p, _ := r.Partner("app")
	want := &App{RedirectURIs: []string{"https://app.example.org/cb?a=1", "http://127.0.0.1:3000/", "org.example.app:/cb"}, Public: true, Offline: true}
	if diff := cmp.Diff(want, p.App); diff != "" {
		t.Error(diff)
	}
	if r, err = load(t, appEntry(`public: false`)); err != nil {
		t.Fatal(err)
	}
	if p, _ := r.Partner("app"); p.App != nil {
		t.Error("an app without a redirect URI can be launched")
	}
}

func TestAnAppThatCouldBeStolenFromIsRefused(t *testing.T) {
	for _, uri := range []string{
		"http://app.example.org/cb", "https://app.example.org/cb#here", "https://app.example.org/cb#", "https://user@app.example.org/cb", "javascript:alert(1)", "data:text/html,x",
		"//app.example.org/cb", "/cb", "", "https://", "HTTPS://app.example.org/cb", "https://app.example.org/c b", "myapp:/cb", "http://127.0.0.1.example.org/",
		"https://app.example.org/" + strings.Repeat("a", maxRedirectURI),
	} {
		if _, err := load(t, appEntry(`public: true, redirect-uris: ["`+uri+`"]`)); err == nil {
			t.Errorf("%q is taken", uri)
		}
	}
	const uri = `redirect-uris: ["https://app.example.org/cb"]`
	for name, more := range map[string]string{
		"neither public nor keys": uri, "public without a redirect URI": "public: true", "offline without one": "offline-access: true",
		"twice": `public: true, redirect-uris: ["https://app.example.org/cb", "https://app.example.org/cb"]`,
		"both":  uri + `, public: true, jwks-uri: "https://app.example.org/jwks"`,
	} {
		if _, err := load(t, appEntry(more)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	machine := strings.Replace(appEntry(uri+", public: true, purposes: [TREAT], organization: {npi: \"1234567893\"}"), "kind: patient", "kind: provider", 1)
	if _, err := load(t, machine); err == nil || !strings.Contains(err.Error(), "kind patient") {
		t.Errorf("a provider with redirect URIs: %v", err)
	}
}

func TestTheOriginsOfAnAppAreOriginsAlone(t *testing.T) {
	for origin, good := range map[string]bool{
		"https://app.example.org": true, "https://app.example.org:8443": true, "http://127.0.0.1:3000": true, "http://localhost": true,
		"http://app.example.org": false, "https://app.example.org/": false, "https://app.example.org/app": false, "https://App.example.org": false, "*": false, "null": false, "": false,
		"https://*.example.org": false, "org.example.app:/": false, "app.example.org": false, "https://app.example.org?": false, "https://": false,
	} {
		r, err := load(t, appEntry(`origins: ["`+origin+`"]`))
		if (err == nil) != good {
			t.Errorf("%q: %v", origin, err)
		}
		if good && (!r.Calls(origin) || r.Calls(origin+"0") || r.Calls("")) {
			t.Errorf("%q: who calls from there", origin)
		}
	}
}
