package release_test

import (
	"crypto/sha256"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release"
	"github.com/consentry/gateway/internal/release/policy"
)

// byText gives what is kept of a client by the digest of the text; what could not be read has none.
func (c *clinic) byText(client practice.ClientKey) map[[32]byte]*policy.Policy {
	out := map[[32]byte]*policy.Policy{}
	for _, p := range c.service.Policies(client) {
		out[p.Digest] = p
	}
	return out
}

func TestAnUnchangedConsentIsNotCompiledAgain(t *testing.T) {
	for _, unnamed := range []bool{false, true} {
		c := oneClient(t)
		c.unnamed = unnamed
		c.forms["1"] = []string{permit("1", "c"), permit("1", "d"), form("1", "e", `"type":"deny",`+classes("Encounter"))}
		c.sees(theClinic(), "1")
		before := c.byText("1")
		if len(before) != 3 {
			t.Fatalf("%d Consents are kept", len(before))
		}
		c.change(func() { c.forms["2"] = []string{permit("2", "c")} })
		c.sees(theClinic(), "1")
		for digest, p := range c.byText("1") {
			if p != before[digest] {
				t.Error("compiled again, though only another client's Consent is new")
			}
		}
		c.change(func() { c.forms["1"][1] = permit("1", "d", classes("Goal")) })
		c.sees(theClinic(), "1")
		same := 0
		for digest, p := range c.byText("1") {
			if p == before[digest] {
				same++
			}
		}
		if same != 2 {
			t.Errorf("without versions %t: of three Consents one changed, and %d were not compiled again", unnamed, same)
		}
	}
}

// The same text in the chart of another client is another client's Consent there, whatever is remembered of it.
func TestAConsentIsItsClientsOwn(t *testing.T) {
	c := oneClient(t)
	c.charts["2"] = []record{patient("2"), encounter("2", "e")}
	c.forms["2"] = []string{permit("2", "c")}
	c.sees(theClinic(), "2")
	expect(t, "first", c.sees(theClinic(), "1", "e", "n", "v"), everything)
	c.change(func() { c.forms["1"], c.forms["2"] = c.forms["2"], c.forms["1"] })
	expect(t, "under another's", c.sees(theClinic(), "1"), []string{})
	expect(t, "under another's", c.sees(theClinic(), "2"), []string{})
}

// A day begins when the practice's zone says: what was compiled for one zone is nothing to a Service of another.
func TestWhatIsCompiledIsOfOneZone(t *testing.T) {
	c := oneClient(t)
	c.forms["1"] = []string{permit("1", "c", `"period":{"start":"2026-11-22"}`)}
	o := c.options()
	o.Zone = time.FixedZone("east", 13*60*60)
	east, err := release.New(o)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "the day before", c.sees(theClinic(), "1"), []string{})
	c.service = east
	expect(t, "where the day has begun", c.sees(theClinic(), "1", "e", "n", "v"), everything)
}

// Whatever changes, in whatever order: what is seen is what somebody sees who remembers nothing.
func TestWhatIsRememberedOfConsentsChangesNoAnswer(t *testing.T) {
	forms := map[string]func(client string) string{
		"permit": func(c string) string { return permit(c, "c") }, "notes": func(c string) string { return permit(c, "c", classes("DocumentReference")) },
		"deny": func(c string) string { return form(c, "d", `"type":"deny",`+classes("Encounter")) }, "nobody": func(c string) string { return openPermit(c, "c") },
		"ended":    func(c string) string { return permit(c, "c", `"period":{"end":"2026-11-01"}`) },
		"inactive": func(c string) string { return strings.Replace(permit(c, "c"), `"active"`, `"inactive"`, 1) },
		"broken":   func(c string) string { return permit(c, "c")[1:] }, "another's": func(string) string { return permit("9", "c") },
		"unread": func(c string) string { return strings.Replace(permit(c, "c"), `"status"`, `"surprise":1,"status"`, 1) },
	}
	names := slices.Sorted(maps.Keys(forms))
	rapid.Check(t, func(rt *rapid.T) {
		c := oneClient(t)
		c.charts["2"] = []record{patient("2"), encounter("2", "e")}
		c.unnamed = rapid.Bool().Draw(rt, "without versions")
		remembering := c.service
		for i := range rapid.IntRange(2, 8).Draw(rt, "changes") {
			client := practice.ClientKey(rapid.SampledFrom([]string{"1", "2"}).Draw(rt, "client"))
			chosen := rapid.SliceOfN(rapid.SampledFrom(names), 0, 3).Draw(rt, "forms")
			c.change(func() {
				c.forms[client] = nil
				for _, name := range chosen {
					c.forms[client] = append(c.forms[client], forms[name](string(client)))
				}
			})
			fresh, err := release.New(c.options())
			if err != nil {
				rt.Fatal(err)
			}
			for _, client := range []string{"1", "2"} {
				c.service = fresh
				want := c.sees(theClinic(), client, "e", "n", "v")
				c.service = remembering
				if diff := cmp.Diff(want, c.sees(theClinic(), client, "e", "n", "v")); diff != "" {
					rt.Fatalf("change %d, client %s: %s", i, client, diff)
				}
				c.keptIsWhatStands(rt, client)
			}
		}
	})
}

// keptIsWhatStands checks that each compiled Consent is of a text that is there now.
func (c *clinic) keptIsWhatStands(rt *rapid.T, client string) {
	texts := map[[32]byte]bool{{}: true}
	for _, text := range c.forms[practice.ClientKey(client)] {
		texts[sha256.Sum256([]byte(text))] = true
	}
	kept := c.service.Policies(practice.ClientKey(client))
	if len(kept) != len(c.forms[practice.ClientKey(client)]) {
		rt.Fatalf("client %s: %d Consents, %d compiled", client, len(c.forms[practice.ClientKey(client)]), len(kept))
	}
	for _, p := range kept {
		if !texts[p.Digest] {
			rt.Fatalf("client %s: a compiled Consent is of no text that is there", client)
		}
	}
}
