package requester

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/smart"
)

// SelfAccess is the authenticated person who asks for a record of their own, or as a representative (45 CFR 164.524; design rule 6).
func (r *Requester) SelfAccess() (person fhir.Reference, ok bool) {
	if r.Kind != KindPatient || r.Person == (fhir.Reference{}) {
		return fhir.Reference{}, false
	}
	return r.Person, true
}

// Digest covers everything of the requester that a decision, or what is said of it, can depend on. Two requesters with one digest see the same view.
func (r *Requester) Digest() [sha256.Size]byte {
	r.once.Do(func() { r.digest = r.sum() })
	return r.digest
}

func (r *Requester) sum() [sha256.Size]byte {
	d := make(digester, 0, 1024)
	d.write("partner", r.PartnerID, r.Name, string(r.Kind))
	d.party("organization", r.Organization)
	if r.Practitioner != nil {
		d.party("practitioner", *r.Practitioner)
	}
	d.codings("purposes", r.Purposes)
	d.codings("registered", r.Registered)
	d.write("scopes", r.Scopes.String())
	d.write("patient", r.Patient.String())
	d.write("person", r.Person.String())
	d.write("only", r.Only.String())
	if r.Consents != nil {
		d.write("consents", slices.Sorted(slices.Values(r.Consents))...)
	}
	for _, rule := range r.Residual {
		d.rule(rule)
	}
	return sha256.Sum256(d)
}

// digester writes every text behind its length, so that no two different requesters are written alike.
type digester []byte

func (d *digester) write(name string, texts ...string) {
	*d = binary.AppendUvarint(*d, uint64(len(texts)))
	d.text(name)
	for _, s := range texts {
		d.text(s)
	}
}

func (d *digester) text(s string) {
	*d = append(binary.AppendUvarint(*d, uint64(len(s))), s...)
}

func (d *digester) party(name string, p Party) {
	d.write(name, p.Reference.String())
	ids := slices.SortedFunc(slices.Values(p.Identifiers), func(a, b fhir.Identifier) int {
		if c := strings.Compare(a.System, b.System); c != 0 {
			return c
		}
		return strings.Compare(a.Value, b.Value)
	})
	for _, id := range ids {
		d.write("identifier", id.System, id.Value)
	}
}

func (d *digester) rule(r smart.ResidualRule) {
	d.write("residual", strconv.FormatBool(r.Permit), strconv.FormatBool(r.Unread))
	d.codings("labels", r.Labels)
	for _, p := range r.Periods {
		d.write("period", p.Start, p.End)
	}
	for _, datum := range r.Data {
		d.write("data", datum.Meaning, datum.Reference.String())
	}
}

func (d *digester) codings(name string, codings []fhir.Coding) {
	texts := make([]string, 0, 2*len(codings))
	sorted := slices.SortedFunc(slices.Values(codings), func(a, b fhir.Coding) int { return strings.Compare(a.Key(), b.Key()) })
	for _, c := range sorted {
		texts = append(texts, c.System, c.Code)
	}
	d.write(name, texts...)
}
