package mapping

import (
	"sync"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/practice"
)

// ids seals the ids of one chart and remembers them: a chart names its Patient, its encounters and its clinicians many times.
type ids struct {
	sealer    Sealer
	client    practice.ClientKey
	patient   fhir.Reference
	practice  fhir.Reference
	alone     []fhir.Reference // the patient, for rows about nobody else
	own       map[idKey]string
	directory *idCache
}

type idKey struct{ kind, key string }

func (m *Maps) newIDs(client practice.ClientKey) (*ids, error) {
	s := &ids{sealer: m.sealer, client: client, practice: m.practice, own: map[idKey]string{}, directory: m.directory}
	if client == "" {
		return s, nil
	}
	id, err := m.sealer.Seal("Patient", string(client), kindPatient, string(client))
	if err != nil {
		return nil, err
	}
	s.patient = fhir.Reference{Type: "Patient", ID: id}
	s.alone = []fhir.Reference{s.patient}
	return s, nil
}

// id is the id of the resource that a kind makes for a key, in this chart or in the directory.
func (s *ids) id(typ, kind, key string, directory bool) (string, error) {
	k := idKey{kind, key}
	if directory {
		if id, ok := s.directory.get(k); ok {
			return id, nil
		}
		id, err := s.sealer.Seal(typ, "", kind, key)
		if err == nil {
			s.directory.put(k, id)
		}
		return id, err
	}
	if id, ok := s.own[k]; ok {
		return id, nil
	}
	id, err := s.sealer.Seal(typ, string(s.client), kind, key)
	if err == nil {
		s.own[k] = id
	}
	return id, err
}

// maxDirectoryIDs bounds what is remembered of the directory: more than any practice has staff, sites and payers.
const maxDirectoryIDs = 16384

// idCache remembers the ids of the directory for all charts.
type idCache struct {
	mu  sync.RWMutex
	ids map[idKey]string
}

func newIDCache() *idCache { return &idCache{ids: map[idKey]string{}} }

func (c *idCache) get(k idKey) (string, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	id, ok := c.ids[k]
	return id, ok
}

func (c *idCache) put(k idKey, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.ids) < maxDirectoryIDs {
		c.ids[k] = id
	}
}
