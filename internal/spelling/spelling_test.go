package spelling

import (
	"testing"

	"pgregory.net/rapid"
)

func TestDidYouMean(t *testing.T) {
	known := []string{"listen", "metrics-listen", "maps", "zone", "Appointment", "train", "treat", "COC"}
	for name, want := range map[string]string{
		"lissen":      `, did you mean "listen"?`,
		"LISTEN":      `, did you mean "listen"?`,
		"map":         `, did you mean "maps"?`,
		"zome":        `, did you mean "zone"?`,
		"apointment":  `, did you mean "Appointment"?`,
		"traet":       `, did you mean "treat"?`,
		"certificate": "",
		"FOO":         "",
		"CO":          `, did you mean "COC"?`,
		"x":           "",
		"":            "",
	} {
		if got := DidYouMean(name, known); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
	if got := DidYouMean("listen", nil); got != "" {
		t.Errorf("nothing is known, and %q", got)
	}
}

func TestDistance(t *testing.T) {
	text := rapid.StringOfN(rapid.SampledFrom([]rune("abc")), 0, 6, -1)
	rapid.Check(t, func(rt *rapid.T) {
		a, b := text.Draw(rt, "a"), text.Draw(rt, "b")
		d := distance(a, b)
		if d != distance(b, a) || (d == 0) != (a == b) || d > max(len(a), len(b)) || d < max(len(a), len(b))-min(len(a), len(b)) {
			rt.Errorf("%q and %q: %d", a, b, d)
		}
		if longer := distance(a+"x", b+"x"); longer > d {
			rt.Errorf("%q and %q: %d, with one more letter in common %d", a, b, d, longer)
		}
	})
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "acb", 1}, {"abc", "abd", 1}, {"abc", "bc", 1}, {"kitten", "sitting", 3}, {"ca", "abc", 3}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
