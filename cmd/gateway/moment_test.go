package main

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/partners"
	"github.com/consentry/gateway/internal/practice"
)

// unversioned is a practice that is away.
type unversioned struct{ practice.Snapshotter }

func (unversioned) Version(context.Context) (string, error) {
	return "", errors.New("the practice is away")
}

// TestRecordsThatAreAwayDoNotHideWhoMayAsk: register and records are read in one go, and neither's failure is taken for the other's answer.
func TestRecordsThatAreAwayDoNotHideWhoMayAsk(t *testing.T) {
	r := newRig(t)
	x := r.open(parts{source: func(s practice.Snapshotter) practice.Snapshotter { return unversioned{s} }}, faultPartner)
	path := "Patient/" + patientID(t, r.demonstration, r.practice.Story.Referred)
	if w := x.get(path); w.Code != http.StatusServiceUnavailable {
		t.Errorf("a good token: %d", w.Code)
	}
	noError(t, r.gateway.state.Revoke(t.Context(), partners.PartnerMark(faultPartner), r.now.now().Add(time.Hour), r.now.now()))
	if w := x.get(path); w.Code != http.StatusUnauthorized {
		t.Errorf("a revoked partner's: %d", w.Code)
	}
	noError(t, r.gateway.state.Close())
	if w := x.get(path); w.Code != http.StatusServiceUnavailable {
		t.Errorf("when nobody knows who may ask: %d", w.Code)
	}
}
