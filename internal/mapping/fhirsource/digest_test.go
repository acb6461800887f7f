package fhirsource_test

import (
	"testing"

	"github.com/consentry/gateway/internal/mapping/fhirsource"
	"github.com/consentry/gateway/internal/release/label"
	"github.com/consentry/gateway/internal/release/stage"
)

// digestOf gives the digest of the body of a Candidate, before any label is spliced in.
func digestOf(t *testing.T, json string) [32]byte {
	t.Helper()
	c, err := fhirsource.Candidate([]byte(json), options(t))
	if err != nil {
		t.Fatal(err)
	}
	return label.AsTheyStand([]stage.Candidate{c})[0].Digest()
}
