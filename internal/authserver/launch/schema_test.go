package launch

import (
	"testing"

	"github.com/consentry/gateway/internal/schema"
)

func TestTheSchemaIsUpToDate(t *testing.T) {
	schema.Hold(t, "launch", schema.Of(t, "Consentry: what an app asks for, in plain words", ".", &Words{}, nil))
}
