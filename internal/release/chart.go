package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/stage"
)

// chart is everything that the gateway may read about one client, mapped and labeled.
type chart struct {
	version string // of the records
	labeled []stage.Labeled
	ties    []mapping.Tie
	others  []practice.ClientKey // the other clients whom a record is about
	digest  string
	weight  uint32
}

// chartOf gives a client's chart in a state of the records.
func (s *Service) chartOf(ctx context.Context, at state, client practice.ClientKey) (*chart, error) {
	if kept, ok := s.charts.GetIfPresent(client); ok && at.version != "" && kept.version == at.version {
		return kept, nil
	}
	mapped, err := at.Chart(ctx, client)
	if err != nil {
		return nil, unavailable(err)
	}
	c := &chart{version: at.version, labeled: s.opts.Labels.Apply(mapped.Candidates), ties: mapped.Ties}
	c.others = s.otherClients(client, c.labeled)
	c.digest, c.weight = summary(c.labeled)
	if at.version != "" {
		s.charts.Set(client, c)
	}
	return c, nil
}

// otherClients names the clients besides one whom records of the chart are about. One that cannot be told has no Consents here, so that its
// records are withheld.
func (s *Service) otherClients(client practice.ClientKey, chart []stage.Labeled) []practice.ClientKey {
	var others []practice.ClientKey
	seen := map[fhir.Reference]bool{}
	for _, l := range chart {
		for _, ref := range consent.Concerned(l.Facts(), s.opts.Rules) {
			if seen[ref] {
				continue
			}
			seen[ref] = true
			if key, ok := s.opts.Sealer.Open(ref.Type, ref.ID); ok && key != "" && practice.ClientKey(key) != client {
				others = append(others, practice.ClientKey(key))
			}
		}
	}
	return others
}

// summary gives a digest of the bodies, and what they weigh in memory: the facts are about as large as the body.
func summary(labeled []stage.Labeled) (digest string, weight uint32) {
	h := sha256.New()
	size := 1024
	for _, l := range labeled {
		d := l.Digest()
		h.Write(d[:])
		for _, d := range l.BinaryDigests() {
			h.Write(d[:])
		}
		size += 2*l.Size() + 512 + l.DataSize()
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), clamp(size)
}
