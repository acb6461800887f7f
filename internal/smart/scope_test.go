package smart

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestParseScopesReadsWhatSMARTDefines(t *testing.T) {
	noteCategory := Param{"category", "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category|clinical-note"}
	tests := map[string]struct {
		scopes string
		want   []Scope
	}{
		"v2":                      {"system/Observation.rs", []Scope{{Level: LevelSystem, Type: "Observation", Permissions: "rs"}}},
		"v2 all":                  {"user/*.cruds", []Scope{{Level: LevelUser, Type: "*", Permissions: "cruds"}}},
		"v1 read":                 {"patient/*.read", []Scope{{Level: LevelPatient, Type: "*", Permissions: "rs"}}},
		"v1 write":                {"user/Goal.write", []Scope{{Level: LevelUser, Type: "Goal", Permissions: "cud"}}},
		"v1 star":                 {"user/Goal.*", []Scope{{Level: LevelUser, Type: "Goal", Permissions: "cruds"}}},
		"the URI form":            {scopeURI + "patient/Goal.r", []Scope{{Level: LevelPatient, Type: "Goal", Permissions: "r"}}},
		"granular":                {"patient/DocumentReference.rs?category=" + noteCategory.Value, []Scope{{Level: LevelPatient, Type: "DocumentReference", Permissions: "rs", Params: []Param{noteCategory}}}},
		"percent-encoded":         {"system/Condition.s?code=http%3A%2F%2Fx%7Ca%26b%3Dc%20d", []Scope{{Level: LevelSystem, Type: "Condition", Permissions: "s", Params: []Param{{"code", "http://x|a&b=c d"}}}}},
		"two parameters":          {"system/Condition.s?code=b&category=a", []Scope{{Level: LevelSystem, Type: "Condition", Permissions: "s", Params: []Param{{"category", "a"}, {"code", "b"}}}}},
		"two scopes stay two":     {"system/Goal.s system/Goal.r", []Scope{{Level: LevelSystem, Type: "Goal", Permissions: "r"}, {Level: LevelSystem, Type: "Goal", Permissions: "s"}}},
		"a repetition is one":     {"system/Goal.r system/Goal.r", []Scope{{Level: LevelSystem, Type: "Goal", Permissions: "r"}}},
		"one void among readable": {"openid launch/patient system/Goal.dus system/Goal.r offline_access", []Scope{{Level: LevelSystem, Type: "Goal", Permissions: "r"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := ParseScopes(tt.scopes)
			if d := cmp.Diff(tt.want, got.All()); d != "" {
				t.Errorf("ParseScopes (-want +got):\n%s", d)
			}
			if again := ParseScopes(got.String()); again.String() != got.String() {
				t.Errorf("String does not read back: %q, then %q", got, again)
			}
		})
	}
}

// voidScopes are texts that a lenient reader could take for a scope. Each must be void.
var voidScopes = []string{
	"", "  ", "/", ".", "system", "system/", "system/.", "system/.rs", "system/Observation", "system/Observation.", "openid", "fhirUser",
	"launch/patient", "online_access", "system/Observation.sr", "system/Observation.rr", "system/Observation.dus", "system/Observation.rS",
	"system/Observation.R", "system/Observation.x", "system/Observation.readx", "system/Observation.Read", "system/Observation.*s",
	"System/Observation.rs", "SYSTEM/Observation.rs", "admin/Observation.rs", "/Observation.rs", "system//Observation.rs",
	"system/Observation/x.rs", "system/observation.rs", "system/**.rs", "system/Obs*.rs", "system/*Observation.rs", "system/Obs ervation.rs",
	"system/Observation,Condition.rs", "system/Observation.r.s", "system/Observation.rs,", "system/Observation.rs;", "system:Observation.rs",
	"system/Observation.rs?", "system/Observation.rs?category", "system/Observation.rs?category=", "system/Observation.rs?=a",
	"system/Observation.rs?category=a&", "system/Observation.rs?&category=a", "system/Observation.rs?category=a&&code=b",
	"system/Observation.rs?category:not=a", "system/Observation.rs?category%3Anot=a", "system/Observation.rs?subject.name=a",
	"system/Observation.rs?_filter=code%20eq%20a", "system/Observation.rs?_has:Provenance:target:agent=a", "system/Observation.rs?_include=x",
	"system/Observation.rs?_count=1", "system/Observation.rs?_text=a", "system/Observation.rs?category=%zz", "system/Observation.rs?category=%",
	"system/Observation.rs?category=%ff", "system/Observation.rs?category=a%00", "system/Observation.rs?category=a+b",
	"system/Observation.rs?category=a?b", "system/Observation.rs?category=a=b", "system/Observation.read?category=a",
	"system/Observation.*?category=a", "system/Observation.rs#category=a", "system/Observation.rs\tsystem/Goal.r",
	"system/Observation.rs\nsystem/Goal.r", "http://example.org/scopes/system/Observation.rs", scopeURI + scopeURI + "system/Observation.rs",
	"system/Observation.rs?1a=b", "system/Observation.rs?-a=b",
}

func TestParseScopesVoidsWhatItCannotRead(t *testing.T) {
	for _, s := range voidScopes {
		if got := ParseScopes(s); !got.Empty() {
			t.Errorf("ParseScopes(%q) = %q, want nothing", s, got)
		}
	}
}

func TestAllows(t *testing.T) {
	matches := func(names ...string) func(Param) bool {
		return func(p Param) bool { return strings.Contains(" "+strings.Join(names, " ")+" ", " "+p.Name+" ") }
	}
	tests := map[string]struct {
		scopes string
		ask    Ask
		want   bool
	}{
		"no scopes":                         {"", Ask{Type: "Goal", Permission: Read, InLaunchChart: true}, false},
		"the permission is named":           {"system/Goal.rs", Ask{Type: "Goal", Permission: Search}, true},
		"another permission":                {"system/Goal.r", Ask{Type: "Goal", Permission: Search}, false},
		"another type":                      {"system/Goal.r", Ask{Type: "Patient", Permission: Read}, false},
		"every type":                        {"user/*.r", Ask{Type: "Patient", Permission: Read}, true},
		"no type asked":                     {"user/*.r", Ask{Permission: Read}, false},
		"no permission asked":               {"user/*.cruds", Ask{Type: "Patient"}, false},
		"patient scope in the chart":        {"patient/Goal.r", Ask{Type: "Goal", Permission: Read, InLaunchChart: true}, true},
		"patient scope out of the chart":    {"patient/Goal.r", Ask{Type: "Goal", Permission: Read}, false},
		"granular, matching":                {"user/Goal.r?a=1", Ask{Type: "Goal", Permission: Read, Match: matches("a")}, true},
		"granular, not matching":            {"user/Goal.r?a=1", Ask{Type: "Goal", Permission: Read, Match: matches("b")}, false},
		"granular, no matcher":              {"user/Goal.r?a=1", Ask{Type: "Goal", Permission: Read}, false},
		"granular, one of two matching":     {"user/Goal.r?a=1&b=1", Ask{Type: "Goal", Permission: Read, Match: matches("a")}, false},
		"granular, both matching":           {"user/Goal.r?a=1&b=1", Ask{Type: "Goal", Permission: Read, Match: matches("a", "b")}, true},
		"two granular ones are a union":     {"user/Goal.r?a=1 user/Goal.r?b=1", Ask{Type: "Goal", Permission: Read, Match: matches("b")}, true},
		"no mixing of permission and param": {"user/Goal.s user/Goal.r?a=1", Ask{Type: "Goal", Permission: Read, Match: matches("b")}, false},
		"no mixing of level and type":       {"patient/*.r system/Patient.r", Ask{Type: "Goal", Permission: Read}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := ParseScopes(tt.scopes).Allows(tt.ask); got != tt.want {
				t.Errorf("Allows = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestMayAny(t *testing.T) {
	s := ParseScopes("patient/Goal.r?category=a user/Patient.s")
	for _, tt := range []struct {
		typ  string
		p    Permission
		want bool
	}{{"Goal", Read, true}, {"Goal", Search, false}, {"Patient", Search, true}, {"Patient", Read, false}, {"Condition", Read, false}, {"", Read, false}} {
		if got := s.MayAny(tt.typ, tt.p); got != tt.want {
			t.Errorf("MayAny(%q, %c) = %v, want %v", tt.typ, tt.p, got, tt.want)
		}
	}
}

func TestAllDoesNotShareItsParams(t *testing.T) {
	s := ParseScopes("system/Goal.r?category=a")
	s.All()[0].Params[0].Value = "b"
	if got, want := s.String(), "system/Goal.r?category=a"; got != want {
		t.Errorf("a caller changed the scopes to %q", got)
	}
}

func TestIntersectIsWhatBothAllow(t *testing.T) {
	tests := map[string]struct{ a, b, want string }{
		"the narrower type":       {"system/*.rs", "system/Goal.rs system/Patient.r", "system/Goal.rs system/Patient.r"},
		"the common permissions":  {"system/Goal.cr", "system/Goal.rs", "system/Goal.r"},
		"the params of both":      {"system/Goal.r?category=a", "system/Goal.r?status=b", "system/Goal.r?category=a&status=b"},
		"nothing in common":       {"system/Goal.r", "system/Goal.s", ""},
		"levels stay apart":       {"system/Goal.r", "user/Goal.r", ""},
		"other types":             {"system/Goal.r", "system/Patient.r", ""},
		"both are every type":     {"system/*.r", "system/*.rs", "system/*.r"},
		"the request is narrower": {"system/Goal.r", "system/*.rs", "system/Goal.r"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := ParseScopes(tt.a).Intersect(ParseScopes(tt.b)).String(); got != tt.want {
				t.Errorf("Intersect = %q, want %q", got, tt.want)
			}
		})
	}
}

var (
	drawScope = rapid.Custom(func(t *rapid.T) string {
		s := rapid.SampledFrom([]string{"patient/", "user/", "system/"}).Draw(t, "level") +
			rapid.SampledFrom([]string{"*", "Goal", "Patient"}).Draw(t, "type") +
			rapid.SampledFrom([]string{".r", ".s", ".rs", ".cruds", ".read", ".*", ".cud"}).Draw(t, "permissions")
		if !strings.HasSuffix(s, ".read") && !strings.HasSuffix(s, ".*") {
			s += rapid.SampledFrom([]string{"", "", "?a=1", "?b=1", "?a=1&b=2"}).Draw(t, "params")
		}
		return s
	})
	drawAny = rapid.OneOf(drawScope, rapid.SampledFrom(voidScopes), rapid.StringMatching(`[a-z/*.?=&%A-Z ]{0,20}`))
	drawAsk = rapid.Custom(func(t *rapid.T) Ask {
		a, b := rapid.Bool().Draw(t, "a matches"), rapid.Bool().Draw(t, "b matches")
		return Ask{
			Type:          rapid.SampledFrom([]string{"Goal", "Patient", "Condition"}).Draw(t, "asked type"),
			Permission:    rapid.SampledFrom([]Permission{Read, Search, 'd'}).Draw(t, "asked permission"),
			InLaunchChart: rapid.Bool().Draw(t, "in chart"),
			Match:         func(p Param) bool { return p.Name == "a" && a || p.Name == "b" && b },
		}
	})
)

func TestRemovingAScopeNeverAllowsMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(drawAny, 1, 6).Draw(t, "scopes")
		q := drawAsk.Draw(t, "ask")
		i := rapid.IntRange(0, len(parts)-1).Draw(t, "removed")
		fewer := append(append([]string(nil), parts[:i]...), parts[i+1:]...)
		if ParseScopes(strings.Join(fewer, " ")).Allows(q) && !ParseScopes(strings.Join(parts, " ")).Allows(q) {
			t.Fatalf("%q allows what %q does not", fewer, parts)
		}
	})
}

func TestScopesAreIndependent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(drawAny, 0, 6).Draw(t, "scopes")
		q := drawAsk.Draw(t, "ask")
		alone := false
		for _, p := range parts {
			alone = alone || ParseScopes(p).Allows(q)
		}
		if got := ParseScopes(strings.Join(parts, " ")).Allows(q); got != alone {
			t.Fatalf("together %v, each alone %v: %q", got, alone, parts)
		}
	})
}

