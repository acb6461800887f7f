package mapping_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/consentry/gateway/internal/mapping"
)

// with is the clinic with one map changed.
func with(t testing.TB, file, old, replacement string) map[string]string {
	t.Helper()
	maps := clinic()
	if !strings.Contains(maps[file], old) {
		t.Fatalf("%s has no %q", file, old)
	}
	maps[file] = strings.Replace(maps[file], old, replacement, 1)
	return maps
}

// problems loads maps that must not load.
func problems(t testing.TB, maps map[string]string) mapping.Problems {
	t.Helper()
	_, err := mapping.Load(folder(t, maps), "maps/test", mapping.Options{Sealer: fakeSealer{}, Zone: chicago})
	var found mapping.Problems
	if !errors.As(err, &found) {
		t.Fatalf("the maps load, or fail otherwise: %v", err)
	}
	return found
}

// Each case is one mistake in one map, and what is said about it: the line in the file and the words.
func TestAMistakeIsToldWithItsPlace(t *testing.T) {
	cases := []struct{ name, file, old, replacement, want string }{
		{"misspelt column in a template", "patient.yaml", "birthDate: born", "birthDate: bron", `patient.yaml:15: no column "bron"; quote it if it is meant as text, did you mean "born"?`},
		{"misspelt column in an expression", "note.yaml", "=row.signed == null", "=row.singed == null", `note.yaml:11: no column "singed", did you mean "signed"?`},
		{"misspelt element", "patient.yaml", "gender:", "gendr:", `patient.yaml:14: Patient has no element "gendr", did you mean "gender"?`},
		{"misspelt element inside", "patient.yaml", "family: family, given", "familly: family, given", `patient.yaml:13: name has no element "familly", did you mean "family"?`},
		{"misspelt key of a map", "patient.yaml", "all-clients:", "all-client:", `patient.yaml:5: a map has no key "all-client", did you mean "all-clients"?`},
		{"misspelt type of a column", "patient.yaml", "born: date?", "born: dat?", `patient.yaml:3: no column type "dat", did you mean "date"?`},
		{"misspelt resource type", "patient.yaml", "resourceType: Patient", "resourceType: Patiend", `R4 has no resource type "Patiend", did you mean "Patient"?`},
		{"misspelt kind in a reference", "encounter.yaml", "ref: practitioner", "ref: practitoner", `encounter.yaml:15: no map of kind "practitoner", did you mean "practitioner"?`},
		{"misspelt document type", "note.yaml", "type: progress-note", "type: progres-note", `no type "progres-note", did you mean "progress-note"?`},
		{"misspelt parameter of a shape", "note.yaml", "  start: at", "  starts: at", `note.yaml:17: document has no key "starts", did you mean "start"?`},
		{"misspelt parameter of a provenance", "note.yaml", "  cosigner:", "  co-signer:", `provenance has no key "co-signer", did you mean "cosigner"?`},
		{"code outside of its value set", "encounter.yaml", `status: "finished"`, `status: "finnished"`, `encounter.yaml:11: status: "finnished" is not a code that its element takes, did you mean "finished"?`},
		{"code in a translation", "patient.yaml", "F: female", "F: femail", `gender: "femail" is not a code that its element takes, did you mean "female"?`},
		{"missing required element", "encounter.yaml", `  status: "finished"` + "\n", "", "Encounter needs status"},
		{"missing required element inside", "release.yaml", "consent:\n  status: {translate: state, to: {signed: active, revoked: inactive}}\n", "consent:\n", "consent needs status"},
		{"wrong type of column", "patient.yaml", "birthDate: born", "birthDate: family", "birthDate is a FHIR Date, and family is a column or expression of type text"},
		{"wrong type of expression", "patient.yaml", "birthDate: born", `birthDate: "=row.id + 1"`, "birthDate is a FHIR Date, and =row.id + 1 is a column or expression of type int"},
		{"type error in an expression", "note.yaml", "=row.signed == null", "=row.id == 'x'", "note.yaml:11: expression: found no matching overload for '_==_' applied to '(int, string)'"},
		{"null test of what is never null", "note.yaml", "=row.signed == null", "=row.id == null", "found no matching overload"},
		{"condition that is none", "note.yaml", "=row.signed == null", "=row.s", "a condition must be true or false"},
		{"untyped expression", "patient.yaml", "birthDate: born", `birthDate: "=dyn(row.born)"`, "the expression gives dyn"},
		{"one value where many are", "patient.yaml", "given: [given]", "given: given", "given repeats: write a list"},
		{"an object where a text is", "patient.yaml", "birthDate: born", "birthDate: {day: born}", "a column, an =expression"},
		{"a text where an object is", "patient.yaml", "gender: {", "maritalStatus: single\n  gender: {", "maritalStatus is an object (CodeableConcept)"},
		{"two types of one element", "patient.yaml", "birthDate: born", "birthDate: born\n  deceasedBoolean: true\n  deceasedDateTime: born", "are two types of one element"},
		{"reference to the wrong type", "encounter.yaml", "individual: {ref: practitioner, key: npi}", "individual: {ref: organization, key: npi}", `map "organization" makes a Organization`},
		{"reference written by hand", "encounter.yaml", "subject: {ref: self}", "subject: {reference: \"Patient/7\"}", "ids are made by the gateway"},
		{"somebody who may be a client", "patient.yaml", "gender: {", "extension: [{url: \"urn:x\", valueReference: {display: family}}]\n  gender: {", "valueReference may mean a client who cannot be told"},
		{"a client by number", "encounter.yaml", "individual: {ref: practitioner, key: npi}", "individual: {type: \"Patient\", identifier: {value: npi}}", "individual may mean a client who cannot be told"},
		{"somebody who is no client", "encounter.yaml", "individual: {ref: practitioner, key: npi}", "individual: {identifier: {value: npi}}", ""},
		{"something that is no client", "patient.yaml", "gender: {", "extension: [{url: \"urn:x\", valueReference: {type: \"Device\", display: family}}]\n  gender: {", ""},
		{"reference without key", "encounter.yaml", "{ref: practitioner, key: npi}", "{ref: practitioner}", "{ref: practitioner} needs a key"},
		{"identifier of a reference", "encounter.yaml", "{ref: practitioner, key: npi}", `{ref: practitioner, key: npi, identifier: {sytem: "x", value: npi}}`, `no element "sytem", did you mean "system"?`},
		{"identifier where none is written", "encounter.yaml", "updated: began", `inherits: [{ref: encounter, key: id, identifier: {value: npi}}]` + "\nupdated: began", "an identifier says nothing here"},
		{"subject in another chart", "encounter.yaml", "subject: {ref: self}", "subject: {ref: patient, key: id}", "subject must be {ref: self}"},
		{"this outside of a provenance", "encounter.yaml", "subject: {ref: self}", "subject: {ref: self}\n  reasonReference: [{ref: this}]", "{ref: this} is for a Provenance"},
		{"id by hand", "encounter.yaml", `status: "finished"`, "id: \"1\"\n  status: \"finished\"", "ids are made by the gateway"},
		{"contained resource", "encounter.yaml", `status: "finished"`, "contained: []\n  status: \"finished\"", "contained resources are not mapped"},
		{"modifier extension", "encounter.yaml", `status: "finished"`, "modifierExtension: []\n  status: \"finished\"", "modifier extension"},
		{"narrative", "encounter.yaml", `status: "finished"`, "text: {status: \"generated\"}\n  status: \"finished\"", "text is not mapped here"},
		{"security label by hand", "encounter.yaml", "meta: {profile:", "meta: {security: [], profile:", `meta has no key "security"`},
		{"statement without clients", "encounter.yaml", "WHERE client IN (:clients)", "", "the statement needs `IN (:clients)`"},
		{"client column without clients", "practice.yaml", "rows: SELECT id, name, npi FROM practice", "rows: SELECT id, name, npi FROM practice WHERE id IN (:clients)", "names no client column"},
		{"nullable key", "encounter.yaml", "id: int,", "id: int?,", "the key column cannot be nullable"},
		{"no key", "encounter.yaml", "key: id\n", "", "a map needs a key"},
		{"neither profile nor updated", "patient.yaml", "updated: changed\n", "", ""}, // a profile is enough: see below
		{"duplicate key", "patient.yaml", "key: id", "key: id\nkey: id", `key "key" stands twice`},
		{"alias", "patient.yaml", "key: id", "key: &k id\nprogramme: *k", "anchors and aliases are not taken"},
		{"each through no list", "release.yaml", "recipients: orgs", "recipients: state", "each goes through a list column, and state is of type text"},
		{"two bodies", "patient.yaml", "resource:", "tie: {system: \"x\", value: family}\nresource:", "exactly one of resource, tie, "},
		{"unlisted resource type", "organization.yaml", "resourceType: Organization", "resourceType: Basic", "Basic is not listed in policies/resources.yaml"},
		{"a second Patient", "organization.yaml", "resourceType: Organization", "resourceType: Patient", "only the map of kind patient makes a Patient"},
		{"consents nobody can find", "release.yaml", "all-clients: SELECT client FROM releases\n", "", "needs all-clients"},
		{"not YAML", "patient.yaml", "columns: {", "columns: {{", ": not YAML: line "},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			maps := with(t, c.file, c.old, c.replacement)
			if c.want == "" {
				load(t, maps)
				return
			}
			text := problems(t, maps).Error()
			if !strings.Contains(text, c.want) {
				t.Errorf("said:\n%s\nwant:\n%s", text, c.want)
			}
			if !strings.Contains(text, "maps/test/"+c.file+":") {
				t.Errorf("does not name the file:\n%s", text)
			}
		})
	}
}

