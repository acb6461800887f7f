package main

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/invopop/jsonschema"

	"github.com/consentry/gateway/internal/schema"
	"github.com/consentry/gateway/internal/smart"
)

func TestTheSchemaOfTheConfigurationIsUpToDate(t *testing.T) {
	s := schema.Of(t, "Consentry: the configuration of gateway serve", ".", &Config{}, map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[smart.Path](): {OneOf: []*jsonschema.Schema{{Type: "string"}, {Type: "array", Items: &jsonschema.Schema{Type: "string"}}}},
		reflect.TypeFor[Duration]():   {Type: "string", Pattern: `^([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+$`, Description: "A duration with its unit, such as 5s or 26h."},
	})
	s.Required = []string{"listen", "base-url", "zone", "practice", "keys"}
	s.AnyOf = []*jsonschema.Schema{{Required: []string{"tokens"}}, {Required: []string{"authorization-server"}}}
	schema.Hold(t, "gateway", s)
}

// TestTheFilesOfTheDemoNameSchemasThatTheyFit also holds the register's schema against mistakes.
func TestTheFilesOfTheDemoNameSchemasThatTheyFit(t *testing.T) {
	dir := filepath.Dir(demoFolder(t))
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	noError(t, err)
	maps, err := filepath.Glob(filepath.Join(dir, "maps", "*.yaml"))
	noError(t, err)
	if len(files) != 2 || len(maps) < 20 {
		t.Fatalf("%d files, %d maps", len(files), len(maps))
	}
	for _, path := range append(files, maps...) {
		text, err := os.ReadFile(path)
		noError(t, err)
		named := schema.Named(text)
		if named == "" {
			t.Errorf("%s names no schema", filepath.Base(path))
			continue
		}
		if err := schema.Validate(filepath.Join(filepath.Dir(path), named), text); err != nil {
			t.Errorf("%s: %v", filepath.Base(path), err)
		}
	}
	path := filepath.Join(dir, demoPartnersFile)
	for name, m := range map[string][2]string{
		"a kind of nothing":  {"kind: payer", "kind: payor"},
		"a mistyped key":     {"default-purpose:", "default_purpose:"},
		"a text for a list":  {"purposes: [", "purposes: ' ["},
		"partners by name":   {"partners:", "partner:"},
		"a key further down": {"system:", "sistem:"},
	} {
		edit(t, path, m[0], m[1])
		text, err := os.ReadFile(path)
		noError(t, err)
		if schema.Validate(filepath.Join(dir, schemaDir, "partners.schema.json"), text) == nil {
			t.Errorf("%s fits", name)
		}
		edit(t, path, m[1], m[0])
	}
}
