package conformance

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/consentry/gateway/conformance/missing"
)

// mustSupport is one element that a profile of US Core marks, or one type of a choice.
type mustSupport struct {
	Name     string // the element's id, and for one type of a choice ":dateTime" behind it
	path     string // below the resource; a choice of which one type is marked is named by that type
	pattern  any    // for a slice by pattern, nil otherwise
	codes    []string
	parent   string // for a slice whose pattern stands below it: the path of what is sliced, and pattern fits its type
	url      string // of an extension
	isChoice bool
}

// mustSupports are what must-support.yaml says beside the profiles.
type mustSupports struct {
	ValueSets  map[string][]string          `yaml:"value-sets"`
	WrittenOut map[string][]string          `yaml:"written-out"`
	Absent     map[string]map[string]string `yaml:"absent"`
}

// markedElement is what is looked at in an element of a differential.
type markedElement struct {
	ID, Path, Short, SliceName string
	MustSupport                bool
	Type                       []struct {
		Code      string
		Profile   []string
		Extension []struct {
			URL          string
			ValueBoolean bool
		}
	}
	PatternCodeableConcept, PatternIdentifier any
	Binding                                   struct{ ValueSet string }
}

// needsUSCore skips a test where the profiles of US Core are not beside the project.
func needsUSCore(t testing.TB) {
	t.Helper()
	if files, _ := filepath.Glob(usCoreFiles); len(files) == 0 {
		missing.Skip(t, "the profiles of US Core (../shared/data/us-core-6.1.0)")
	}
}

func readTestdata(t testing.TB, name string, into any) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "us-core", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := yaml.NewDecoder(f)
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		t.Fatal(err)
	}
}

// marked lists what each of the profiles of US Core that are claimed marks, by its canonical.
func (m mustSupports) marked(t testing.TB, claimed map[string][]resource) map[string][]mustSupport {
	t.Helper()
	files, err := filepath.Glob(usCoreFiles)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]mustSupport{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var sd struct {
			URL          string
			Differential struct{ Element []markedElement }
		}
		if err := json.Unmarshal(text, &sd); err != nil {
			t.Fatal(err)
		}
		if claimed[sd.URL] == nil {
			continue
		}
		for _, e := range sd.Differential.Element {
			if e.MustSupport || strings.Contains(e.Short, "USCDI") {
				out[sd.URL] = append(out[sd.URL], m.of(t, e, sd.Differential.Element)...)
			}
		}
	}
	for name, paths := range m.WrittenOut {
		for _, p := range paths {
			out[usCore+name] = append(out[usCore+name], mustSupport{Name: p, path: below(p), isChoice: strings.HasSuffix(p, "[x]")})
		}
	}
	return out
}

func (m mustSupports) of(t testing.TB, e markedElement, all []markedElement) []mustSupport {
	t.Helper()
	x := mustSupport{Name: e.ID, path: below(e.Path), pattern: e.PatternCodeableConcept}
	if e.PatternIdentifier != nil {
		x.pattern = e.PatternIdentifier
	}
	switch {
	case len(e.Type) == 1 && e.Type[0].Code == "Extension":
		x.url = e.Type[0].Profile[0]
	case e.SliceName != "" && x.pattern == nil && e.Binding.ValueSet != "":
		if x.codes = m.ValueSets[strings.SplitN(e.Binding.ValueSet, "|", 2)[0]]; len(x.codes) == 0 {
			t.Errorf("%s is bound to %s, whose codes must-support.yaml does not say", e.ID, e.Binding.ValueSet)
		}
	case e.SliceName != "" && x.pattern == nil: // by the pattern of an element below
		for _, inner := range all {
			if strings.HasPrefix(inner.ID, e.ID+".") && inner.PatternCodeableConcept != nil {
				x.parent, x.path, x.pattern = x.path, below(inner.Path), inner.PatternCodeableConcept
			}
		}
	case strings.HasSuffix(e.Path, "[x]"):
		return eachType(x, e)
	}
	return []mustSupport{x}
}

// eachType gives each type of a choice that is marked, and the choice itself if none is.
func eachType(x mustSupport, e markedElement) (out []mustSupport) {
	for _, typ := range e.Type {
		for _, ext := range typ.Extension {
			if strings.HasSuffix(ext.URL, "type-must-support") && ext.ValueBoolean {
				name := strings.TrimSuffix(x.path, "[x]") + strings.ToUpper(typ.Code[:1]) + typ.Code[1:]
				out = append(out, mustSupport{Name: x.Name + ":" + typ.Code, path: name})
			}
		}
	}
	if out == nil {
		x.isChoice = true
		out = append(out, x)
	}
	return out
}

// isIn tells whether a resource has it.
func (x mustSupport) isIn(r resource) bool {
	switch {
	case x.url != "":
		return slices.Contains(texts(r.Tree, "extension.url"), x.url)
	case x.isChoice:
		return hasChoice(r.Tree, x.path)
	case x.pattern != nil:
		return slices.ContainsFunc(at(r.Tree, x.path), func(v any) bool { return fits(v, x.pattern) })
	case x.codes != nil:
		return slices.ContainsFunc(texts(r.Tree, x.path+".coding.code"), func(code string) bool { return slices.Contains(x.codes, code) })
	}
	return len(at(r.Tree, x.path)) > 0
}

// TestWhatUSCoreMustSupportIsEmittedOrExplained: of each profile of US Core that something released claims, each marked element is there in some
// resource that claims it, or the table says why the practice has no such thing.
func TestWhatUSCoreMustSupportIsEmittedOrExplained(t *testing.T) {
	needsUSCore(t)
	var table mustSupports
	readTestdata(t, "must-support.yaml", &table)
	claiming := map[string][]resource{}
	for _, r := range everythingReleased(t) {
		for _, url := range claims(r) {
			if strings.HasPrefix(url, usCore) {
				claiming[url] = append(claiming[url], r)
			}
		}
	}
	marked := table.marked(t, claiming)
	emitted, explained := 0, 0
	for _, url := range slices.Sorted(maps.Keys(claiming)) {
		name := strings.TrimPrefix(url, usCore)
		if len(marked[url]) == 0 {
			t.Errorf("%s is claimed, and nothing says what it marks", name)
		}
		reasons := maps.Clone(table.Absent[name])
		for _, x := range marked[url] {
			why, listed := reasons[x.Name]
			delete(reasons, x.Name)
			switch is := slices.ContainsFunc(claiming[url], x.isIn); {
			case is && listed:
				t.Errorf("%s: %s is emitted, and listed as absent", name, x.Name)
			case is:
				emitted++
			case len(why) < 10:
				t.Errorf("%s: %s is emitted nowhere, and nothing says why", name, x.Name)
			default:
				explained++
			}
		}
		for id := range reasons {
			t.Errorf("%s: %s is listed as absent, and not marked", name, id)
		}
	}
	for name := range table.Absent {
		if claiming[usCore+name] == nil {
			t.Errorf("%s is in the table, and nothing claims it", name)
		}
	}
	if len(claiming) < 11 || emitted < 100 {
		t.Errorf("%d profiles are claimed, %d elements emitted: too few to tell", len(claiming), emitted)
	}
	t.Logf("%d profiles, %d marked elements emitted, %d explained", len(claiming), emitted, explained)
}
