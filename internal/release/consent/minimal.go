package consent

import (
	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/internal/sealed"
	"github.com/consentry/gateway/internal/release/stage"
)

// minimal is what a decision leaves behind for the minimal Patient.
type minimal struct {
	patient  *stage.Facts
	decision Decision
	other    *Decision // of a released resource of the client's that is not the Patient
}

func (m *minimal) note(client fhir.Reference, f *stage.Facts, d Decision) {
	if f == nil || f.Origin.Directory || f.Subject != client {
		return
	}
	if f.Type == client.Type && f.ID == client.ID {
		m.patient, m.decision = f, d
		return
	}
	if d.Release && m.other == nil {
		m.other = &d
	}
}

// Minimal releases the Patient of a chart for its minimal form, where the Patient was not released as a whole but something else of the
// client was: references to the client stay readable (design section 1). egress takes away what a minimal Patient does not show. ok is
// false where rules 1 to 5 withhold the Patient: no Consent is needed for the minimal form, but nothing else is set aside.
func Minimal(patient stage.Labeled, res Result) (released stage.Released, ok bool) {
	m := res.minimal
	if patient.Facts() == nil || patient.Facts() != m.patient || m.other == nil {
		return stage.Released{}, false
	}
	switch m.decision.Reason {
	case NoConsent, Denied, Label, PurposeRule:
	default:
		return stage.Released{}, false
	}
	return sealed.Release(patient, sealed.Grant{Reason: string(m.other.Reason), Consent: m.other.Consent, Provision: m.other.Provision}), true
}