func TestIntersectAllowsOnlyWhatBothAllow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := ParseScopes(strings.Join(rapid.SliceOfN(drawAny, 0, 4).Draw(t, "a"), " "))
		b := ParseScopes(strings.Join(rapid.SliceOfN(drawAny, 0, 4).Draw(t, "b"), " "))
		q := drawAsk.Draw(t, "ask")
		if a.Intersect(b).Allows(q) && (!a.Allows(q) || !b.Allows(q)) {
			t.Fatalf("the intersection of %q and %q allows what one of them does not", a, b)
		}
	})
}

func FuzzParseScopes(f *testing.F) {
	for _, s := range voidScopes {
		f.Add(s)
	}
	f.Add("system/Goal.rs?category=a%20b&code=http://x|y patient/*.read")
	f.Fuzz(func(t *testing.T, s string) {
		scopes := ParseScopes(s)
		again := ParseScopes(scopes.String())
		if d := cmp.Diff(scopes.All(), again.All()); d != "" {
			t.Errorf("String does not read back:\n%s", d)
		}
		if scopes.Allows(Ask{Type: "Goal", Permission: Read, InLaunchChart: true}) && !strings.Contains(s, "/Goal.") && !strings.Contains(s, "/*.") {
			t.Error("allows a type that the text does not name")
		}
	})
}

