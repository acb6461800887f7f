package smart

import (
	"encoding/json"

	"github.com/consentry/gateway/internal/fhir"
)

// Extensions are what a client says of itself and of what it asks in the extensions of its assertion, and an issuer in those of a token (UDAP hl7-b2b, IHE
// ihe_iua and ihe_pcf).
type Extensions struct {
	Purposes []fhir.Coding
	NPI      string // of the practitioner
	// Narrowing is what takes away from what the token opens, by the names of its objects, as it is written: Consents, residual rules, one client.
	Narrowing map[string]map[string]json.RawMessage
}

// ReadExtensions reads the extensions of a client assertion. base is that of the FHIR service. What narrows must be readable: a token that has it would be
// refused otherwise.
func ReadExtensions(extensions json.RawMessage, base string) (e Extensions, err error) {
	c := claims{}
	if len(extensions) > 0 {
		c["extensions"] = extensions
	}
	if e.Purposes, err = c.purposes(standardPurposes); err != nil {
		return Extensions{}, err
	}
	if e.NPI, err = c.npi(standardNPIs); err != nil {
		return Extensions{}, err
	}
	if _, err = c.named(standardConsents, base); err != nil {
		return Extensions{}, err
	}
	if _, err = c.residual(standardResidual, base); err != nil {
		return Extensions{}, err
	}
	if _, err = c.only(base); err != nil {
		return Extensions{}, err
	}
	e.Narrowing = c.narrowing()
	return e, nil
}

func (c claims) narrowing() map[string]map[string]json.RawMessage {
	var all map[string]map[string]json.RawMessage
	for _, paths := range [][]Path{standardConsents, standardResidual, {standardOnly}} {
		for _, p := range paths {
			v, ok, err := c.at(p)
			if err != nil || !ok {
				continue
			}
			if all == nil {
				all = map[string]map[string]json.RawMessage{}
			}
			if all[p[1]] == nil {
				all[p[1]] = map[string]json.RawMessage{}
			}
			all[p[1]][p[2]] = v
		}
	}
	return all
}

// Write is how a token or an assertion states them; ReadExtensions reads it back. It is nil where there is nothing to state.
func (e Extensions) Write() map[string]any {
	all := map[string]any{}
	for object, members := range e.Narrowing {
		written := map[string]any{}
		for name, v := range members {
			written[name] = v
		}
		all[object] = written
	}
	if len(e.Purposes) > 0 || e.NPI != "" {
		b2b, _ := all["hl7-b2b"].(map[string]any)
		if b2b == nil {
			b2b = map[string]any{}
		}
		all["hl7-b2b"] = e.writeB2B(b2b)
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

func (e Extensions) writeB2B(b2b map[string]any) map[string]any {
	stated := []string{}
	for _, p := range e.Purposes {
		system := p.System
		if system == fhir.SystemActReason {
			system = actReasonOID
		}
		stated = append(stated, system+"#"+p.Code)
	}
	b2b["version"], b2b["purpose_of_use"] = "1", stated
	if e.NPI != "" {
		b2b["subject_id"] = fhir.SystemNPI + "#" + e.NPI
	}
	return b2b
}
