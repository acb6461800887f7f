package main

import (
	"fmt"
	"strings"

	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/spelling"
)

// registered is the partner that somebody has named on the command line.
func registered(r *requester.Register, flag, id string) (*requester.Partner, error) {
	if p, ok := r.Partner(id); ok {
		return p, nil
	}
	ids := r.IDs()
	return nil, fmt.Errorf("%s: no partner %q in the register%s (registered: %s)", flag, id, spelling.DidYouMean(id, ids), strings.Join(ids, ", "))
}
