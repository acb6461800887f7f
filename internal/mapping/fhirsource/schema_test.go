package fhirsource

import (
	"testing"

	"github.com/consentry/gateway/internal/schema"
)

func TestTheSchemaOfTheListOfNotesIsUpToDate(t *testing.T) {
	s := schema.Of(t, "Consentry: which kinds of note may be read of a folder of FHIR files", ".", &notesFile{}, nil)
	s.Required = []string{"listed"}
	schema.Hold(t, "notes", s)
}
