package cases_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/consentry/gateway/conformance/oracle"
	"github.com/consentry/gateway/conformance/oracle/cases"
)

const propertyCases = 800

// with decides a case with other Consents.
func with(t *testing.T, c cases.Input, consents []json.RawMessage) []oracle.Line {
	t.Helper()
	lines, err := oracle.Decide(consents, c.Resources, c.Requester, c.At, c.Zone, c.Practice)
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func reasons(lines []oracle.Line) []string {
	var out []string
	for _, l := range lines {
		out = append(out, l.Resource+" "+l.Decision+" "+l.Reason)
	}
	return out
}

// TestOrderDoesNotMatter: of Consents nor of resources.
func TestOrderDoesNotMatter(t *testing.T) {
	for seed := range uint64(propertyCases) {
		c := cases.Case(seed)
		before := reasons(with(t, c, c.Consents))
		turned := slices.Clone(c.Consents)
		slices.Reverse(turned)
		if after := reasons(with(t, c, turned)); !slices.Equal(before, after) {
			t.Fatalf("seed %d: %q, turned round %q", seed, before, after)
		}
	}
}

// TestADenyNeverReleasesMore: a deny for everybody leaves only the client's own access; no other Consent turns what it adds into a release.
func TestADenyNeverReleasesMore(t *testing.T) {
	denies := []json.RawMessage{
		plain("anna", object{"type": "deny"}), plain("ben", object{"type": "deny"}),
	}
	kept := 0
	for seed := range uint64(propertyCases) {
		c := cases.Case(seed)
		before := with(t, c, c.Consents)
		for i, l := range with(t, c, append(slices.Clone(c.Consents), denies...)) {
			if l.Decision != "release" {
				continue
			}
			kept++
			if before[i].Decision != "release" || l.Reason != "self-access" {
				t.Fatalf("seed %d: %s is released for %s beside a deny", seed, l.Resource, l.Reason)
			}
		}
	}
	if kept == 0 {
		t.Error("no self-access remains: the property says nothing")
	}
}

// TestExpiredEqualsAbsent: a Consent whose root period is over changes nothing, whatever stands in it.
func TestExpiredEqualsAbsent(t *testing.T) {
	spoke := 0
	for seed := range uint64(propertyCases) {
		c := cases.Case(seed)
		expired, ok := expire(c.Consents[0])
		if !ok {
			continue
		}
		absent := reasons(with(t, c, c.Consents[1:]))
		over := reasons(with(t, c, append([]json.RawMessage{expired}, c.Consents[1:]...)))
		if !slices.Equal(absent, over) {
			t.Fatalf("seed %d: absent %q, expired %q", seed, absent, over)
		}
		if !slices.Equal(absent, reasons(with(t, c, c.Consents))) {
			spoke++
		}
	}
	if spoke < propertyCases/10 {
		t.Errorf("only %d Consents had anything to say before they expired", spoke)
	}
}

type object = map[string]any

// expire ends the root period of a Consent that can be read.
func expire(raw json.RawMessage) (json.RawMessage, bool) {
	var c object
	if json.Unmarshal(raw, &c) != nil || !oracle.Readable(raw) || strings.Contains(string(raw), "modifierExtension") {
		return nil, false
	}
	if who, _ := c["patient"].(object); who["reference"] == nil {
		return nil, false
	}
	root, _ := c["provision"].(object)
	if root == nil {
		root = object{}
	}
	root["period"] = object{"start": "2020", "end": "2026-01-01"}
	c["provision"] = root
	b, err := json.Marshal(c)
	return b, err == nil
}

func plain(patient string, provision object) json.RawMessage {
	coded := func(code string) object {
		return object{"coding": []any{object{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": code}}}
	}
	b, err := json.Marshal(object{
		"resourceType": "Consent", "id": "deny-" + patient, "status": "active", "patient": object{"reference": "Patient/" + patient},
		"scope": coded("IDSCL"), "category": []any{coded("IDSCL")}, "policyRule": coded("OPTIN"), "provision": provision,
	})
	if err != nil {
		panic(err)
	}
	return b
}
