package policy

import (
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/profiles"
)

// shipped is a copy of the shipped files that a test can change.
func shipped(t *testing.T) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	for _, name := range []string{fileConsents, fileCodes, fileRepresentatives, fileResources, fileTree, fileRules, fileSensitivity} {
		data, err := fs.ReadFile(profiles.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = &fstest.MapFile{Data: data}
	}
	return out
}

func reading(t testing.TB) *Reading {
	t.Helper()
	r, err := LoadReading(profiles.FS)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAMissingOrEmptyFileIsAnError(t *testing.T) {
	for name := range shipped(t) {
		for what, change := range map[string]func(fstest.MapFS){
			"missing": func(f fstest.MapFS) { delete(f, name) },
			"empty":   func(f fstest.MapFS) { f[name] = &fstest.MapFile{} },
			"unknown": func(f fstest.MapFS) {
				f[name] = &fstest.MapFile{Data: append([]byte("surprise: 1\n"), f[name].Data...)}
			},
		} {
			files := shipped(t)
			change(files)
			if r, err := LoadReading(files); err == nil || r != nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	_, err := LoadReading(fstest.MapFS{})
	for name := range maps.Keys(shipped(t)) {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not reported: %v", name, err)
		}
	}
}

func TestSettingsThatMakeNoSense(t *testing.T) {
	for name, c := range map[string]struct{ file, from, to, want string }{
		"psychotherapy as a sensitivity": {fileSensitivity, "PSY: []", "PSY: [PSYTHPN]", "never released: PSYTHPN"},
		"a ring of sensitivities":        {fileSensitivity, "ETHUD, OPIOIDUD]", "ETHUD, SPI]", "ring"},
		"to-be-named unknown":            {fileSensitivity, "to-be-named: [SUD,", "to-be-named: [SUDS,", "to-be-named: SUDS"},
		"default unknown":                {fileSensitivity, "permit-default: R", "permit-default: X", "confidentiality"},
		"a ring of purposes":             {fileTree, "HMARKT:   []", "HMARKT:   [TREAT]\n  BTG: [HMARKT]", "a root above"},
		"two places for a purpose":       {fileTree, "HMARKT:   []", "HMARKT:   [BTG]", "one place only for BTG"},
		"named-only unknown":             {fileTree, "named-only: [BTG,", "named-only: [BGT,", "named-only: BGT"},
		"a rule for no purpose":          {fileRules, "HOPERAT:", "HOPERATE:", "HOPERATE"},
		"no rule for relationships":      {fileRepresentatives, "majority-age: 18", "majority-age: 0", "majority-age"},
		"minor-confidential unknown":     {fileRepresentatives, "v3-ActCode|SUD", "v3-ActCode|SUDS", "minor-confidential"},
		"two places for a code system":   {fileCodes, "urn:oid:2.16.840.1.113883.6.96", "https://LOINC.org/", "one place only for loinc.org"},
		"a spelling that there is not":   {fileCodes, "spelling: any}", "spelling: loose}", "spelling of"},
		"no scope":                       {fileConsents, "consentscope|patient-privacy\"", "consentscope|patient-privacy\"\nscope2: x", "scope2"},
	} {
		t.Run(name, func(t *testing.T) {
			files := shipped(t)
			text := string(files[c.file].Data)
			if !strings.Contains(text, c.from) {
				t.Fatal("the file does not say so any more")
			}
			files[c.file] = &fstest.MapFile{Data: []byte(strings.Replace(text, c.from, c.to, 1))}
			if _, err := LoadReading(files); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestTheDigestFollowsTheFiles(t *testing.T) {
	before := reading(t).Digest()
	files := shipped(t)
	files[fileRules] = &fstest.MapFile{Data: []byte(strings.Replace(string(files[fileRules].Data), "24", "36", 1))}
	after, err := LoadReading(files)
	if err != nil {
		t.Fatal(err)
	}
	if before == after.Digest() || before != reading(t).Digest() {
		t.Error("the digest does not follow the content")
	}
}

func TestNoSettingReleasesPsychotherapyNotes(t *testing.T) {
	files := shipped(t)
	text := string(files[fileSensitivity].Data)
	text = strings.Replace(text, "never-released: [PSYTHPN, HIPAAPsyNotes, SUDCOUNSELNOTE]", "never-released: [OTHER]", 1)
	text = strings.Replace(text, "handling: [", "handling: [PSYTHPN, HIPAAPsyNotes, SUDCOUNSELNOTE, ", 1)
	files[fileSensitivity] = &fstest.MapFile{Data: []byte(text)}
	r, err := LoadReading(files)
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range []string{"PSYTHPN", "HIPAAPsyNotes", "SUDCOUNSELNOTE", "OTHER"} {
		if l := []fhir.Coding{{System: "any", Code: code}}; !r.Labels.Never(l) || !r.Labels.Read(l).Never {
			t.Errorf("%s is not held", code)
		}
	}
}

func TestPurposes(t *testing.T) {
	p := reading(t).Purposes
	for _, c := range []struct {
		asked, named string
		want         bool
	}{
		{"TREAT", "TREAT", true}, {"COC", "TREAT", true}, {"TREAT", "COC", false}, {"ERTREAT", "TREAT", true}, {"BTG", "TREAT", false}, {"BTG", "BTG", true},
		{"CLINTRL", "TREAT", false}, {"HLEGAL", "HOPERAT", false}, {"HTEST", "HOPERAT", true}, {"TREAT", "", true}, {"BTG", "", false}, {"POPHLTH", "", false},
	} {
		if got := p.Reached(c.asked, c.named); got != c.want {
			t.Errorf("a permit for %q reaches %s: %t", c.named, c.asked, got)
		}
	}
	for code, want := range map[string]bool{"TREAT": false, "BTG": false, "HPAYMT": true, "ELIGVER": true, "HMARKT": true} {
		if _, bound := p.Rule(code); bound != want {
			t.Errorf("%s is bound: %t", code, bound)
		}
	}
	if r, _ := p.Rule("ELIGVER"); r == nil || r.MaxAgeMonths != 24 {
		t.Error("ELIGVER has not the rule of HPAYMT")
	}
	if !p.Never("payer", "COC") || p.Never("payer", "HPAYMT") || p.Never("provider", "COC") {
		t.Error("what a payer can never hold")
	}
	if p.Known(fhir.Coding{System: "urn:x", Code: "TREAT"}) || !p.Known(fhir.Coding{System: fhir.SystemActReason, Code: "TREAT"}) {
		t.Error("which purposes are known")
	}
}

func TestMajorityBeginsWithTheBirthdayInThePracticesZone(t *testing.T) {
	zone, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		t.Fatal(err)
	}
	for born, of := range map[string]string{"2008-11-20": "2026-11-20T00:00:00-08:00", "2008-02-29": "2026-03-01T00:00:00-08:00"} {
		birth, err := fhir.ParseDateTime(born, zone)
		if err != nil {
			t.Fatal(err)
		}
		if got := reading(t).Representatives.Majority(birth.Start, zone).Format(time.RFC3339); got != of {
			t.Errorf("%s: %s", born, got)
		}
	}
}

func TestEveryListedCategoryIsKnownOnce(t *testing.T) {
	w := reading(t).words
	for key := range w.release {
		if w.notRelease[key] {
			t.Errorf("%s is a release and none", key)
		}
	}
	for key := range w.dissent {
		if w.assent[key] {
			t.Errorf("%s is a dissent and an assent", key)
		}
	}
	if got := slices.Sorted(maps.Keys(w.does)); len(got) != 2 {
		t.Errorf("what we do: %v", got)
	}
}
