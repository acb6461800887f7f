package accounting

import (
	"testing"

	"github.com/consentry/gateway/internal/schema"
)

func TestTheSchemaOfTheWordsIsUpToDate(t *testing.T) {
	schema.Hold(t, "words", schema.Of(t, "Consentry: plain words for kinds of record and purposes", ".", &Words{}, nil))
}
