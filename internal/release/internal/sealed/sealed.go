// Package sealed holds the three stages of a resource on its way out, with the constructors and openers that only packages below
// release may call. Package stage is its public face; the arch test says who may call which function here.
//
// The three types have three layouts on purpose: structs of one layout convert into each other from any package. Their content lies
// behind a pointer without exported methods, so that no formatter, logger or marshaler prints it.
package sealed

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/consentry/gateway/internal/fhir"
)

// content is an encoded resource. It is never changed once made.
type content struct {
	json   []byte
	digest [sha256.Size]byte
	data   *data
}

// draft is an encoded resource that lacks its labels. It has no digest: nothing is ever released by it.
type draft struct {
	json []byte
	data *data
}

// Candidate is a mapped resource that nobody has labeled yet. securityAt is the offset in json where meta.security is spliced in.
type Candidate struct {
	d          *draft
	facts      *Facts
	securityAt int
	binaries   []Candidate
}

// Labeled is a resource with its final security labels, in meta.security as well.
type Labeled struct {
	facts    *Facts
	labels   []fhir.Coding
	c        *content
	binaries []Labeled
}

// Released is a resource that a decision lets out to one requester.
type Released struct {
	grant    Grant
	c        *content
	facts    *Facts
	label    []fhir.Coding
	binaries []Released
}

// Grant says why a resource was released: the Consent and the path of the provision that permit it, both empty for self-access and
// for the practice's directory.
type Grant struct {
	Reason    string
	Consent   fhir.Reference
	Provision string
}

// New makes a Candidate. json is the resource, encoded without meta.security; securityAt is the offset right after the value of
// meta's last member that sorts before "security", so that `,"security":[...]` fits there. binaries are what the resource's attachments lead to:
// from now on they go where it goes.
func New(json []byte, securityAt int, f *Facts, binaries ...Candidate) (Candidate, error) {
	if f == nil || securityAt <= 0 || securityAt >= len(json) {
		return Candidate{}, fmt.Errorf("sealed: no facts, or no place for meta.security")
	}
	for _, b := range binaries {
		if b.d == nil || b.d.data == nil || !leadsTo(f, b.facts) {
			return Candidate{}, fmt.Errorf("sealed: no Binary of this %s's", f.Type)
		}
	}
	return Candidate{d: &draft{json: json}, facts: f, securityAt: securityAt, binaries: binaries}, nil
}

// Label makes a Labeled: labels are what decides, security is the encoded `,"security":[...]` to splice in, or empty. Only package
// label calls it.
func Label(c Candidate, labels []fhir.Coding, security []byte) Labeled {
	if c.d == nil {
		return Labeled{}
	}
	json := c.d.json
	if len(security) > 0 {
		json = slices.Concat(json[:c.securityAt], security, json[c.securityAt:])
	}
	l := Labeled{facts: c.facts, labels: labels, c: seal(json, c.d.data)}
	for _, b := range c.binaries {
		l.binaries = append(l.binaries, Label(b, labels, security))
	}
	return l
}

// Release makes a Released. Only package consent calls it.
func Release(l Labeled, g Grant) Released {
	if l.c == nil {
		return Released{}
	}
	r := Released{grant: g, c: l.c, facts: l.facts, label: l.labels}
	for _, b := range l.binaries {
		r.binaries = append(r.binaries, Release(b, g))
	}
	return r
}

// Reshape gives a Released another body and facts: what is left of it when references are removed or a projection is applied.
// The labels stay, and so do the Binaries that it still leads to. Only package egress calls it.
func Reshape(r Released, json []byte, f *Facts) Released {
	if r.c == nil || f == nil {
		return Released{}
	}
	out := Released{grant: r.grant, c: seal(json, r.c.data), facts: f, label: r.label}
	for _, b := range r.binaries {
		if leadsTo(f, b.facts) {
			out.binaries = append(out.binaries, b)
		}
	}
	return out
}

// Extract gives a Released a body made anew, with the facts and labels of that body: nothing is left of what it was but its id. Only package
// egress calls it.
func Extract(r Released, json []byte, f *Facts, labels []fhir.Coding) Released {
	out := Reshape(r, json, f)
	if out.c != nil {
		out.label, out.binaries = labels, nil
	}
	return out
}

// Open gives the encoded body; nil for the zero value. The caller must not change it. Only package egress calls it.
func Open(r Released) []byte {
	if r.c == nil {
		return nil
	}
	return r.c.json
}

// seal makes a body. The digest of a Binary is that of its resource with the digest of its data in place of the data.
func seal(json []byte, d *data) *content {
	if d == nil {
		return &content{json: json, digest: sha256.Sum256(json)}
	}
	h := sha256.New()
	h.Write(json)
	h.Write(d.digest[:])
	c := &content{json: json, data: d}
	h.Sum(c.digest[:0])
	return c
}

// Facts are the facts of the resource; nil for the zero value.
func (c Candidate) Facts() *Facts { return c.facts }

// Facts are the facts of the resource; nil for the zero value.
func (l Labeled) Facts() *Facts { return l.facts }

// Labels are the final security labels.
func (l Labeled) Labels() []fhir.Coding { return l.labels }

// Facts are the facts of the resource; nil for the zero value.
func (r Released) Facts() *Facts { return r.facts }

// Labels are the final security labels.
func (r Released) Labels() []fhir.Coding { return r.label }

// Grant says why the resource was released.
func (r Released) Grant() Grant { return r.grant }

// Digest is the SHA-256 of the body; all zeros for the zero value.
func (r Released) Digest() [sha256.Size]byte {
	if r.c == nil {
		return [sha256.Size]byte{}
	}
	return r.c.digest
}

// Digest is the SHA-256 of the body with its labels; all zeros for the zero value.
func (l Labeled) Digest() [sha256.Size]byte {
	if l.c == nil {
		return [sha256.Size]byte{}
	}
	return l.c.digest
}

// Size is the length of the body in bytes.
func (r Released) Size() int { return len(Open(r)) }

// Size is the length of the body in bytes.
func (l Labeled) Size() int {
	if l.c == nil {
		return 0
	}
	return len(l.c.json)
}
