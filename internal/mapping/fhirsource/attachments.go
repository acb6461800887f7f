package fhirsource

import (
	"mime"
	"slices"

	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	binarypb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/binary_go_proto"
	reportpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/diagnostic_report_go_proto"
	docpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/document_reference_go_proto"
	"google.golang.org/protobuf/proto"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/release/facts"
	"github.com/consentry/gateway/internal/release/stage"
)

const typeBinary = "Binary"

// contents is what the attachments of a document hold.
type contents struct {
	apart  []apart
	labels []fhir.Coding // of the source's Binaries: they hold for the document
	// mixed says that a Binary is of another content type than its attachment: nobody knows what it is.
	mixed bool
}

// apart is what goes into a Binary of its own.
type apart struct {
	id, contentType string
	raw             []byte
}

// attachments puts the content of a document where it belongs by its length, whether the source has it in the document or in a Binary. A url that
// leads to no Binary of this document's stays, and is dropped with all that leads elsewhere.
func (b *builder) attachments(m member, msg proto.Message) (out contents, err error) {
	switch x := msg.(type) {
	case *docpb.DocumentReference:
		for i, c := range x.Content {
			if c.Attachment == nil {
				continue
			}
			if err := b.attachment(m, i, c.Attachment, x.Date, &out); err != nil {
				return out, err
			}
		}
	case *reportpb.DiagnosticReport: // US Core: where a document shows the same, both have its URL
		for _, a := range x.PresentedForm {
			ref, ok := fhir.ParseURL(b.source, a.GetUrl().GetValue())
			if !ok || ref.Type != typeBinary || a.Data != nil || b.documents[ref] == nil {
				continue
			}
			sealed, err := b.seal(ref)
			if err != nil {
				return out, err
			}
			a.Url.Value = b.url(sealed)
		}
	}
	return out, nil
}

func (b *builder) url(binary fhir.Reference) string { return b.opts.Base + "/" + binary.String() }

// precisions are those of a dateTime that an instant can have: the two count them differently.
var precisions = map[dtpb.Instant_Precision]dtpb.DateTime_Precision{
	dtpb.Instant_SECOND: dtpb.DateTime_SECOND, dtpb.Instant_MILLISECOND: dtpb.DateTime_MILLISECOND, dtpb.Instant_MICROSECOND: dtpb.DateTime_MICROSECOND,
}

func (b *builder) attachment(m member, at int, a *dtpb.Attachment, date *dtpb.Instant, out *contents) error {
	raw, id := a.GetData().GetValue(), ""
	if a.Url != nil {
		ref, _ := fhir.ParseURL(b.source, a.Url.Value)
		e := b.byRef[ref]
		if a.Data != nil || ref.Type != typeBinary || e == nil || b.documents[ref] != m.entry {
			return nil
		}
		sealed, err := b.seal(ref)
		if err != nil {
			return err
		}
		if raw, err = b.content(m, e, a, out); err != nil || raw == nil {
			return err
		}
		id = sealed.ID
		b.used = append(b.used, e)
	}
	if len(raw) <= b.opts.InlineBytes {
		if len(raw) > 0 {
			a.Data, a.Url = &dtpb.Base64Binary{Value: raw}, nil
		}
		return nil
	}
	if id == "" {
		var err error
		if id, err = b.opts.Sealer.Seal(typeBinary, string(b.client), Kind, mapping.BinaryKey(m.ref.ID, at)); err != nil {
			return err
		}
	}
	a.Data, a.Url = nil, &dtpb.Url{Value: b.url(fhir.Reference{Type: typeBinary, ID: id})}
	a.Size, a.Hash = &dtpb.UnsignedInt{Value: uint32(len(raw))}, &dtpb.Base64Binary{Value: mapping.Hash(raw)}
	if a.Creation == nil && date != nil {
		a.Creation = &dtpb.DateTime{ValueUs: date.ValueUs, Timezone: date.Timezone, Precision: precisions[date.Precision]}
	}
	contentType := a.GetContentType().GetValue()
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	if !slices.ContainsFunc(out.apart, func(x apart) bool { return x.id == id }) { // one in two formats
		out.apart = append(out.apart, apart{id, contentType, raw})
	}
	return nil
}

// content reads a Binary of the source for an attachment of a document. It gives nothing if it cannot be told that who may read the document may
// read the Binary, or if it says what cannot be read.
func (b *builder) content(m member, e *entry, a *dtpb.Attachment, out *contents) ([]byte, error) {
	text, err := e.file.At(e.place)
	if err != nil {
		return nil, err
	}
	msg, err := fhirjson.Parse(text)
	if err != nil {
		return nil, err
	}
	x, ok := msg.(*binarypb.Binary)
	if !ok || x.ImplicitRules != nil || !b.sharesContext(m, x.SecurityContext) {
		return nil, nil
	}
	f, err := facts.Extract(msg, facts.Options{Zone: b.opts.Zone, Types: b.opts.Types})
	if err != nil {
		return nil, err
	}
	if len(f.SourceLabels) < len(x.GetMeta().GetSecurity()) { // one without a code, or one that stands twice
		return nil, nil
	}
	said := x.GetContentType().GetValue()
	if a.GetContentType().GetValue() == "" {
		a.ContentType = &dtpb.Attachment_ContentTypeCode{Value: said}
	} else if mediaType(a.ContentType.Value) != mediaType(said) {
		out.mixed = true
	}
	out.labels = append(out.labels, f.SourceLabels...)
	return x.GetData().GetValue(), nil
}

func mediaType(s string) string {
	t, _, _ := mime.ParseMediaType(s)
	return t
}

// sharesContext tells whether a Binary's securityContext, which stands for who may read it (FHIR R4 2.41), is the document itself or one of the
// clients whom the document is about. Any other would be a decision of its own, which nobody makes here.
func (b *builder) sharesContext(m member, context *dtpb.Reference) bool {
	if context == nil {
		return true
	}
	ref := fhirjson.ReferenceOf(context)
	client, isClient := b.clients[ref]
	return ref == m.ref || isClient && slices.Contains(m.about, client)
}

// binaries makes the Candidates of what goes into Binaries.
func (c *contents) binaries(document *stage.Facts) (list []stage.Candidate, err error) {
	for _, x := range c.apart {
		made, err := mapping.Binary(document, x.id, x.contentType, x.raw)
		if err != nil {
			return nil, err
		}
		list = append(list, made)
	}
	return list, nil
}

// binariesOf are the Binaries of the source that a resource refers to.
func binariesOf(f *stage.Facts) (refs []fhir.Reference) {
	for _, r := range f.References {
		if r.Value.Type == typeBinary && !slices.Contains(refs, r.Value) {
			refs = append(refs, cloned(r.Value))
		}
	}
	return refs
}

// shareOut gives each Binary to the one document that refers to it. One to which several do, or something that is not released, is given to none:
// nobody could tell by which of them it is to be decided.
func (k *linker) shareOut() {
	k.documents = map[fhir.Reference]*entry{}
	taken := map[fhir.Reference]bool{}
	for _, f := range k.files {
		for _, ref := range f.unreleased {
			taken[ref] = true
		}
	}
	for e := range k.all() {
		if e.links == nil {
			continue
		}
		for _, ref := range e.links.binaries {
			if taken[ref] {
				delete(k.documents, ref)
				continue
			}
			taken[ref], k.documents[ref] = true, e
		}
	}
}
