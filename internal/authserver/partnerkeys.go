package authserver

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
)

// When keys are fetched, whatever their Cache-Control says: anybody can send an assertion.
const (
	minFetchInterval = time.Second      // between two fetches of one partner's keys
	missInterval     = 10 * time.Second // before keys that may still be kept are fetched again for one that is not among them
)

// partnerKeys are the public keys of partners: those in the register, or fetched from the partner's registered URL.
type partnerKeys struct {
	transport http.RoundTripper
	now       func() time.Time

	mu      sync.Mutex
	fetched map[string]*fetchedKeys // by partner
}

type fetchedKeys struct {
	uri       string
	mu        sync.Mutex // held while fetching: one fetch at a time for each partner
	keys      []jose.JSONWebKey
	until     time.Time
	attempted time.Time
}

func newPartnerKeys(transport http.RoundTripper, now func() time.Time) *partnerKeys {
	return &partnerKeys{transport: transport, now: now, fetched: map[string]*fetchedKeys{}}
}

// of are the partner's keys now, none if they cannot be had. kid is the one that is looked for: a partner who has rotated need not wait.
func (k *partnerKeys) of(ctx context.Context, p *requester.Partner, kid string) []jose.JSONWebKey {
	if p.JWKSURI == "" {
		return p.Keys
	}
	k.mu.Lock()
	f, ok := k.fetched[p.ID]
	if !ok || f.uri != p.JWKSURI { // only registered partners come here, so the map is as small as the register
		f = &fetchedKeys{uri: p.JWKSURI}
		k.fetched[p.ID] = f
	}
	k.mu.Unlock()
	return f.current(ctx, k, kid)
}

func (f *fetchedKeys) current(ctx context.Context, k *partnerKeys, kid string) []jose.JSONWebKey {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := k.now()
	since := now.Sub(f.attempted)
	interval := missInterval
	if !now.Before(f.until) || slices.ContainsFunc(f.keys, func(k jose.JSONWebKey) bool { return k.KeyID == kid }) {
		interval = minFetchInterval
	}
	kept := now.Before(f.until) && interval == minFetchInterval
	if since >= 0 && (since < interval || kept) {
		return f.keys
	}
	// Others wait for it too, and take what it gave rather than ask one after the other. It has its own time limit.
	keys, keep, err := smart.FetchJWKS(context.WithoutCancel(ctx), k.transport, f.uri)
	f.attempted = k.now()
	if err != nil {
		if !now.Before(f.until) {
			f.keys = nil // SMART lets nobody use them any longer
		}
		return f.keys
	}
	f.keys, f.until = keys, now.Add(keep)
	return keys
}
