package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// Update makes Hold write the schemas anew: `make generate` sets it.
const Update = "CONSENTRY_WRITE_SCHEMAS"

// Hold sees to it that profiles/schema holds a schema under the name, or writes it there.
func Hold(t testing.TB, name string, schema any) {
	t.Helper()
	var want bytes.Buffer
	e := json.NewEncoder(&want)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(schema); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root(t), "profiles", "schema", name+".schema.json")
	if os.Getenv(Update) != "" {
		if err := os.WriteFile(path, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(got), want.String()); d != "" {
		t.Errorf("%s is not up to date: run `make generate`\n%.2000s", path, d)
	}
}

// root is the folder of the module.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	for ; err == nil && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			return dir
		}
	}
	t.Fatalf("there is no go.mod above: %v", err)
	return ""
}

// modeline is how a YAML file names its schema to an editor (yaml-language-server).
var modeline = regexp.MustCompile(`(?m)^# yaml-language-server: \$schema=(\S+)$`)

// Named is the path of the schema that a YAML file names in its first lines, empty for none.
func Named(text []byte) string {
	if m := modeline.FindSubmatch(text); m != nil {
		return string(m[1])
	}
	return ""
}

// nullable finds a column type as maps write it within braces, "text?": YAML 1.2 and editors take it as it stands, the decoder here does not.
var nullable = regexp.MustCompile(`([\s{,:\[])([a-z]+)\?(\s*[,}\]])`)

// Validate holds a YAML text against a schema file. The error names places of the file and no values.
func Validate(schema string, text []byte) error {
	var doc any
	if err := yaml.Unmarshal(nullable.ReplaceAll(text, []byte(`$1"$2?"$3`)), &doc); err != nil {
		return err
	}
	plain, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("it has keys that JSON has not: %w", err)
	}
	value, err := validator.UnmarshalJSON(bytes.NewReader(plain))
	if err != nil {
		return err
	}
	known, ok := compiled.Load(schema)
	if !ok {
		if known, err = validator.NewCompiler().Compile(schema); err != nil {
			return err
		}
		compiled.Store(schema, known)
	}
	return known.(*validator.Schema).Validate(value)
}

// compiled are the schemas by their paths.
var compiled sync.Map
