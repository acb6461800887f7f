package facts

import (
	"testing"

	"github.com/consentry/gateway/internal/schema"
)

func TestTheSchemaOfTheTypesIsUpToDate(t *testing.T) {
	schema.Hold(t, "resources", schema.Of(t, "Consentry: when a record happened, what it is and who authored it, by resource type", ".", &resources{}, nil))
}
