package release

import (
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release/policy"
)

// Policies are the compiled Consents that are kept of a client.
func (s *Service) Policies(client practice.ClientKey) []*policy.Policy {
	kept, _ := s.consents.GetIfPresent(client)
	return kept.set.Policies()
}
