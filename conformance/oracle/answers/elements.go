package answers

import (
	_ "embed"
	"strings"
)

// elementsText are the elements of the resource types (FHIR R4 StructureDefinitions): all at the top, and below it those that are required.
// A flag follows a colon: ! required, s in the summary, ? a modifier.
//
//go:embed elements.txt
var elementsText string

// elementsOf are a type's elements by path, each with its flags.
var elementsOf = func() map[string]map[string]string {
	all := map[string]map[string]string{}
	for line := range strings.Lines(elementsText) {
		f := strings.Fields(line)
		all[f[0]] = map[string]string{}
		for _, e := range f[1:] {
			path, flags, _ := strings.Cut(e, ":")
			all[f[0]][path] = flags
		}
	}
	return all
}()

// required says whether the element at a path of a type must be there.
func required(resourceType, path string) bool {
	return strings.Contains(elementsOf[resourceType][path], "!")
}

// elementOf is the element of which a member of a resource's JSON is the value: onset[x] for onsetDateTime.
func elementOf(resourceType, member string) string {
	member = strings.TrimPrefix(member, "_")
	if _, is := elementsOf[resourceType][member]; is {
		return member
	}
	for path := range elementsOf[resourceType] {
		if base, choice := strings.CutSuffix(path, "[x]"); choice && !strings.Contains(path, ".") && strings.HasPrefix(member, base) {
			return path
		}
	}
	return ""
}

// hasElement says whether a type has an element of this name at the top; of a choice it is the name without the type.
func hasElement(resourceType, name string) bool {
	_, is := elementsOf[resourceType][name]
	_, choice := elementsOf[resourceType][name+"[x]"]
	return is || choice
}