// To read and to search may be two scopes' permissions, but each scope's parameters hold for its own.
func TestBothPermissionsAtOnce(t *testing.T) {
	a := func(p Param) bool { return p.Value == "a" }
	for scopes, want := range map[string][2]bool{ // whether a resource may be had, and whether any
		"system/Goal.rs": {true, true}, "system/Goal.r": {}, "system/Goal.s": {}, "system/Goal.r system/Goal.s": {true, true}, "system/*.r system/Goal.s": {true, true},
		"system/Goal.r system/Condition.s": {}, "system/Goal.r?category=a system/Goal.s?category=b": {false, true}, "system/Goal.r?category=a system/Goal.s": {true, true},
		"patient/Goal.r system/Goal.s": {false, true}, "system/Goal.read": {true, true}, "": {},
	} {
		s := ParseScopes(scopes)
		if got := s.Allows(Ask{Type: "Goal", Permission: ReadAndSearch, Match: a}); got != want[0] {
			t.Errorf("%s allows: %t", scopes, got)
		}
		if got := s.MayAny("Goal", ReadAndSearch); got != want[1] {
			t.Errorf("%s may allow: %t", scopes, got)
		}
	}
}

// What Canonical takes for one are allowed alike, whatever is asked.
func TestCanonicalPermissionsAllowAlike(t *testing.T) {
	scope := rapid.Custom(func(t *rapid.T) string {
		return rapid.SampledFrom([]string{"system", "patient"}).Draw(t, "level") + "/" + rapid.SampledFrom([]string{"*", "Goal", "Patient"}).Draw(t, "type") + "." +
			rapid.SampledFrom([]string{"rs", "rs", "rs", "r", "s", "c", "cruds", "read"}).Draw(t, "permissions")
	})
	shared := 0
	for try := 0; try < 20 && shared == 0; try++ {
		rapid.Check(t, func(t *rapid.T) {
			s := ParseScopes(strings.Join(rapid.SliceOfN(scope, 0, 4).Draw(t, "scopes"), " "))
			for _, p := range []Permission{Read, Search, ReadAndSearch, 'c', 0} {
				as := s.Canonical(p)
				if as != p {
					shared++
				}
				for _, typ := range []string{"Goal", "Patient", "Encounter"} {
					for _, launched := range []bool{false, true} {
						if s.Allows(Ask{Type: typ, Permission: p, InLaunchChart: launched}) != s.Allows(Ask{Type: typ, Permission: as, InLaunchChart: launched}) {
							t.Fatalf("%s: %c is not %c for %s", s, p, as, typ)
						}
					}
				}
			}
		})
	}
	if shared == 0 {
		t.Error("no two permissions were one")
	}
}

func TestAScopeCoversWhatItGrants(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"patient/*.rs", "patient/Goal.r", true},
		{"patient/*.rs", "patient/*.rs", true},
		{"patient/Goal.rs", "patient/*.rs", false},
		{"patient/Goal.r", "patient/Goal.rs", false},
		{"patient/Goal.rs", "user/Goal.rs", false},
		{"system/*.rs", "patient/Goal.r", false},
		{"patient/Goal.rs", "patient/Condition.rs", false},
		{"patient/Observation.rs", "patient/Observation.rs?category=survey", true},
		{"patient/Observation.rs?category=survey", "patient/Observation.rs", false},
		{"patient/Observation.rs?category=survey", "patient/Observation.rs?category=survey&code=x", true},
		{"patient/Observation.rs?category=survey&code=x", "patient/Observation.rs?category=survey", false},
		{"patient/Observation.rs?category=survey", "patient/Observation.rs?category=laboratory", false},
	} {
		if got := ParseScopes(c.a).All()[0].Covers(ParseScopes(c.b).All()[0]); got != c.want {
			t.Errorf("%s covers %s: %v", c.a, c.b, got)
		}
	}
	if (Scope{}).Covers(Scope{}) {
		t.Error("nothing covers nothing")
	}
}