// Wall 3 of the design: no map takes a psychotherapy note.
func TestAPsychotherapyNoteHasNoMap(t *testing.T) {
	cases := []struct{ name, file, old, replacement string }{
		{"marked", "note.yaml", "kind: soap-note", "kind: soap-note\npsychotherapy: true"},
		{"marked with a word", "note.yaml", "kind: soap-note", "kind: soap-note\npsychotherapy: perhaps"},
		{"by its kind", "note.yaml", "kind: soap-note", "kind: psychotherapy-note"},
		{"by its note type", "note.yaml", "note-types: [soap]", "note-types: [soap, PsychotherapyNote]"},
		{"withheld in source.yaml", "note.yaml", "note-types: [soap]", "note-types: [soap, psychotherapy-stub]"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			text := problems(t, with(t, c.file, c.old, c.replacement)).Error()
			if !strings.Contains(text, "psychotherapy") && !strings.Contains(text, "withheld") {
				t.Errorf("%s", text)
			}
		})
	}
	t.Run("marked as none", func(t *testing.T) {
		load(t, with(t, "note.yaml", "kind: soap-note", "kind: soap-note\npsychotherapy: false"))
	})
}

func TestAllProblemsAreToldAtOnce(t *testing.T) {
	maps := with(t, "patient.yaml", "birthDate: born", "birthDate: bron")
	maps["encounter.yaml"] = strings.Replace(maps["encounter.yaml"], `"finished"`, `"finishd"`, 1)
	maps["patient.yaml"] = strings.Replace(maps["patient.yaml"], "family: family", "family: famly", 1)
	found := problems(t, maps)
	if len(found) != 3 {
		t.Errorf("%d problems:\n%v", len(found), found)
	}
	for i := 1; i < len(found); i++ {
		if found[i-1].File > found[i].File || found[i-1].File == found[i].File && found[i-1].Line > found[i].Line {
			t.Errorf("out of order:\n%v", found)
		}
	}
}

func TestASourceThatProvesNothingIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"no separation": "database: sqlite\n", "no probes": "database: sqlite\nseparated: {files: true}\n", "empty probes": "database: sqlite\nseparated: {probes: []}\n",
		"unknown key": sourceYAML + "\nseparate: {}\n", "unknown database": strings.Replace(sourceYAML, "sqlite", "oracle", 1), "empty": "",
	} {
		t.Run(name, func(t *testing.T) {
			maps := clinic()
			maps["source.yaml"] = text
			if text := problems(t, maps).Error(); !strings.Contains(text, "source.yaml:") {
				t.Errorf("%s", text)
			}
		})
	}
}

func TestTwoMapsOfOneNoteTypeAreRefused(t *testing.T) {
	maps := clinic()
	maps["zweite.yaml"] = strings.Replace(noteMap, "kind: soap-note", "kind: other-note", 1)
	if text := problems(t, maps).Error(); !strings.Contains(text, `note type "soap" is also in map "soap-note"`) {
		t.Errorf("%s", text)
	}
}

func TestOptionsAreRequired(t *testing.T) {
	for name, o := range map[string]mapping.Options{"zone": {Sealer: fakeSealer{}}, "sealer": {Zone: chicago}} {
		if _, err := mapping.Load(folder(t, clinic()), "maps/test", o); err == nil {
			t.Errorf("loads without a %s", name)
		}
	}
}

func TestTheDigestChangesWithEveryFile(t *testing.T) {
	before := load(t, clinic()).Digest()
	if load(t, clinic()).Digest() != before {
		t.Error("the same files have another digest")
	}
	if load(t, with(t, "note.yaml", "Subjective", "S")).Digest() == before {
		t.Error("a changed map has the same digest")
	}
	fsys := folder(t, clinic())
	fsys["maps/shapes/document.yaml"].Data = append(fsys["maps/shapes/document.yaml"].Data, "\n# changed\n"...)
	m, err := mapping.Load(fsys, "maps/test", mapping.Options{Sealer: fakeSealer{}, Zone: chicago})
	if err != nil || m.Digest() == before {
		t.Errorf("a changed shape has the same digest (%v)", err)
	}
}

func FuzzLoad(f *testing.F) {
	for _, text := range clinic() {
		f.Add(text)
	}
	f.Add("kind: x\ncolumns: {id: int}\nrows: SELECT 1\nkey: id\nresource: {resourceType: Patient, name: [{family: {translate: id, to: [1]}}]}")
	f.Add("kind: x\ncolumns: {id: int, l: list}\nrows: SELECT 1\nkey: id\nresource: {resourceType: Patient, name: {each: l, do: {given: [{each: l, do: item}]}}}")
	f.Add("kind: x\ncolumns: {id: int, l: [{a: text}]}\nrows: R\nkey: id\ndocument: {type: {x: y}, date: , text: {join: []}}\nprovenance: []\nwithhold: []\ntie:")
	f.Fuzz(func(t *testing.T, text string) {
		maps := clinic()
		maps["fuzz.yaml"] = text
		_, _ = mapping.Load(folder(t, maps), "maps/test", mapping.Options{Sealer: fakeSealer{}, Zone: chicago})
	})
}
