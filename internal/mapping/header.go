package mapping

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/spelling"
)

// Kinds that the maps agree on by name.
const (
	kindPatient  = "patient"
	kindPractice = "practice"
)

var headerKeys = []string{"kind", "note-types", "columns", "rows", "all-clients", "key", "client", "clients", "withhold", "programme", "labels",
	"updated", "inherits", "inherits-chart", "psychotherapy", "resource", "tie", "provenance"}

var kindName = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// header is a map as it is declared, before its template is compiled. Column positions are -1 where a map has none.
type header struct {
	file       string
	node       *yaml.Node
	keys       map[string]*yaml.Node
	kind       string
	noteTypes  []string
	columns    *columns
	statement  string
	allClients string
	table      string

	key, client, clients, programme, labels, updated int
	inheritsChart                                    bool
	referenced                                       bool // another map refers to what this one makes

	// body is what makes the resource: `resource:` as it stands, or what a shape expanded to; nil for a tie.
	body         *yaml.Node
	resourceType string
}

func (h *header) directory() bool { return h.client < 0 }

// header reads one map's keys; nil if the map cannot be used at all.
func (l *loader) header(file string, n *yaml.Node) *header {
	h := &header{file: file, node: n, keys: l.keys(n, "a map", append(l.shapeNames(), headerKeys...)...)}
	h.kind = l.text(h.keys["kind"], "kind")
	switch {
	case h.keys["kind"] == nil:
		l.at(n, "a map needs a kind")
	case h.kind != "" && !kindName.MatchString(h.kind):
		l.at(h.keys["kind"], "a kind is made of a-z, 0-9 and -")
	}
	h.noteTypes = l.texts(h.keys["note-types"], "note-types")
	l.refusePsychotherapy(h)
	l.statements(h)
	if h.keys["columns"] == nil {
		l.at(n, "a map needs columns")
		return nil
	}
	h.columns = l.columns(h.keys["columns"])
	l.roles(h)
	h.inheritsChart = l.boolean(h.keys["inherits-chart"], "inherits-chart")
	l.chooseBody(h)
	return h
}

// refusePsychotherapy keeps wall 3: no map takes a psychotherapy note, under whatever name.
func (l *loader) refusePsychotherapy(h *header) {
	if n := h.keys["psychotherapy"]; n != nil && (n.Tag != "!!bool" || l.boolean(n, "psychotherapy")) {
		l.at(n, "a psychotherapy note is never mapped (45 CFR 164.501); list its kind in source.yaml under note-kinds: withheld")
	}
	for _, name := range append([]string{h.kind}, h.noteTypes...) {
		if strings.Contains(strings.ToLower(name), "psychotherapy") {
			l.at(h.node, "kind %q is psychotherapy by its name and never mapped (45 CFR 164.501); rename it if it is an ordinary record", name)
		}
		if _, kept := l.source.withheld[name]; kept {
			l.at(h.node, "kind %q is withheld in source.yaml", name)
		}
	}
}

// statements reads the map's SQL. A directory map has no :clients, any other must have it: a chart is read by client.
func (l *loader) statements(h *header) {
	n := h.keys["rows"]
	if n == nil {
		l.at(h.node, "a map needs rows: the statement that yields them")
		return
	}
	h.statement = l.text(n, "rows")
	named := strings.Contains(h.statement, ":clients")
	switch {
	case h.keys["client"] == nil && named:
		l.at(n, "the statement has :clients, but the map names no client column")
	case h.keys["client"] != nil && !named:
		l.at(n, "the statement needs `IN (:clients)`: rows are read by client")
	}
	h.table = tableOf(h.statement)
	if all := h.keys["all-clients"]; all != nil {
		h.allClients = l.text(all, "all-clients")
		if strings.Contains(h.allClients, ":clients") {
			l.at(all, "all-clients yields the keys of all clients, in its one column `client`: it takes no :clients")
		}
	}
}

