package conformance

import (
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var grantID = regexp.MustCompile(`(?m)^([A-Z2-7]{26}) .* open +(.*)$`)

// key is the practice's own key of the client whose records the launched app opens.
func (l *launching) key() string {
	l.t.Helper()
	for _, c := range l.demo.Clients {
		if c.ID == l.given["patient"] {
			return c.Key
		}
	}
	l.t.Fatal("the app opens the records of nobody")
	return ""
}

// TestThePracticeEndsWhatOneClientGaveToAnApp: the grant is found by the client, and ends from the next request on; whoever else uses the app goes on.
func TestThePracticeEndsWhatOneClientGaveToAnApp(t *testing.T) {
	d := sharedDemo(t)
	config := filepath.Join(d.dir, "gateway.yaml")
	const own, minors = "a client, in treatment for substance use", "a parent or guardian of a minor client"
	first, second, other := d.launch(t), d.launch(t), d.launch(t)
	first.complete("launch/patient offline_access patient/Condition.rs", own)
	second.complete("launch/patient patient/Condition.rs patient/Encounter.rs", own) // may not come back
	other.complete("launch/patient offline_access patient/Condition.rs", minors)

	list := func(args ...string) string {
		got := runGateway(t, append([]string{"grant", "list", "--config", config}, args...)...)
		if got.code != 0 || got.stderr != "" {
			t.Fatalf("grant list: %d %s", got.code, got.stderr)
		}
		for _, l := range []*launching{first, second, other} {
			for name, secret := range l.given {
				if name != "scope" && strings.Contains(got.stdout, secret) {
					t.Errorf("the list has the %s", name)
				}
			}
		}
		return got.stdout
	}
	ids := func(scope string, args ...string) (all []string) {
		for _, m := range grantID.FindAllStringSubmatch(list(args...), -1) {
			if m[2] == scope {
				all = append(all, m[1])
			}
		}
		return all
	}
	key := first.key()
	mine, online := ids(first.given["scope"], "--client", key, "--app", diary), ids(second.given["scope"], "--client", key)
	if len(mine) == 0 || len(online) != 1 || slices.ContainsFunc(mine, func(id string) bool { return slices.Contains(ids(other.given["scope"], "--client", other.key()), id) }) {
		t.Fatalf("%d grants of the client, %d that end by themselves", len(mine), len(online))
	}
	if text := list("--client", other.key()); !strings.Contains(text, "RelatedPerson/") || strings.Contains(text, "the client ") {
		t.Error("the list does not say that a representative gave it")
	}
	if !first.opens() || !second.opens() || !other.opens() {
		t.Fatal("a launched app opens nothing")
	}
	got := runGateway(t, "grant", "end", "--config", config, online[0])
	if got.code != 0 || got.stdout != "ended "+online[0]+"\n" || second.opens() || !first.opens() {
		t.Errorf("one of two was ended: %d %s", got.code, got.stderr)
	}
	if got := runGateway(t, append([]string{"grant", "end", "--config", config}, mine...)...); got.code != 0 || strings.Count(got.stdout, "ended ") != len(mine) {
		t.Fatalf("grant end: %d %s", got.code, got.stderr)
	}
	if first.opens() || !other.opens() {
		t.Error("the wrong one was ended")
	}
	if status, err := first.token(first.refresh()); status != http.StatusBadRequest || err != "invalid_grant" {
		t.Errorf("it comes back: %d %s", status, err)
	}
	if status, _ := other.token(other.refresh()); status != http.StatusOK || !other.opens() {
		t.Errorf("another client's app is ended, too: %d", status)
	}
	if left := ids(first.given["scope"], "--client", key); len(left) != 0 || !strings.Contains(list("--client", key), mine[0]) {
		t.Errorf("%d are still open, or what was ended is not listed as ended", len(left))
	}
	ended := list("--client", key, "--ended")
	for _, id := range append(mine, online...) {
		if !regexp.MustCompile(`(?m)^` + id + ` .* 20\d\d-\d\d-\d\d \d\d:\d\d  operator \S+ `).MatchString(ended) {
			t.Error("it is not listed who ended a grant, and when")
		}
	}
	other.do(http.MethodPost, other.auth+"/revoke", url.Values{"client_id": {diary}, "token": {other.given["refresh"]}}, nil)
	if text := list("--client", other.key(), "--ended"); !regexp.MustCompile(`(?m)^[A-Z2-7]{26} .*  app  +launch/patient`).MatchString(text) || other.opens() {
		t.Error("it is not listed that the app disconnected")
	}
	again := d.launch(t)
	if again.complete("launch/patient patient/Condition.rs", own); !again.opens() {
		t.Error("the client cannot launch the app again")
	}
}
