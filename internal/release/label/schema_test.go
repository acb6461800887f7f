package label

import (
	"testing"

	"github.com/consentry/gateway/internal/schema"
)

func TestTheSchemaOfTheRulesIsUpToDate(t *testing.T) {
	schema.Hold(t, "labels", schema.Of(t, "Consentry: which labels a record gets", ".", &file{}, nil))
}
