package conformance

import (
	"slices"
	"strings"
	"testing"
)

// TestDocumentsAndTheirProvenance checks what US Core 6.1 asks of DocumentReference and Provenance and a differential cannot say by itself.
func TestDocumentsAndTheirProvenance(t *testing.T) {
	const (
		category    = "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category|clinical-note"
		author      = "http://terminology.hl7.org/CodeSystem/provenance-participant-type|author"
		transmitter = "http://hl7.org/fhir/us/core/CodeSystem/us-core-provenance-participant-type|transmitter"
	)
	c := sharedClinic(t)
	caller := c.as(t, newDawn)
	documents, provenances := 0, 0
	for _, client := range c.practice.Clients {
		found, included := caller.all(t, "DocumentReference?_count=200&_revinclude=Provenance:target&patient="+c.id(t, client))
		of := map[string]bool{}
		for _, p := range included {
			provenances++
			agents := codings(p.Tree, "agent.type")
			if !slices.Contains(agents, author) || !slices.Contains(agents, transmitter) {
				t.Errorf("a Provenance has the agents %v", agents)
			}
			if !forSomebody(p) {
				t.Error("provenance-1: a practitioner's agent has no onBehalfOf")
			}
			for _, target := range texts(p.Tree, "target.reference") {
				of[target] = true
			}
		}
		for _, d := range found {
			documents++
			if types := codings(d.Tree, "type"); len(types) == 0 || !strings.HasPrefix(types[0], "http://loinc.org|") && !strings.HasSuffix(types[0], "v3-NullFlavor|UNK") {
				t.Errorf("a document has the type %v", types)
			}
			if !slices.Contains(codings(d.Tree, "category"), category) {
				t.Error("a document has no category clinical-note")
			}
			if len(at(d.Tree, "custodian")) == 0 {
				t.Error("a document has no custodian")
			}
			if !of[d.ref()] {
				t.Error("a document has no Provenance")
			}
		}
	}
	if documents == 0 || provenances == 0 {
		t.Errorf("%d documents and %d Provenances were seen", documents, provenances)
	}
}

// codings are the codes of CodeableConcepts at a path, as "system|code".
func codings(tree any, path string) []string {
	var out []string
	for _, coding := range at(tree, path+".coding") {
		out = append(out, strings.Join(texts(coding, "system"), "")+"|"+strings.Join(texts(coding, "code"), ""))
	}
	return out
}

func texts(tree any, path string) []string {
	var out []string
	for _, v := range at(tree, path) {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
