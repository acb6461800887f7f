package requester

import (
	"reflect"
	"testing"

	"github.com/invopop/jsonschema"

	"github.com/consentry/gateway/internal/schema"
	"github.com/consentry/gateway/internal/smart"
)

func TestTheSchemasAreUpToDate(t *testing.T) {
	kind := &jsonschema.Schema{Type: "string"}
	for _, k := range kinds {
		kind.Enum = append(kind.Enum, k)
	}
	special := map[reflect.Type]*jsonschema.Schema{reflect.TypeFor[Kind](): kind, reflect.TypeFor[smart.Constraint](): {Type: "string", Enum: []any{smart.DPoP, smart.MutualTLS}}}
	s := schema.Of(t, "Consentry: the partner register, who may ask and for what", ".", &registerFile{}, special)
	s.Required = []string{"partners"}
	schema.Hold(t, "partners", s)
	schema.Hold(t, "purposes-tree", schema.Of(t, "Consentry: purposes of use, and what lies below each", ".", &purposeTree{}, special))
}
