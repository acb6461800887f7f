package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/consentry/gateway/internal/ephemeral"
	"github.com/consentry/gateway/internal/limits"
)

// openEphemeral opens what all processes of a configuration share, if it names where, and else what this process has alone.
func openEphemeral(cfg *Config, now clock) (ephemeral.Store, error) {
	if cfg.Ephemeral.Redis == "" {
		return ephemeral.NewMemory(0, now), nil
	}
	return ephemeral.NewRedis(ephemeral.RedisConfig{URL: cfg.Ephemeral.Redis})
}

// alone keeps a second process off the state where the built-in issuer remembers in its own memory what was used: an assertion or a code would be good once
// with each of the two. With PostgreSQL there is a Redis.
func (g *gateway) alone(ctx context.Context) error {
	if g.cfg.AuthorizationServer == nil || g.cfg.Ephemeral.Redis != "" {
		return nil
	}
	l, err := lockFile(ctx, g.cfg.State+".lock")
	if errors.Is(err, errLocked) {
		return fmt.Errorf("state: another gateway serves from %s, or it cannot be written; without a Redis (ephemeral.redis) nobody tells the two which client assertions were used", g.cfg.State)
	}
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	g.add(l)
	return nil
}

// openLimits opens the limits, which count in a store that is shared or this process's own.
func openLimits(cfg *Config, shared ephemeral.Store, metrics prometheus.Registerer, log *slog.Logger, now clock) (*limits.Limits, error) {
	o := limits.Options{PerMinute: cfg.Limits.perMinute(), Shared: shared, Metrics: metrics, Log: log, Now: now}
	if cfg.Ephemeral.Redis != "" {
		o.Own = ephemeral.NewMemory(0, now)
	}
	return limits.New(o)
}
