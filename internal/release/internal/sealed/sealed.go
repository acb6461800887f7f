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
}

// draft is an encoded resource that lacks its labels. It has no digest: nothing is ever released by it.
type draft struct{ json []byte }

// Candidate is a mapped resource that nobody has labeled yet. securityAt is the offset in json where meta.security is spliced in.
type Candidate struct {
	d          *draft
	facts      *Facts
	securityAt int
}

// Labeled is a resource with its final security labels, in meta.security as well.
type Labeled struct {
	facts  *Facts
	labels []fhir.Coding
	c      *content
}

// Released is a resource that a decision lets out to one requester.
type Released struct {
	grant Grant
	c     *content
	facts *Facts
	label []fhir.Coding
}

// Grant says why a resource was released: the Consent and the path of the provision that permit it, both empty for self-access and
// for the practice's directory.
type Grant struct {
	Reason    string
	Consent   fhir.Reference
	Provision string
}

// New makes a Candidate. json is the resource, encoded without meta.security; securityAt is the offset right after the value of
// meta's last member that sorts before "security", so that `,"security":[...]` fits there.
func New(json []byte, securityAt int, f *Facts) (Candidate, error) {
	if f == nil || securityAt <= 0 || securityAt >= len(json) {
		return Candidate{}, fmt.Errorf("sealed: no facts, or no place for meta.security")
	}
	return Candidate{d: &draft{json}, facts: f, securityAt: securityAt}, nil
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
	return Labeled{facts: c.facts, labels: labels, c: seal(json)}
}

// Release makes a Released. Only package consent calls it.
func Release(l Labeled, g Grant) Released {
	if l.c == nil {
		return Released{}
	}
	return Released{grant: g, c: l.c, facts: l.facts, label: l.labels}
}

// Reshape gives a Released another body and facts: what is left of it when references are removed or a projection is applied.
// The labels stay. Only package egress calls it.
func Reshape(r Released, json []byte, f *Facts) Released {
	if r.c == nil || f == nil {
		return Released{}
	}
	return Released{grant: r.grant, c: seal(json), facts: f, label: r.label}
}

// Extract gives a Released a body made anew, with the facts and labels of that body: nothing is left of what it was but its id. Only package
// egress calls it.
func Extract(r Released, json []byte, f *Facts, labels []fhir.Coding) Released {
	out := Reshape(r, json, f)
	if out.c != nil {
		out.label = labels
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

func seal(json []byte) *content { return &content{json: json, digest: sha256.Sum256(json)} }

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
