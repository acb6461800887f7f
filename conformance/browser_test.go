package conformance

import (
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/consentry/gateway/conformance/missing"
)

// chromium gives the browser of this machine.
func chromium(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing.Skip(t, "Chromium")
	return ""
}

// A client launches an app that fhirclient drives, in a browser, by keyboard alone, and takes one kind of record away on the way. CONSENTRY_SCREENSHOTS=DIR
// keeps what the pages look like.
func TestAClientLaunchesAnAppInABrowser(t *testing.T) {
	needsNode(t)
	d := sharedDemo(t)
	base, err := url.Parse(d.FHIRBase)
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Got struct {
			Error, Patient, Read, User, Scope string
			Conditions                        int
			Untouched, Again                  any
			Refreshed                         bool
		}
		Asked, Scripts                int
		Wide                          bool
		Violations, Complaints, Hosts []string
		Left                          string
	}
	settings, err := json.Marshal(map[string]any{
		"base": d.FHIRBase, "chromium": chromium(t), "redirect": diaryRedirect, "clientId": diary, "scope": "launch/patient openid fhirUser offline_access patient/*.rs",
		"person": "a client, in treatment for substance use", "untick": "Notes", "screenshots": os.Getenv("CONSENTRY_SCREENSHOTS"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(node(t, "launch.mjs", settings), &out); err != nil {
		t.Fatal(err)
	}
	got := out.Got
	if got.Error != "" || got.Patient == "" || got.Read != got.Patient || got.User != "Patient/"+got.Patient || got.Conditions == 0 || !got.Refreshed || got.Again != 200.0 {
		t.Errorf("the app got %+v", got)
	}
	if got.Untouched != 403.0 || strings.Contains(got.Scope, "DocumentReference") || strings.Contains(got.Scope, "*") || !strings.Contains(got.Scope, "patient/Condition.rs") {
		t.Errorf("of what was taken away the app gets %v, with %s", got.Untouched, got.Scope)
	}
	if out.Asked < 10 || out.Scripts != 0 || out.Wide {
		t.Errorf("the page asks for %d things, has %d scripts and is too wide for a phone: %t", out.Asked, out.Scripts, out.Wide)
	}
	if len(out.Violations) > 0 {
		t.Errorf("who cannot see or use a mouse is kept out: %v", out.Violations)
	}
	// The app asks once for what it has no scope for.
	complaints := slices.DeleteFunc(out.Complaints, func(c string) bool { return strings.Contains(c, "403") || strings.Contains(c, "favicon") })
	if len(complaints) > 0 {
		t.Errorf("the browser complains: %v", complaints)
	}
	if want := []string{"127.0.0.1:3000", base.Host}; !slices.Equal(out.Hosts, want) && !slices.Equal(out.Hosts, []string{base.Host, "127.0.0.1:3000"}) {
		t.Errorf("the browser went to %v", out.Hosts)
	}
	if strings.Contains(out.Left, "code=") {
		t.Error("the code is left in the address")
	}
}
