package main

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/consentry/gateway/internal/ident"
	"github.com/consentry/gateway/internal/ledger/accounting"
	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/release/facts"
	"github.com/consentry/gateway/internal/release/label"
	"github.com/consentry/gateway/internal/release/policy"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/profiles"
)

// TestAMistypedKeyIsNamedInEveryFile mistypes one key in each kind of file that people write, and wants file, line and what was probably meant.
func TestAMistypedKeyIsNamedInEveryFile(t *testing.T) {
	sealer, err := ident.NewSealer(make([]byte, ident.KeySize), &handles{})
	noError(t, err)
	for file, c := range map[string]struct{ good, bad, meant string }{
		"labels/rules.yaml":             {"  rxnorm:  {match: exact", "  rxnorm:  {mach: exact", "match"},
		"labels/sensitivity.yaml":       {"\nhandling:", "\nhandlin:", "handling"},
		"policies/codes.yaml":           {"\nknown:", "\nknwon:", "known"},
		"policies/consents.yaml":        {"\npolicy-rules:", "\npolicy-rule:", "policy-rules"},
		"policies/representatives.yaml": {"\nmajority-age:", "\nmajorityage:", "majority-age"},
		"policies/resources.yaml":       {"  Patient:           {timeless:", "  Patient:           {timelss:", "timeless"},
		"policies/words.yaml":           {"\npurposes:", "\npurpose:", "purposes"},
		"purposes/rules.yaml":           {"    max-age-months: 24", "    max-age-month: 24", "max-age-months"},
		"purposes/tree.yaml":            {"\nnamed-only:", "\nname-only:", "named-only"},
		"maps/demo/source.yaml":         {"  probes:", "  probs:", "probes"},
		"maps/demo/soap-note.yaml":      {"\nprogramme:", "\nprogram:", "programme"},
		"maps/demo/patient.yaml":        {"  birthDate: born", "  birthdate: born", "birthDate"},
		"maps/demo/dap-note.yaml":       {"\nkey: key", "\nkey: keyy", "key"}, // a column
		"maps/demo/consultation.yaml":   {"updated: localtime", "updated: localtim", "localtime"},
		"maps/shapes/document.yaml":     {"{required: true, table", "{requird: true, table", "required"},
	} {
		text, err := fs.ReadFile(profiles.FS, file)
		noError(t, err)
		before, _, found := strings.Cut(string(text), c.good)
		if !found {
			t.Errorf("%s has no %q", file, c.good)
			continue
		}
		line := 1 + strings.Count(before, "\n") + strings.Count(c.good[:1], "\n")
		fsys := fstest.MapFS{}
		noError(t, fs.WalkDir(profiles.FS, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := fs.ReadFile(profiles.FS, path)
			fsys[path] = &fstest.MapFile{Data: data}
			return err
		}))
		fsys[file].Data = []byte(strings.Replace(string(text), c.good, c.bad, 1))
		fsys["partners.yaml"] = &fstest.MapFile{Data: []byte("partners: []\n")}
		_, ofReading := policy.LoadReading(fsys)
		_, ofLabels := label.Load(fsys)
		_, ofTypes := facts.LoadTypes(fsys)
		_, ofWords := accounting.LoadWords(fsys)
		_, ofRegister := requester.Load(fsys, "partners.yaml", fsys)
		_, ofMaps := mapping.Load(fsys, "maps/demo", mapping.Options{Sealer: sealer, Zone: time.UTC})
		got := errors.Join(ofReading, ofLabels, ofTypes, ofWords, ofRegister, ofMaps).Error()
		if want := `did you mean "` + c.meant + `"?`; !namesLine(got, file, line, want) {
			t.Errorf("%s:%d: no %s in\n%.600s", file, line, want, got)
		}
	}
}

// namesLine tells whether a report has a line with the place and the text.
func namesLine(report, file string, line int, text string) bool {
	for one := range strings.SplitSeq(report, "\n") {
		if strings.Contains(one, file+":"+strconv.Itoa(line)+":") && strings.Contains(one, text) {
			return true
		}
	}
	return false
}
