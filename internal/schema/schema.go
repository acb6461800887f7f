// Package schema makes JSON Schemas of the YAML files that people write, from the Go types that they are decoded into, so that an editor completes a file and
// checks it before the gateway does. Only tests import it: they write profiles/schema and hold it against the types.
package schema

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/invopop/jsonschema"
)

// draft is the version that editors know best.
const draft = "http://json-schema.org/draft-07/schema#"

// Of gives the schema of a file that is decoded strictly into v, a struct with yaml tags. What is said of a field in the sources of dir is its
// description there. special gives the schemas of types that read their own text.
func Of(t testing.TB, title, dir string, v any, special map[reflect.Type]*jsonschema.Schema) *jsonschema.Schema {
	t.Helper()
	said := comments(t, dir)
	r := jsonschema.Reflector{
		FieldNameTag: "yaml", Anonymous: true, DoNotReference: true, ExpandedStruct: true, RequiredFromJSONSchemaTags: true,
		Mapper: func(t reflect.Type) *jsonschema.Schema {
			s := special[t]
			if s == nil {
				return nil
			}
			own := *s // each field adds its description
			return &own
		},
		LookupComment: func(t reflect.Type, field string) string { return said[t.Name()+"."+field] },
	}
	s := r.Reflect(v)
	s.Version, s.Title = draft, title
	return s
}

// comments are what the sources of a folder say of the fields of its types, as "Type.Field".
func comments(t testing.TB, dir string) map[string]string {
	t.Helper()
	said := map[string]string{}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no sources in %s: %v", dir, err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				ofFields(spec, said)
			}
			return true
		})
	}
	return said
}

func ofFields(spec *ast.TypeSpec, said map[string]string) {
	fields, ok := spec.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, f := range fields.Fields.List {
		text := f.Doc.Text()
		if text == "" {
			text = f.Comment.Text()
		}
		for _, name := range f.Names {
			said[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(text), " ")
		}
	}
}
