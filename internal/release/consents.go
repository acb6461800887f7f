package release

import (
	"context"
	"crypto/sha256"
	"errors"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release/policy"
)

// consentsOf is the Consents of one client, as of a version of the records. Under another version they say nothing, but a Consent whose text is
// found there again need not be compiled again.
type consentsOf struct {
	version string // "" where the state has no name
	set     policy.Set
	bytes   int
}

func (c consentsOf) weight() uint32 { return clamp(4*c.bytes + 256) }

// setsOf gives the Consents of clients in a state of the records, by Patient.
func (s *Service) setsOf(ctx context.Context, at state, clients []practice.ClientKey) (map[fhir.Reference]policy.Set, error) {
	sets := make(map[fhir.Reference]policy.Set, len(clients))
	var missing []practice.ClientKey
	before := map[practice.ClientKey]policy.Set{}
	for _, c := range clients {
		kept, ok := s.consents.GetIfPresent(c)
		if !ok || at.version == "" || kept.version != at.version {
			missing, before[c] = append(missing, c), kept.set
			continue
		}
		patient, err := s.patient(c)
		if err != nil {
			return nil, err
		}
		sets[patient] = kept.set
	}
	if len(missing) == 0 {
		return sets, nil
	}
	documents, err := at.Consents(ctx, missing)
	if err != nil {
		return nil, unavailable(err)
	}
	byClient := map[practice.ClientKey][]mapping.ConsentDocument{}
	for _, d := range documents {
		byClient[d.Client] = append(byClient[d.Client], d)
	}
	for _, c := range missing {
		patient, err := s.patient(c)
		if err != nil {
			return nil, err
		}
		set, size := s.compile(patient, byClient[c], before[c])
		sets[patient] = set
		s.consents.Set(c, consentsOf{version: at.version, set: set, bytes: size})
	}
	return sets, nil
}

// compile makes the Set of one client. A Consent that does not compile, or that is another client's than its row, is unreadable: it withholds
// everything of its client but self-access (rule 8). What a Policy is depends on the text, the rules and the zone: the first is compared by its
// digest with those of the client's Policies from before, the others are the Service's own and never change.
func (s *Service) compile(patient fhir.Reference, documents []mapping.ConsentDocument, before policy.Set) (set policy.Set, size int) {
	policies := make([]*policy.Policy, 0, len(documents))
	for _, d := range documents {
		p, err := before.Compiled(sha256.Sum256(d.JSON)), error(nil)
		if p == nil {
			p, err = policy.Compile(d.JSON, s.opts.Zone, s.opts.Rules)
		}
		if err != nil || p.Patient != patient {
			p = nil // policy.NewSet takes it as unreadable
		}
		policies = append(policies, p)
		size += len(d.JSON)
	}
	return policy.NewSet(policies...), size
}

var errSeal = errors.New("release: a client's id cannot be made")

// patient gives the reference to a client's Patient.
func (s *Service) patient(c practice.ClientKey) (fhir.Reference, error) {
	id, err := s.opts.Sealer.Seal("Patient", string(c), kindPatient, string(c))
	if err != nil {
		return fhir.Reference{}, unavailable(errors.Join(errSeal, err))
	}
	return fhir.Reference{Type: "Patient", ID: id}, nil
}

func clamp(n int) uint32 { return uint32(min(n, 1<<31)) }
