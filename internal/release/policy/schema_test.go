package policy

import (
	"testing"

	"github.com/consentry/gateway/internal/schema"
)

func TestTheSchemasOfTheReadingAreUpToDate(t *testing.T) {
	for name, f := range map[string]struct {
		title string
		file  any
	}{
		"consents":        {"how the words of a Consent are read", &consentsFile{}},
		"codes":           {"code systems, with every name under which they are met", &codesFile{}},
		"representatives": {"who may act for a client", &representativesFile{}},
		"purposes-rules":  {"which kinds of record a permit for a purpose reaches", &rulesFile{}},
		"sensitivity":     {"the labels that the decision knows", &sensitivityFile{}},
	} {
		schema.Hold(t, name, schema.Of(t, "Consentry: "+f.title, ".", f.file, nil))
	}
}