// roles finds the columns that have a part of their own.
func (l *loader) roles(h *header) {
	h.key = l.role(h, "key", practice.Int, practice.Text)
	h.client = l.role(h, "client", practice.Int, practice.Text)
	h.clients = l.role(h, "clients", practice.List)
	h.programme = l.role(h, "programme", practice.Text)
	h.labels = l.role(h, "labels", practice.List)
	h.updated = l.role(h, "updated", practice.Date, practice.LocalTime, practice.Instant)
	if h.keys["key"] == nil {
		l.at(h.node, "a map needs a key: the column that tells its rows apart")
	}
	for name, at := range map[string]int{"key": h.key, "client": h.client} {
		if at >= 0 && h.columns.list[at].Nullable {
			l.at(h.keys[name], "the %s column cannot be nullable", name)
		}
	}
	if h.clients >= 0 && h.client < 0 {
		l.at(h.keys["clients"], "a directory map has no clients")
	}
}

// role is the position of the column that a key of the header names, -1 if it names none.
func (l *loader) role(h *header, name string, types ...practice.ColumnType) int {
	n := h.keys[name]
	if n == nil {
		return -1
	}
	column := l.text(n, name)
	at, ok := h.columns.index[column]
	if !ok {
		if column != "" {
			l.at(n, "no column %q%s", column, spelling.DidYouMean(column, h.columns.names()))
		}
		return -1
	}
	if typ := h.columns.list[at].Type; !slices.Contains(types, typ) {
		l.at(n, "%s is a column of type %s; %s needs %v", column, typ, name, types)
		return -1
	}
	return at
}

// chooseBody finds the one of resource, tie and the shapes that the map uses, and expands a shape.
func (l *loader) chooseBody(h *header) {
	var used []string
	for _, name := range append(l.shapeNames(), "resource", "tie") {
		if h.keys[name] != nil {
			used = append(used, name)
		}
	}
	if len(used) != 1 {
		l.at(h.node, "a map needs exactly one of resource, tie, %s", strings.Join(l.shapeNames(), ", "))
		return
	}
	switch name := used[0]; name {
	case "tie":
		return
	case "resource":
		h.body = h.keys[name]
	default:
		l.expandShape(h, l.shapes[name])
	}
	if h.body == nil {
		return
	}
	typ := get(h.body, "resourceType")
	if typ == nil {
		l.at(h.body, "a resource needs a resourceType")
		return
	}
	h.resourceType = l.text(typ, "resourceType")
}

// source is source.yaml.
type source struct {
	file      string
	database  string
	probes    []string
	files     bool
	kindsSQL  string
	withheld  map[string]string // kind -> why
	kindsNode *yaml.Node
}

// kindsQuery yields how many notes of each kind the practice's records hold.
func (s *source) kindsQuery() practice.Query {
	return practice.Query{Map: "note-kinds", SQL: s.kindsSQL, Columns: []practice.Column{{Name: "kind", Type: practice.Text, Nullable: true}, {Name: "n", Type: practice.Int}}}
}

// readSource reads source.yaml. The probes of the separated store have no default: a source that proves nothing is refused.
func (l *loader) readSource(dir string) {
	l.source.withheld = map[string]string{}
	l.source.file = path.Join(dir, sourceFile)
	root := l.read(l.source.file)
	if root == nil {
		return
	}
	keys := l.keys(root, "source.yaml", "database", "separated", "note-kinds")
	l.source.database = l.text(keys["database"], "database")
	if l.source.database != "sqlite" {
		l.at(root, "database must be one of: sqlite")
	}
	if n := keys["separated"]; n == nil {
		l.at(root, "separated is missing: how the gateway proves that it cannot read the psychotherapy notes")
	} else {
		separated := l.keys(n, "separated", "probes", "files")
		l.source.probes = l.texts(separated["probes"], "probes")
		l.source.files = l.boolean(separated["files"], "files")
		if len(l.source.probes) == 0 {
			l.at(n, "separated needs probes: statements that would read the separated store and must fail")
		}
	}
	if n := keys["note-kinds"]; n != nil {
		kinds := l.keys(n, "note-kinds", "rows", "withheld")
		l.source.kindsNode, l.source.kindsSQL = kinds["rows"], l.text(kinds["rows"], "rows")
		if kinds["rows"] == nil {
			l.at(n, "note-kinds needs rows: a statement that yields kind and n")
		}
		if w := kinds["withheld"]; w != nil {
			for key, value := range pairs(w) {
				l.source.withheld[key.Value] = l.text(value, "why a kind is withheld")
			}
		}
	}
}
