package mapping

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/schema"
	"github.com/consentry/gateway/profiles"
)

// node is a part of a JSON Schema.
type node = map[string]any

// words are what the keys of a map say, each with its schema. A key that is missing here fails the test.
var words = map[string]node{
	"kind":           {"type": "string", "pattern": kindName.String(), "description": "The kind of record, by which other maps refer to it."},
	"note-types":     listOf("The practice's own words for the notes that this map takes: it is an allow-list.", node{"type": "string"}),
	"columns":        {"type": "object", "minProperties": 1, "propertyNames": node{"pattern": columnName.String()}, "additionalProperties": node{"$ref": "#/definitions/column"}, "description": "The columns that the statement yields, each with its type; ? where it may be null."},
	"rows":           sayingText("The statement that yields the rows. Those of a client have IN (:clients)."),
	"all-clients":    sayingText("A statement that yields the keys of all clients with such a row, as client."),
	"key":            sayingText("The column that tells the rows apart."),
	"client":         sayingText("The column with the client's key. A directory map has none."),
	"clients":        sayingText("The list column with everybody whom a record is about."),
	"withhold":       {"type": "object", "additionalProperties": node{"type": "string", "pattern": "^="}, "description": "Reasons for which a row stays, each with its condition."},
	"programme":      sayingText("The column with the treatment programme."),
	"labels":         sayingText("The list column with the labels that the practice gives."),
	"updated":        sayingText("The column with the time of the last change."),
	"inherits":       listOf("The records whose labels this one takes.", node{"$ref": "#/definitions/reference"}),
	"inherits-chart": {"type": "boolean", "description": "It takes the labels of the whole chart, until a person has classified it."},
	"psychotherapy":  {"const": false, "description": "A psychotherapy note is never mapped (45 CFR 164.501): list its kind in source.yaml."},
	"resource":       {"$ref": "#/definitions/resource"},
	"tie":            keysOf("The identifier of a partner to whom the practice's own data tie the client.", node{"system": node{"type": "string"}, "value": node{"type": "string"}}, "system", "value"),
	"provenance":     {"$ref": "#/definitions/provenance"},
}

func sayingText(description string) node { return node{"type": "string", "description": description} }

func listOf(description string, items node) node {
	return node{"type": "array", "items": items, "description": description}
}

func keysOf(description string, properties node, required ...string) node {
	n := node{"type": "object", "properties": properties, "additionalProperties": false}
	if description != "" {
		n["description"] = description
	}
	if len(required) > 0 {
		n["required"] = required
	}
	return n
}

func TestTheSchemasAreUpToDate(t *testing.T) {
	l := &loader{fsys: profiles.FS, shapes: map[string]*shape{}, tables: map[string]*yaml.Node{}, headers: map[string]*header{}}
	l.files = map[*yaml.Node]string{}
	l.readTypes()
	l.readShapes()
	if err := l.err(); err != nil || len(l.shapes) < 5 {
		t.Fatalf("%d shapes: %v", len(l.shapes), err)
	}
	for _, key := range headerKeys {
		if words[key] == nil {
			t.Errorf("the schema does not know the key %s", key)
		}
	}
	schema.Hold(t, "map", mapSchema(l))
	const draft = "http://json-schema.org/draft-07/schema#"
	source := keysOf("", node{
		"database":   node{"enum": []string{"sqlite"}},
		"separated":  keysOf("How the gateway proves that it cannot read the psychotherapy notes.", node{"probes": listOf("Statements that would read the separated store and must fail.", node{"type": "string"}), "files": node{"type": "boolean", "description": "The notes lie in another database file: it is tried as well that none can be attached."}}, "probes"),
		"note-kinds": keysOf("Which kinds of note there are, so that `gateway check` names those that no map lists.", node{"rows": sayingText("A statement that yields kind and n."), "withheld": node{"type": "object", "additionalProperties": node{"type": "string"}, "description": "Kinds that never leave, each with why."}}, "rows"),
	}, "database", "separated")
	source["$schema"], source["title"] = draft, "Consentry: the practice's database as a source"
	schema.Hold(t, "source", source)
	party := keysOf("", node{"required": node{"type": "boolean"}, "as": node{"enum": []string{"party"}}, "table": node{"type": "string"}, "fields": listOf("", node{"type": "string"}), "default": node{}})
	shaped := keysOf("", node{"shape": node{"type": "string"}, "parameters": node{"type": "object", "additionalProperties": party}, "resource": node{"type": "object", "required": []string{"resourceType"}}, "inherits": node{}, "updated": node{"type": "string"}}, "shape", "parameters", "resource")
	table := keysOf("", node{"table": node{"type": "string"}, "rows": node{"type": "object", "additionalProperties": node{"type": "object"}}}, "table", "rows")
	schema.Hold(t, "shape", node{"$schema": draft, "title": "Consentry: a shape that maps use, or a table of a shape", "if": node{"required": []string{"table"}}, "then": table, "else": shaped})
}

