package egress

import (
	"crypto/sha256"
	"slices"
	"strings"
	"sync"

	patientpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/patient_go_proto"
	"google.golang.org/protobuf/proto"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/release/facts"
	"github.com/consentry/gateway/internal/release/internal/sealed"
	"github.com/consentry/gateway/internal/release/stage"
)

// Without takes out of a resource every reference for which gone says yes: the whole element, and what it leaves empty. It gives false,
// and nothing, if a required element would be lost, or if the body cannot be worked on: then the resource is not released. In meta.profile
// stays what the rest still keeps.
//
// gone is also asked about the zero Reference, for each reference that names no resource of ours (absolute, logical, display alone).
func (e *Egress) Without(r stage.Released, gone func(fhir.Reference) bool) (stage.Released, bool) {
	old := r.Facts()
	if old == nil || r.Size() == 0 || gone == nil {
		return stage.Released{}, false
	}
	key, lost := goneKey(r, gone)
	switch {
	case len(lost) == 0 && !claimsMore(old):
		return r, true
	case old.Type == "Consent" && losesProvision(old, gone):
		return stage.Released{}, false
	}
	if kept, ok := e.projected.get(key); ok && kept.from == old {
		return kept.released(r)
	}
	p := e.project(r, func(m proto.Message) (proto.Message, error) {
		left, err := fhirjson.Project(m, fhirjson.Projection{Gone: gone, Base: e.base})
		if err == nil {
			claim(left, lost)
		}
		return left, err
	})
	if p.facts != nil {
		if _, left := goneKey(sealed.Reshape(r, p.json, p.facts), gone); len(left) > 0 {
			p = projection{from: old} // it still says what it should not
		}
	}
	e.projected.put(key, p)
	return p.released(r)
}

// losesProvision tells whether a Consent's provision would lose an actor or data. Without it the provision would say something else: one that
// names nobody is for everybody.
func losesProvision(f *stage.Facts, gone func(fhir.Reference) bool) bool {
	return slices.ContainsFunc(f.References, func(at stage.At[fhir.Reference]) bool {
		return strings.HasPrefix(at.Path, "provision.") && gone(at.Value)
	})
}

// MinimalPatient keeps of a Patient what a requester needs to know whose records these are: id, meta, identifier, active, name, gender and
// birthDate. No address, no contact point, nobody else.
func (e *Egress) MinimalPatient(r stage.Released) (stage.Released, bool) {
	if f := r.Facts(); f == nil || f.Type != "Patient" {
		return stage.Released{}, false
	}
	p := e.project(r, func(m proto.Message) (proto.Message, error) {
		full, ok := m.(*patientpb.Patient)
		if !ok {
			return nil, errNotPatient
		}
		full = proto.CloneOf(full)
		for _, i := range full.GetIdentifier() {
			i.Assigner = nil
		}
		return &patientpb.Patient{Id: full.GetId(), Meta: full.GetMeta(), Identifier: full.GetIdentifier(), Active: full.GetActive(),
			Name: full.GetName(), Gender: full.GetGender(), BirthDate: full.GetBirthDate()}, nil
	})
	return p.released(r)
}

// subset cuts out of a resource what `_elements` or `_summary` asks for. False says that it cannot be done.
func (e *Egress) subset(r stage.Released, s fhirjson.Subset) (stage.Released, bool) {
	d := r.Digest()
	key := sha256.Sum256(append([]byte("subset\x00"+s.Key()+"\x00"), d[:]...))
	if kept, ok := e.projected.get(key); ok && kept.from == r.Facts() {
		return kept.released(r)
	}
	p := e.project(r, func(m proto.Message) (proto.Message, error) {
		return fhirjson.Project(m, fhirjson.Projection{Subset: s})
	})
	e.projected.put(key, p)
	return p.released(r)
}

// projection is what is left of a body. Without facts it is withheld.
type projection struct {
	from  *stage.Facts // of the whole resource
	json  []byte
	facts *stage.Facts
}

func (p projection) released(r stage.Released) (stage.Released, bool) {
	if p.facts == nil {
		return stage.Released{}, false
	}
	return sealed.Reshape(r, p.json, p.facts), true
}

// project makes another body and its facts. Any doubt withholds.
func (e *Egress) project(r stage.Released, change func(proto.Message) (proto.Message, error)) projection {
	old := r.Facts()
	withheld := projection{from: old}
	whole, err := fhirjson.Parse(sealed.Open(r))
	if err != nil {
		return withheld
	}
	left, err := change(whole)
	if err != nil {
		return withheld
	}
	json, err := fhirjson.Append(make([]byte, 0, r.Size()), left, fhirjson.Projection{})
	if err != nil {
		return withheld
	}
	f, err := facts.Extract(left, facts.Options{
		Zone: e.zone, Types: e.types, Base: e.base, Subject: old.Subject, Clients: old.Clients, Origin: old.Origin, Labels: old.SourceLabels,
		Inherits: old.Inherits, InheritsChart: old.InheritsChart,
	})
	if err != nil || f.Type != old.Type || f.ID != old.ID {
		return withheld
	}
	f.When = old.When // a record happened when it did, whatever is shown of it
	return projection{from: old, json: json, facts: f}
}

// goneKey identifies a body and what is gone from it, and gives the paths of that.
func goneKey(r stage.Released, gone func(fhir.Reference) bool) (key [sha256.Size]byte, lost []string) {
	var text []byte
	for _, at := range r.Facts().References {
		if gone(at.Value) {
			text = append(append(text, at.Value.String()...), 0)
			lost = append(lost, at.Path)
		}
	}
	if len(lost) == 0 && !claimsMore(r.Facts()) {
		return key, nil
	}
	d := r.Digest()
	return sha256.Sum256(append(text, d[:]...)), lost
}

// maxProjected bounds the memory of projections, in bytes of JSON for each of two generations.
const maxProjected = 32 << 20

// projections remembers what was projected: without it each new view of a chart would parse the same bodies again.
type projections struct {
	mu           sync.RWMutex
	newer, older map[[sha256.Size]byte]projection
	size         int
}

func (c *projections) get(key [sha256.Size]byte) (projection, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if p, ok := c.newer[key]; ok {
		return p, true
	}
	p, ok := c.older[key]
	return p, ok
}

func (c *projections) put(key [sha256.Size]byte, p projection) {
	const overhead = 512 // facts, keys
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.newer == nil || c.size > maxProjected {
		c.older, c.newer, c.size = c.newer, map[[sha256.Size]byte]projection{}, 0
	}
	c.newer[key] = p
	c.size += 2*len(p.json) + overhead
}
