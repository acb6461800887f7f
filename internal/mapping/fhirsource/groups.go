package fhirsource

import (
	"bytes"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/release/facts"
)

// membersOf answers who the members of a Group are, from the Groups among the resources and then from other. A Group with a member that
// is no Patient here by name is answered by nobody: one unknown member makes its records be about somebody unknown.
func membersOf(jsons [][]byte, other func(fhir.Reference) []fhir.Reference) func(fhir.Reference) []fhir.Reference {
	groups := map[fhir.Reference][]fhir.Reference{}
	for _, json := range jsons {
		if !bytes.Contains(json, []byte(`"Group"`)) {
			continue
		}
		msg, err := fhirjson.Parse(json)
		if err != nil || msg.ProtoReflect().Descriptor().Name() != "Group" {
			continue
		}
		id, members, ok := facts.GroupMembers(msg)
		if ok {
			groups[id] = members
		}
	}
	return func(group fhir.Reference) []fhir.Reference {
		if m, ok := groups[group]; ok {
			return m
		}
		if other == nil {
			return nil
		}
		return other(group)
	}
}
