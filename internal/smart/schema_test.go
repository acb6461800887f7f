package smart

import (
	"reflect"
	"testing"

	"github.com/invopop/jsonschema"

	"github.com/consentry/gateway/internal/schema"
)

func TestTheSchemaOfThePresetsIsUpToDate(t *testing.T) {
	text := &jsonschema.Schema{Type: "string"}
	s := schema.Of(t, "Consentry: where the tokens of an issuer say what", ".", &Mapping{}, map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[Path](): {OneOf: []*jsonschema.Schema{text, {Type: "array", Items: text}}},
	})
	s.Required = []string{"client", "scopes"}
	schema.Hold(t, "issuer", s)
}
