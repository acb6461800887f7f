package sealed

import (
	"crypto/sha256"
	"errors"
	"slices"

	"github.com/consentry/gateway/internal/fhir"
)

// AttachmentURL is the path of the element that leads from a document to its Binary.
const AttachmentURL = "content.attachment.url"

// data is what a Binary holds, as raw bytes: it becomes base64 only in an answer that is FHIR JSON.
type data struct {
	raw    []byte
	digest [sha256.Size]byte
	at     int // where `,"data":"..."` is to be spliced into the resource
}

// NewBinary makes the Candidate of a Binary: json is the resource without its data, which is to be spliced in at dataAt, and without
// meta.security (see New). It takes over raw, which must not be changed any more. By itself it goes nowhere: it has no labels and no decision but
// those of the resource that it is given to.
func NewBinary(json []byte, dataAt, securityAt int, raw []byte, f *Facts) (Candidate, error) {
	c, err := New(json, securityAt, f)
	if err != nil {
		return Candidate{}, err
	}
	if f.Type != "Binary" || len(raw) == 0 || dataAt <= 0 || dataAt >= securityAt {
		return Candidate{}, errors.New("sealed: no Binary, or no data")
	}
	c.d.data = &data{raw: raw, digest: sha256.Sum256(raw), at: dataAt}
	return c, nil
}

// leadsTo tells whether a document has an attachment whose content is in the Binary, and is about the same people.
func leadsTo(document, binary *Facts) bool {
	to := At[fhir.Reference]{Path: AttachmentURL, Value: fhir.Reference{Type: binary.Type, ID: binary.ID}}
	return slices.Contains(document.References, to) && document.Subject == binary.Subject && slices.Equal(document.Clients, binary.Clients)
}

// Binaries are the Binaries that the resource's attachments lead to, released with it.
func (r Released) Binaries() []Released { return r.binaries }

// Data gives the raw bytes of a Binary and where they are to be spliced into the resource; nil for any other resource. The caller must not change
// them. Only package egress calls it.
func Data(r Released) (raw []byte, at int) {
	if r.c == nil || r.c.data == nil {
		return nil, 0
	}
	return r.c.data.raw, r.c.data.at
}

// DataDigest is the SHA-256 of a Binary's raw bytes; all zeros for any other resource.
func (r Released) DataDigest() [sha256.Size]byte {
	if r.c == nil || r.c.data == nil {
		return [sha256.Size]byte{}
	}
	return r.c.data.digest
}

// DataSize is how many raw bytes the Binaries of a resource, or a Binary itself, keep in memory.
func (r Released) DataSize() int {
	raw, _ := Data(r)
	n := len(raw)
	for _, b := range r.binaries {
		n += b.DataSize()
	}
	return n
}

// BinaryDigests are the digests of the Binaries that the resource's attachments lead to.
func (l Labeled) BinaryDigests() (all [][sha256.Size]byte) {
	for _, b := range l.binaries {
		all = append(all, b.Digest())
	}
	return all
}

// DataSize is how many raw bytes the Binaries of the resource keep in memory.
func (l Labeled) DataSize() (n int) {
	for _, b := range l.binaries {
		n += len(b.c.data.raw)
	}
	return n
}
