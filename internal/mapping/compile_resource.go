package mapping

import (
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/spelling"
)

// plan makes one resource of a row.
type plan struct {
	typ      string
	root     *object
	profiles []string
}

// aboutElements say whom a resource is about. In a client's chart that is always the client.
var aboutElements = []string{"patient", "subject", "beneficiary", "for"}

// resource compiles the template of a whole resource.
func (c *compiler) resource(n *yaml.Node, typ string) *plan {
	if n == nil {
		return nil
	}
	message := resourceMessages[typ]
	if message == nil {
		c.at(n, "R4 has no resource type %q%s", typ, spelling.DidYouMean(typ, resourceTypes()))
		return nil
	}
	if !c.types.Lists(typ) {
		c.at(n, "%s is not listed in policies/resources.yaml, so it would never be released", typ)
		return nil
	}
	template := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: n.Line}
	c.files[template] = c.files[n]
	var meta *yaml.Node
	for key, value := range pairs(n) {
		switch key.Value {
		case "resourceType":
		case "meta":
			meta = value
		default:
			template.Content = append(template.Content, key, value)
		}
	}
	if c.date = nil; typ == "DocumentReference" {
		c.date = get(template, "date")
	}
	p := &plan{typ: typ}
	whole := c.members(template, place{element: element{name: typ, message: message}}, elementsOf(message), &object{})
	c.checkAbout(template)
	m := c.meta(meta, n, p)
	if whole.op == nil || m == nil {
		return nil
	}
	p.root = whole.op.(*object)
	p.root.dynamic = false // a resource is never dropped as a whole
	p.root.fields = mergeLiterals(sorted(append(p.root.fields,
		newField("id", piece{op: idOp{}}, true), newField("meta", piece{op: m}, true),
		newField("resourceType", piece{op: &literal{json: fhirjson.AppendString(nil, typ)}}, true))))
	return p
}

// checkAbout keeps a client's chart about that client: a subject that named somebody else would stand in the wrong chart.
func (c *compiler) checkAbout(n *yaml.Node) {
	if c.h.directory() {
		return
	}
	for key, value := range pairs(n) {
		if !slices.Contains(aboutElements, key.Value) || c.h.resourceType == "Patient" {
			continue
		}
		if ref := get(value, "ref"); ref == nil || ref.Value != "self" {
			c.at(value, "%s must be {ref: self}: the row stands in the chart of its client", key.Value)
		}
	}
	if n := get(n, "securityLabel"); n != nil {
		c.at(n, "security labels come from the label rules, or from the practice by `labels: column`")
	}
}

// meta compiles meta: profiles from the template, lastUpdated from the map's `updated` column.
func (c *compiler) meta(n, whole *yaml.Node, p *plan) *metaOp {
	m := &metaOp{}
	ok := true
	if n != nil {
		keys := c.keys(n, "meta", "profile")
		p.profiles = c.texts(keys["profile"], "profile")
		canonical := &primitive{name: "canonical", kind: kindURI}
		for _, url := range p.profiles {
			if why := canonical.refuse(url); why != "" {
				c.at(n, "profile %q is %s", url, why)
				ok = false
			}
		}
	}
	if at := c.h.updated; at >= 0 {
		m.updated = &rowColumn{at: at, name: c.h.columns.list[at].Name}
	}
	if len(p.profiles) > 0 {
		m.profile = append(m.profile, `"profile":[`...)
		for i, url := range p.profiles {
			if i > 0 {
				m.profile = append(m.profile, ',')
			}
			m.profile = fhirjson.AppendString(m.profile, url)
		}
		m.profile = append(m.profile, ']')
		return m
	}
	if c.h.updated < 0 || c.h.columns.list[c.h.updated].Nullable {
		c.at(whole, "meta needs a profile, or the map an `updated` column that is never null")
		return nil
	}
	if !ok {
		return nil
	}
	return m
}

// idOp writes the resource's id.
type idOp struct{}

func (idOp) run(x *run) bool {
	x.buf = append(append(append(x.buf, '"'), x.this.ID...), '"')
	return true
}

// metaOp writes meta and notes where meta.security is to go: behind lastUpdated and profile, which sort before it.
type metaOp struct {
	updated *rowColumn
	profile []byte
}

func (m *metaOp) run(x *run) bool {
	x.buf = append(x.buf, '{')
	start := len(x.buf)
	if m.updated != nil {
		if v := m.updated.value(x); !v.IsNull() && !m.lastUpdated(x, v) {
			return false
		}
	}
	if len(m.profile) > 0 {
		if len(x.buf) > start {
			x.buf = append(x.buf, ',')
		}
		x.buf = append(x.buf, m.profile...)
	}
	if len(x.buf) == start {
		x.buf = x.buf[:start-1]
		return false
	}
	x.securityAt = len(x.buf)
	x.buf = append(x.buf, '}')
	return true
}

func (m *metaOp) lastUpdated(x *run, v *practice.Value) bool {
	x.buf = append(x.buf, `"lastUpdated":`...)
	t := v.Time
	if v.Type == practice.Date { // a partial one is updated at its beginning
		i, err := fhir.ParseDateTime(v.Text, x.zone)
		if err != nil {
			x.fail(m.updated.name, "no date that lastUpdated takes")
			return false
		}
		t = i.Start
	}
	x.lastUpdated = x.appendTime(t)
	return true
}