// mapSchema is that of a map: the keys of its header, the shapes, and FHIR itself as far as it can be released.
func mapSchema(l *loader) node {
	defs := definitions{
		"column":     node{"description": columnWords(), "anyOf": []node{{"type": "string", "pattern": `^(list|(` + strings.Join(scalarTypes, "|") + `)\??)$`}, {"type": "array", "minItems": 1, "maxItems": 1, "items": node{"type": "object"}}}},
		"reference":  keysOf("A reference: ids are made by the gateway.", node{"ref": sayingText("The kind of the other map; self, practice or this."), "key": node{}, "display": node{}, "identifier": node{"type": "object"}, "at": node{}}, "ref"),
		"getter":     node{"anyOf": []node{keysOf("", node{"join": node{"type": "array"}, "with": node{"type": "string"}}, "join"), keysOf("", node{"text": node{"type": "array", "minItems": 1}}, "text"), keysOf("", node{"id": node{"const": "this"}}, "id")}},
		"provenance": l.arguments(l.shapes["provenance"]),
	}
	properties := maps.Clone(words)
	bodies := []node{{"required": []string{"resource"}}, {"required": []string{"tie"}}}
	for _, name := range l.shapeNames() {
		properties[name] = l.arguments(l.shapes[name])
		properties[name]["description"] = headWords(l.shapes[name])
		bodies = append(bodies, node{"required": []string{name}})
	}
	var types []string
	var choices []node
	for _, typ := range resourceTypes() {
		if !l.types.Lists(typ) {
			continue
		}
		types = append(types, typ)
		choices = append(choices, node{"if": node{"properties": node{"resourceType": node{"const": typ}}, "required": []string{"resourceType"}}, "then": node{"$ref": "#/definitions/" + typ}})
		resource := defs.object(resourceMessages[typ])
		inner := maps.Clone(resource["properties"].(node))
		inner["resourceType"], inner["meta"] = node{"const": typ}, keysOf("", node{"profile": node{"type": "array", "items": node{"type": "string"}}}, "profile")
		defs[typ] = keysOf("", inner)
	}
	defs["resource"] = node{"type": "object", "required": []string{"resourceType"}, "properties": node{"resourceType": node{"enum": types}}, "allOf": choices}
	root := keysOf("", anyOf(properties), "kind", "columns", "rows", "key")
	root["$schema"], root["title"], root["definitions"], root["oneOf"] = "http://json-schema.org/draft-07/schema#", "Consentry: a map from rows of the practice's database to FHIR", defs, bodies
	return root
}

// columnWords say what the types of columns take.
func columnWords() string {
	types := append(slices.Clone(scalarTypes), "list")
	for i, name := range types {
		types[i] = name + " is " + typeWords[practice.ColumnType(name)]
	}
	return strings.Join(types, ". ") + ". A ? behind a type lets it be null. [{name: type}] is " + typeWords[practice.Items] + "."
}

func anyOf(m map[string]node) node {
	out := node{}
	for k, v := range m {
		out[k] = v
	}
	return out
}

