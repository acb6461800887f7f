package schema

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryFileFitsTheSchemaThatItNames walks the repository. What is a test's own form names none.
func TestEveryFileFitsTheSchemaThatItNames(t *testing.T) {
	files, used := 0, map[string]bool{}
	for _, dir := range []string{"profiles", "docker", "conformance/testdata/folder", "conformance/testdata/smart-bulk-10"} {
		err := filepath.WalkDir(filepath.Join(root(t), dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".yaml" || filepath.Base(path) == "compose.yaml" {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			files++
			named := Named(text)
			if named == "" || !strings.HasPrefix(string(text), "# yaml-language-server: ") {
				t.Errorf("%s names no schema in its first line", path)
				return nil
			}
			used[filepath.Base(named)] = true
			if err := Validate(filepath.Join(filepath.Dir(path), named), text); err != nil {
				t.Errorf("%s: %v", path, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	schemas, err := filepath.Glob(filepath.Join(root(t), "profiles", "schema", "*.schema.json"))
	if err != nil || files < 50 || len(schemas) < 10 {
		t.Fatalf("%d files and %d schemas: %v", files, len(schemas), err)
	}
	for _, s := range schemas {
		if name := filepath.Base(s); !used[name] && name != "partners.schema.json" { // the demo writes that (cmd/gateway)
			t.Errorf("no file names %s", name)
		}
	}
}

// TestWhatIsWrongDoesNotFit edits files that fit, as people do.
func TestWhatIsWrongDoesNotFit(t *testing.T) {
	for file, mistakes := range map[string]map[string][2]string{
		"docker/gateway.yaml": {
			"a mistyped key": {"listen:", "lissen:"}, "a key of a section": {"token-endpoint:", "token-endpiont:"}, "a duration without its unit": {"timeout: 5s", "timeout: 5"},
			"a text for a number": {"connections: 4096", "connections: many"}, "a list for a text": {"listen: 127.0.0.1:8080", "listen: [127.0.0.1]"}, "nothing required": {"zone: America/New_York", "# zone"},
		},
		"docker/notes.yaml":                      {"a mistyped key": {"listed:", "list:"}, "a text for a list": {"[\"http://loinc.org|18776-5\"]", "\"http://loinc.org|18776-5\""}},
		"profiles/labels/rules.yaml":             {"a key of nobody's": {"rules:\n", "rulez:\n"}, "a key further in": {"narrative: encounter", "narativ: encounter"}},
		"profiles/policies/resources.yaml":       {"a text for true": {"timeless: true", "timeless: never"}},
		"profiles/policies/representatives.yaml": {"a text for a number": {"majority-age: 18", "majority-age: eighteen"}},
		"profiles/purposes/rules.yaml":           {"a key further in": {"max-age-months: 24", "max-age: 24"}},
		"profiles/maps/demo/source.yaml":         {"no probes": {"probes:", "probe:"}, "another database": {"database: sqlite", "database: oracle"}},
		"profiles/maps/shapes/document.yaml":     {"a key of a parameter": {"required: true", "needed: true"}},
	} {
		path := filepath.Join(root(t), file)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for name, m := range mistakes {
			bad := strings.Replace(string(text), m[0], m[1], 1)
			if bad == string(text) {
				t.Fatalf("%s: %s changes nothing", file, name)
			}
			if Validate(filepath.Join(filepath.Dir(path), Named(text)), []byte(bad)) == nil {
				t.Errorf("%s: %s fits", file, name)
			}
		}
	}
}
