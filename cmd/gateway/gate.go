package main

import (
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

// openLimits opens the limits, which count in a store that is shared or this process's own.
func openLimits(cfg *Config, shared ephemeral.Store, metrics prometheus.Registerer, log *slog.Logger, now clock) (*limits.Limits, error) {
	o := limits.Options{PerMinute: cfg.Limits.perMinute(), Shared: shared, Metrics: metrics, Log: log, Now: now}
	if cfg.Ephemeral.Redis != "" {
		o.Own = ephemeral.NewMemory(0, now)
	}
	return limits.New(o)
}