// headWords are what stands at the head of a shape's file: what it makes, and an example with all of its parameters.
func headWords(s *shape) string {
	var lines []string
	for line := range strings.Lines(s.node.Content[0].HeadComment) {
		if !strings.Contains(line, "yaml-language-server") {
			lines = append(lines, strings.TrimPrefix(strings.TrimPrefix(strings.TrimRight(line, "\n"), "#"), " "))
		}
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// arguments are what a shape takes.
func (l *loader) arguments(s *shape) node {
	properties, required := node{}, []string(nil)
	for _, p := range s.parameters {
		if p.required {
			required = append(required, p.name)
		}
		switch {
		case p.table != "":
			var rows []string
			for key := range pairs(l.tables[p.table]) {
				rows = append(rows, key.Value)
			}
			properties[p.name] = node{"anyOf": []node{{"enum": rows}, {"type": "object"}}}
		case p.party:
			properties[p.name] = node{"type": "object", "description": "{practitioner: column}, or {ref: kind, key: column}"}
		case len(p.fields) > 0:
			fields := node{}
			for _, f := range p.fields {
				fields[f] = node{}
			}
			properties[p.name] = keysOf("", fields)
		default:
			properties[p.name] = node{}
		}
	}
	return keysOf("", properties, required...)
}

// definitions are the types of FHIR by name, as templates.
type definitions node

// object is a template of a complex type: its elements, without those that maps do not fill.
func (d definitions) object(m protoreflect.MessageDescriptor) node {
	properties := node{}
	for name, e := range elementsOf(m) {
		if notMapped[name] != "" || name == "meta" && resourceMessages[string(m.Name())] != nil {
			continue
		}
		value := d.value(e.message)
		if value == nil {
			continue
		}
		if e.repeated {
			value = d.repeated(value)
		}
		properties[name] = value
	}
	return keysOf("", properties)
}

// repeated is a list of a value, which may be made from a column's items.
func (d definitions) repeated(value node) node {
	name := strings.TrimSuffix(strings.TrimPrefix(value["$ref"].(string), "#/definitions/"), "-value")
	loop := goingThrough(value)
	d[name+"-list"] = node{"anyOf": []node{{"type": "array", "minItems": 1, "items": node{"anyOf": []node{value, loop}}}, loop}}
	return node{"$ref": "#/definitions/" + name + "-list"}
}

func goingThrough(value node) node {
	return keysOf("", node{"each": node{"type": "string"}, "do": value}, "each", "do")
}

// value is what may stand for a type: the type itself, or what chooses it.
func (d definitions) value(m protoreflect.MessageDescriptor) node {
	name := strings.ReplaceAll(strings.TrimPrefix(string(m.FullName()), "google.fhir.r4.core."), ".", "-") + "-value"
	ref := node{"$ref": "#/definitions/" + name}
	if _, known := d[name]; known {
		return ref
	}
	d[name] = node{} // while it is made: types refer to themselves
	own := []node{{"$ref": "#/definitions/getter"}, {"type": []string{"string", "number", "boolean"}}}
	switch prim := primitiveOf(m); {
	case isPrimitive(m) && prim == nil:
		delete(d, name)
		return nil
	case isPrimitive(m) && len(prim.codes) > 0 && len(prim.codes) <= 40:
		own = append([]node{{"enum": prim.codes}}, own...)
	case isPrimitive(m):
	case isReference(m):
		own = []node{{"$ref": "#/definitions/reference"}, d.object(m)}
	default:
		own = []node{d.object(m)}
	}
	d[name] = node{"anyOf": append(own,
		keysOf("", node{"when": node{"type": "string", "pattern": "^="}, "do": ref}, "when", "do"),
		keysOf("", node{"translate": node{}, "to": node{"type": "object"}, "else": node{}}, "translate", "to"),
	)}
	return ref
}

// TestWrongMapsDoNotFitTheSchema edits a good map as people do.
func TestWrongMapsDoNotFitTheSchema(t *testing.T) {
	good, err := profiles.FS.ReadFile("maps/demo/patient.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const path = "../../profiles/schema/map.schema.json"
	if err := schema.Validate(path, good); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	for name, c := range map[string][2]string{
		"a key of nobody's":     {"updated: updated\n", "updatd: updated\n"},
		"no key":                {"key: id\n", ""},
		"a column's type":       {"mrn: text", "mrn: txt"},
		"an element of nothing": {"  birthDate: born", "  birthday: born"},
		"an element further in": {"family: last", "surname: last"},
		"a type of nothing":     {"resourceType: Patient", "resourceType: Client"},
		"an object for a list":  {"communication: [{language: {coding: [{system: \"urn:ietf:bcp:47\", code: language}]}}]", "communication: {language: language}"},
		"an id of its own":      {"  birthDate: born", "  id: born"},
		"two bodies":            {"provenance:", "tie: {system: x, value: y}\nprovenance:"},
		"a psychotherapy note":  {"provenance:", "psychotherapy: true\nprovenance:"},
		"a shape's argument":    {"provenance: {recorded: updated", "provenance: {recordet: updated"},
	} {
		bad := strings.Replace(string(good), c[0], c[1], 1)
		if bad == string(good) {
			t.Fatalf("%s changes nothing", name)
		}
		if schema.Validate(path, []byte(bad)) == nil {
			t.Errorf("%s fits", name)
		}
	}
}
