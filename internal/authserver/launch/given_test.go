package launch

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/ephemeral"
	"github.com/consentry/gateway/internal/smart"
)

// without are the numbers of rows on the page of good, by their scopes or words.
func (w *world) without(t *testing.T, names ...string) (numbers []int) {
	t.Helper()
	app, _ := w.register.Partner("app")
	for n, r := range w.rows(w.asked(app, good().Get("scope"))) {
		name := r.scope
		if r.of < 0 {
			name = map[string]string{w.Words.Identity: "openid", w.Words.offline(w.Offline): "offline_access"}[r.Text]
		}
		if slices.Contains(names, name) {
			numbers = append(numbers, n)
		}
	}
	if len(numbers) != len(names) {
		t.Fatalf("%d rows of %v", len(numbers), names)
	}
	return numbers
}

// launched launches the app once more, in a browser of its own, and gives the grant's id and what the app is told.
func (w *world) launched(t *testing.T, without ...string) (id string, told url.Values) {
	t.Helper()
	b := w.browser(t)
	told = b.allow(b.signIn(good()), w.without(t, without...)...)
	var c code
	if text := told.Get("code"); text != "" {
		must(t, w.Box.Open(useCode, text, &c))
	}
	return c.Flow, told
}

func TestWhatIsTakenAwayTheAppLosesElsewhere(t *testing.T) {
	for name, c := range map[string]struct {
		first, second []string // what is taken away
		ended         bool
	}{
		"the same":                        {nil, nil, false},
		"less, as before":                 {[]string{"patient/Condition.rs"}, []string{"patient/Condition.rs"}, false},
		"more":                            {[]string{"patient/Condition.rs"}, nil, false},
		"less":                            {nil, []string{"patient/Condition.rs"}, true},
		"something else":                  {[]string{"patient/Condition.rs"}, []string{"patient/Observation.rs"}, true},
		"the app may not come back":       {nil, []string{"offline_access"}, true},
		"it may not come back, as before": {[]string{"offline_access"}, []string{"offline_access"}, false},
		"it is not told who they are":     {nil, []string{"openid"}, true},
		"nothing is left to open":         {nil, []string{"openid", "patient/Patient.rs", "patient/Condition.rs", "patient/Observation.rs", "patient/DocumentReference.rs"}, true},
		"more of it, as before":           {[]string{"patient/Condition.rs", "openid", "offline_access"}, []string{"openid", "patient/Condition.rs", "offline_access"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			first, _ := w.launched(t, c.first...)
			second, told := w.launched(t, c.second...)
			var want []string
			if c.ended {
				want = []string{first}
			}
			if diff := cmp.Diff(want, w.given.ended); diff != "" {
				t.Error(diff)
			}
			if nothing := len(c.second) == 5; nothing != (told.Get("error") == "access_denied") || nothing == (second != "") {
				t.Errorf("the app is told %v", told)
			}
			if g := w.given.all[second]; second != "" && (g.Client != "app" || g.Patient != patient("ada") || g.User != patient("ada") || g.Scope == "" || !w.given.until.Equal(w.now.Add(codeTime+ephemeral.ClockSkew))) {
				t.Errorf("%+v until %v", g, w.given.until)
			}
		})
	}
}

// Whoever turns back has said nothing of anybody's records: which of several it would be is not even known.
func TestWhoSharesNothingNowTakesNothingAway(t *testing.T) {
	w := newWorld(t)
	w.launched(t)
	b := w.browser(t)
	sealed, _ := page(t, b.signIn(good()))
	if told := answer(t, b.post(consentPath, url.Values{"page": {sealed}, "decision": {"deny"}})); told.Get("error") != "access_denied" || len(w.given.ended) != 0 || len(w.given.all) != 1 {
		t.Errorf("%v, %v", told, w.given.ended)
	}
}

// Where nobody can keep what the client has decided, the app gets no code.
func TestADecisionThatIsNotKeptIsNone(t *testing.T) {
	w := newWorld(t)
	w.given.down = errors.New("away")
	if _, told := w.launched(t); told.Get("error") != "temporarily_unavailable" || told.Get("code") != "" {
		t.Errorf("the app is told %v", told)
	}
}

func TestLoses(t *testing.T) {
	for _, c := range []struct {
		before, given, taken string
		want                 bool
	}{
		{"patient/*.rs", "patient/*.rs", "", false},
		{"patient/*.rs", "patient/Condition.rs", "", false}, // the app asks for less: nobody has taken anything away
		{"patient/*.rs", "patient/Condition.rs", "patient/Observation.rs", true},
		{"patient/Goal.rs", "patient/Condition.rs", "patient/Observation.rs", false},
		{"patient/Goal.rs", "", "patient/*.rs", true},
		{"patient/Condition.rs", "patient/*.rs", "patient/Condition.s", false}, // given in another form
		{"patient/Observation.r", "", "patient/Observation.s", false},
		{"patient/Observation.rs", "", "patient/Observation.s", true},
		{"patient/Observation.rs", "patient/Observation.rs?category=vital-signs", "patient/Observation.rs?category=laboratory", true},
		{"patient/Observation.rs?category=vital-signs", "patient/Observation.rs?category=vital-signs", "patient/Observation.rs?category=laboratory", false},
		{"patient/Observation.rs?category=vital-signs", "", "patient/Observation.rs?category=laboratory", true},
		{"launch/patient openid fhirUser", "", "openid", true},
		{"launch/patient patient/Goal.rs", "", "openid offline_access", false},
		{"launch/patient offline_access patient/Goal.rs", "patient/Goal.rs", "offline_access", true},
		{"", "", "patient/*.rs", false},
	} {
		of := func(text string) scopes {
			return scopes{resources: smart.ParseScopes(text), openID: strings.Contains(text, "openid"), offline: strings.Contains(text, "offline")}
		}
		if got := loses(c.before, of(c.given), of(c.taken)); got != c.want {
			t.Errorf("%q, now %q without %q: %v", c.before, c.given, c.taken, got)
		}
	}
}
