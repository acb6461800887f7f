package main

import (
	"bytes"
	"testing"

	"github.com/consentry/gateway/internal/authserver/seal"
)

// Without Redis the process alone remembers which pages and codes were used: the one after it opens none of them.
func TestPagesAndCodesEndWithTheProcessThatRemembersThem(t *testing.T) {
	key := bytes.Repeat([]byte{7}, seal.KeySize)
	alone, shared := &Config{}, &Config{Ephemeral: EphemeralConfig{Redis: "redis://127.0.0.1"}}
	first, second := alone.sealing(key), alone.sealing(key)
	if bytes.Equal(first, second) || bytes.Equal(first, key) || len(first) != seal.KeySize {
		t.Error("another process opens them")
	}
	if !bytes.Equal(shared.sealing(key), key) {
		t.Error("processes that share a Redis do not open each other's")
	}
}
