package main

import (
	"context"
	"time"

	"github.com/consentry/gateway/internal/ephemeral"
	"github.com/consentry/gateway/internal/outcome"
	"github.com/consentry/gateway/internal/smart"
)

// openEphemeral opens what may be forgotten after a while: in the memory of this process, or in the Redis of all replicas.
func openEphemeral(cfg *Config, now clock) (ephemeral.Store, error) {
	if cfg.Ephemeral.Redis == "" {
		return ephemeral.NewMemory(0, now), nil
	}
	return ephemeral.NewRedis(ephemeral.RedisConfig{URL: cfg.Ephemeral.Redis})
}

// gate refuses good tokens of partners who ask too often. Where it cannot know, it refuses.
type gate struct {
	store     ephemeral.Store
	perMinute int // requests of one partner; 0 for any number
}

// Admit implements fhirapi.Gate.
func (g gate) Admit(ctx context.Context, t *smart.Token) error {
	got, err := g.store.Admit(ctx, nil, ephemeral.Limit{Key: t.ClientID, Events: g.perMinute, Window: time.Minute})
	switch {
	case err != nil || got != ephemeral.Admitted && got != ephemeral.Exceeded:
		return outcome.New(outcome.Unavailable, err)
	case got == ephemeral.Exceeded:
		return outcome.Retry(outcome.TooManyRequests, time.Minute, nil)
	}
	return nil
}
