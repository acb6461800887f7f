package conformance

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/consentry/gateway/internal/demo"
	"github.com/consentry/gateway/internal/demo/portal"
)

// signing is the folder of the signing keys.
func (r *replicas) signing() string { return filepath.Join(r.dir, "signing") }

// openPortal opens the portal at which the clients of the practice sign in, and gives the section of the configuration that names it.
func (r *replicas) openPortal(t *testing.T) string {
	t.Helper()
	r.auth = r.root + "/auth"
	people, err := r.practice.People(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const secret = "of-the-gateway-at-the-portal"
	if err := os.WriteFile(filepath.Join(r.dir, "portal.secret"), []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nil)
	at := "http://" + server.Listener.Addr().String() + "/portal"
	provider, err := portal.New(portal.Options{Issuer: at, ClientID: "consentry", Secret: secret, Callback: r.auth + "/sign-in", People: people})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = provider
	server.Start()
	t.Cleanup(server.Close)
	return fmt.Sprintf(`authorization-server:
  issuer: %s
  keys: signing
  app-launch:
    practice-name: %s
    offline-access: 24h
    sign-in: {issuer: "%s", client-id: consentry, secret-file: portal.secret, client-claim: %s, represents-claim: %s}
`, r.auth, demo.Name, at, portal.ClientClaim, portal.RepresentsClaim)
}

// launch begins a launch of the diary. Its steps are sent by at.
func (r *replicas) launch(t *testing.T) *launching {
	return (&demonstration{FHIRBase: r.base, TokenEndpoint: r.auth + "/token"}).launch(t)
}

// at is the same launch, of which the next step goes to one of the processes.
func (r *replicas) at(l *launching, process int) *launching {
	step := *l
	step.auth = strings.TrimSuffix(r.bases[process], "/fhir") + "/auth"
	step.demo = &demonstration{FHIRBase: r.bases[process], TokenEndpoint: step.auth + "/token"}
	return &step
}

// code launches the diary to its code: asked for at the first process, signed in at the second, decided at the third.
func (r *replicas) code(t *testing.T, l *launching) string {
	t.Helper()
	ask := l.request("launch/patient offline_access patient/Condition.rs")
	back := l.signIn(r.at(l, 0).authorize(ask), "a client, in treatment for substance use")
	form := decision(r.at(l, 1).signedIn(back))
	if again := r.at(l, 2).signedIn(back); again.status != http.StatusBadRequest {
		t.Errorf("the sign-in again at another process: %d", again.status)
	}
	sent := r.at(l, 2).decide(form, nil)
	_, answer := sent.to()
	if sent.status != http.StatusSeeOther || answer.Get("code") == "" || answer.Get("state") != ask.Get("state") || answer.Get("iss") != r.auth {
		t.Fatalf("status %d, the app is told %v", sent.status, answer)
	}
	if again := r.at(l, 0).decide(form, nil); again.status < http.StatusBadRequest || again.header.Get("Location") != "" {
		t.Errorf("the decision again at another process: %d", again.status)
	}
	return answer.Get("code")
}

// open asks every process with the launched app's token.
func (r *replicas) open(t *testing.T, l *launching, when string, want bool) {
	t.Helper()
	for i := range r.bases {
		if got := r.at(l, i).opens(); got != want {
			t.Errorf("%s, process %d: opens %v, want %v", when, i, got, want)
		}
	}
}

// ended fails unless nothing of the launch is good at any process.
func (r *replicas) ended(t *testing.T, l *launching, when string, tokens ...string) {
	t.Helper()
	last := l.given["access"]
	for _, token := range append(tokens, last) {
		l.given["access"] = token
		r.open(t, l, when, false)
	}
	for i := range r.bases {
		if status, err := r.at(l, i).token(l.refresh()); status != http.StatusBadRequest || err != "invalid_grant" {
			t.Errorf("%s, process %d: the refresh token gives %d %s", when, i, status, err)
		}
	}
}

// launched goes through a launch of which each step is another process's, and through what must end it for all of them.
func (r *replicas) launched(t *testing.T) {
	l := r.launch(t)
	code := r.code(t, l)
	if status, err := r.at(l, 0).token(l.exchange(code)); status != http.StatusOK {
		t.Fatalf("the code: %d %s", status, err)
	}
	r.open(t, l, "launched", true)
	first, used := l.given["access"], l.refresh()
	if status, err := r.at(l, 1).token(used); status != http.StatusOK || l.given["access"] == first {
		t.Fatalf("the refresh token: %d %s", status, err)
	}
	r.open(t, l, "refreshed", true)
	if status, err := r.at(l, 2).token(used); status != http.StatusBadRequest || err != "invalid_grant" {
		t.Errorf("a refresh token that was used: %d %s", status, err)
	}
	r.ended(t, l, "after a refresh token was used twice", first)

	l = r.launch(t)
	code = r.code(t, l)
	if status, err := r.at(l, 0).token(l.exchange(code)); status != http.StatusOK {
		t.Fatalf("the code: %d %s", status, err)
	}
	r.open(t, l, "launched again", true)
	if status, err := r.at(l, 1).token(l.exchange(code)); status != http.StatusBadRequest || err != "invalid_grant" {
		t.Errorf("a code that was used: %d %s", status, err)
	}
	r.ended(t, l, "after a code was used twice")

	l = r.launch(t)
	if status, err := r.at(l, 2).token(l.exchange(r.code(t, l))); status != http.StatusOK {
		t.Fatalf("the code: %d %s", status, err)
	}
	r.open(t, l, "launched once more", true)
	open := regexp.MustCompile(`(?m)^([A-Z2-7]{26}) .* open `).FindAllStringSubmatch(r.run(t, 1, "grant", "list", "--app", diary).stdout, -1)
	if len(open) != 1 {
		t.Fatalf("%d grants are open", len(open))
	}
	r.run(t, 0, "grant", "end", open[0][1])
	r.ended(t, l, "after the practice ended the grant")
}
