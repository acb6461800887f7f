package mapping

import (
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/consentry/gateway/internal/fhir/fhirjson"
)

// MaxInlineBytes bounds Options.InlineBytes: base64 is a third longer, and a page holds many documents.
const MaxInlineBytes = 1 << 20

// isContent tells whether a place is the content of a document of a client's, which may go by a Binary of its own.
func (c *compiler) isContent(p place) bool {
	return c.options.Base != "" && c.h.resourceType == "DocumentReference" && !c.h.directory() && p.path == contentPath
}

const contentPath = "content.attachment"

// attachment compiles the content of a document a second time, for data that is too long to stand in it.
func (c *compiler) attachment(n *yaml.Node, p place, whole piece) piece {
	inline, ok := whole.op.(*object)
	if !ok || get(n, "data") == nil {
		return whole
	}
	if get(n, "url") != nil {
		c.at(n, "an attachment has data or a url: of one with both nobody can tell whether they are the same")
		return piece{}
	}
	apart := &object{path: inline.path, dynamic: true}
	for _, f := range inline.fields {
		if f.name != "data" && f.name != "hash" && f.name != "size" {
			apart.fields = append(apart.fields, f)
		}
	}
	generated := func(name string, o op) {
		apart.fields = append(apart.fields, newField(name, piece{op: o, dynamic: true}, false))
	}
	base := fhirjson.AppendString(nil, c.options.Base+"/Binary/")
	generated("hash", contentHash{})
	generated("size", contentSize{})
	generated("url", &contentURL{base: base[:len(base)-1], path: p.path + ".url"})
	if creation := c.creation(n, p); creation.op != nil {
		generated("creation", creation.op)
	}
	apart.fields = mergeLiterals(sorted(apart.fields))
	inline.fields = mergeLiterals(inline.fields)
	return piece{op: &attachment{inline: inline, apart: apart}, dynamic: whole.dynamic}
}

// creation says of content that stands apart and does not say so itself when it was made: when the document was.
func (c *compiler) creation(n *yaml.Node, p place) piece {
	if c.date == nil || get(n, "creation") != nil {
		return piece{}
	}
	e := elementsOf(p.message)["creation"]
	return c.value(c.date, place{element: e, path: joinPath(p.path, e.fact), parent: p.message, silent: true})
}

// since gives what was added after the first n.
func (b *block[T]) since(n int) []T { return slices.Clip(b.all[b.start+n:]) }
