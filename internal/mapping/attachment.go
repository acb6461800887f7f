package mapping

import (
	"crypto/sha1" //nolint:gosec // what FHIR R4 wants in Attachment.hash; nothing rests on it
	"encoding/base64"
	"strconv"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/release/stage"
)

// attachment writes the content of a document (FHIR R4 2.24.0.8): with its data or, where that is longer than may stand there, with the URL of a
// Binary that holds it.
type attachment struct {
	inline *object
	apart  *object
}

func (a *attachment) run(x *run) bool {
	x.large = nil
	if a.inline.run(x) {
		return true
	}
	if x.fault != nil || x.large == nil {
		return false
	}
	id, err := x.ids.sealer.Seal("Binary", string(x.client), x.kind, BinaryKey(x.key, len(x.contents)))
	if err != nil {
		x.fail("", "the id of its content cannot be made")
		return false
	}
	c := content{id: id, contentType: unknownContent, raw: x.large}
	x.large = nil
	formats := x.facts.formats.count()
	x.contents = append(x.contents, c)
	if !a.apart.run(x) {
		x.contents = x.contents[:len(x.contents)-1]
		return false
	}
	if said := x.facts.formats.since(formats); len(said) > 0 {
		x.contents[len(x.contents)-1].contentType = said[0]
	}
	return true
}

// content is what goes into a Binary of its own.
type content struct {
	id          string
	contentType string
	raw         []byte
}

// unknownContent is the content type of what does not say what it is.
const unknownContent = "application/octet-stream"

// BinaryKey is the key under which the id of the Binary is sealed that holds a document's content: there may be several, counted from 0.
func BinaryKey(document string, n int) string { return document + "/" + strconv.Itoa(n) }

// Hash is what Attachment.hash says of data: its SHA-1 (FHIR R4 2.24.0.8), encoded.
func Hash(raw []byte) []byte {
	sum := sha1.Sum(raw) //nolint:gosec // see the import
	return sum[:]
}

// newest is the content whose attachment is being written.
func (x *run) newest() *content { return &x.contents[len(x.contents)-1] }

// contentHash, contentSize and contentURL write what an attachment says of content that stands apart.
type (
	contentHash struct{}
	contentSize struct{}
	contentURL  struct {
		base []byte // `"https://…/Binary/`
		path string
	}
)

func (contentHash) run(x *run) bool {
	x.buf = append(base64.StdEncoding.AppendEncode(append(x.buf, '"'), Hash(x.newest().raw)), '"')
	return true
}

func (contentSize) run(x *run) bool {
	x.buf = strconv.AppendInt(x.buf, int64(len(x.newest().raw)), 10)
	return true
}

func (u *contentURL) run(x *run) bool {
	id := x.newest().id
	x.buf = append(append(append(x.buf, u.base...), id...), '"')
	x.facts.references.add(stage.At[fhir.Reference]{Path: u.path, Value: fhir.Reference{Type: "Binary", ID: id}})
	return true
}

// binaryResource is a Binary before it is sealed.
type binaryResource struct {
	encoded
	dataAt int
	raw    []byte
}

// Binary makes the Candidate of the Binary that holds the content of a document: about the same people, of the same origin and time, and with what
// the source says of the document's labels. It takes over raw.
func Binary(document *stage.Facts, id, contentType string, raw []byte) (stage.Candidate, error) {
	b := newBinary(document, content{id, contentType, raw})
	return b.candidate()
}

func (b *binaryResource) candidate() (stage.Candidate, error) {
	return stage.NewBinary(b.json, b.dataAt, b.securityAt, b.raw, b.facts)
}

// newBinary writes the resource without its data, with securityContext: who may read the document may read its content (FHIR R4 2.41).
func newBinary(document *stage.Facts, c content) binaryResource {
	of := fhir.Reference{Type: document.Type, ID: document.ID}
	out := binaryResource{raw: c.raw}
	b := append(make([]byte, 0, 512), `{"contentType":`...)
	b = fhirjson.AppendString(b, c.contentType)
	out.dataAt = len(b)
	b = append(append(append(b, `,"id":"`...), c.id...), `","meta":{`...)
	if t := document.LastUpdated.Start.UTC(); !t.IsZero() {
		layout := `"lastUpdated":"2006-01-02T15:04:05Z",`
		if t.Nanosecond() > 0 {
			layout = `"lastUpdated":"2006-01-02T15:04:05.000Z",`
		}
		b = t.AppendFormat(b, layout)
	}
	b = append(b, `"profile":["`+binaryProfile+`"]`...)
	out.securityAt = len(b)
	b = append(append(append(b, `},"resourceType":"Binary","securityContext":{"reference":"`...), of.String()...), `"}}`...)
	out.json = b
	out.facts = &stage.Facts{
		Type: "Binary", ID: c.id, Subject: document.Subject, Clients: document.Clients, Origin: document.Origin, When: document.When,
		Authors: document.Authors, SourceLabels: document.SourceLabels, Inherits: document.Inherits, InheritsChart: document.InheritsChart,
		Profiles: []string{binaryProfile}, Formats: []string{c.contentType}, LastUpdated: document.LastUpdated,
		References: []stage.At[fhir.Reference]{{Path: "securityContext", Value: of}},
	}
	return out
}

// binaryProfile is the base definition: a Binary has none of our own.
const binaryProfile = "http://hl7.org/fhir/StructureDefinition/Binary"
