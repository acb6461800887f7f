package cases_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/fhir/go/fhirversion"
	"github.com/google/fhir/go/jsonformat"
	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/conformance/oracle"
	"github.com/consentry/gateway/conformance/oracle/cases"
)

func decide(t *testing.T, seed uint64) []oracle.Line {
	t.Helper()
	c := cases.Case(seed)
	lines, err := oracle.Decide(c.Consents, c.Resources, c.Requester, c.At, c.Zone, c.Practice)
	if err != nil {
		t.Fatalf("case %d: %v", seed, err)
	}
	return lines
}

// TestEveryReasonOccurs keeps the cases worth deciding: all reasons, both decisions in number.
func TestEveryReasonOccurs(t *testing.T) {
	const n = 4_000
	reasons, total, released, mixed := map[string]int{}, 0, 0, 0
	for seed := range uint64(n) {
		lines := decide(t, seed)
		here := 0
		for _, l := range lines {
			reasons[l.Reason]++
			total++
			if l.Decision == "release" {
				here++
			}
		}
		released += here
		if here > 0 && here < len(lines) {
			mixed++
		}
	}
	for _, r := range []string{
		"permitted", "self-access", "no-consent", "denied", "psychotherapy-note", "scope", "purpose", "purpose-rule", "restriction", "label",
		"unclassified", "other-patient",
	} {
		if reasons[r] < total/500 {
			t.Errorf("reason %s occurs %d times in %d", r, reasons[r], total)
		}
	}
	t.Logf("%d decisions, %.1f%% released, %.1f%% of cases mixed: %v", total, 100*float64(released)/float64(total), 100*float64(mixed)/n, reasons)
	if released*100 < total*10 || mixed*100 < n*20 {
		t.Errorf("%d of %d released, %d of %d cases mixed: too few to compare", released, total, mixed, n)
	}
}

// TestTokensTakeSomethingAway keeps the tokens worth asking with: they take something, by names and by rules, leave something, and add nothing.
func TestTokensTakeSomethingAway(t *testing.T) {
	const n = 1_200
	forbidden, unnamed, left := 0, 0, 0
	for seed := range uint64(n) {
		c := cases.TokenCase(seed)
		lines, err := oracle.Decide(c.Consents, c.Resources, c.Requester, c.At, c.Zone, c.Practice)
		if err != nil {
			t.Fatalf("case %d: %v", seed, err)
		}
		for i, without := range decide(t, seed) {
			switch had, has := without.Decision == "release", lines[i].Decision == "release"; {
			case has && !had:
				t.Fatalf("case %d: a token adds %s", seed, without.Resource)
			case has:
				left++
			case had && lines[i].Reason == "token":
				forbidden++
			case had:
				unnamed++
			}
		}
	}
	t.Logf("of what is released without, %d forbidden, %d of Consents that are not named, %d left", forbidden, unnamed, left)
	if min(forbidden, unnamed, left) < n/40 {
		t.Error("too few to compare")
	}
}

// TestSameSeedSameCase: a case that differed must be found again by its seed.
func TestSameSeedSameCase(t *testing.T) {
	for seed := range uint64(300) {
		a, b := cases.TokenCase(seed), cases.TokenCase(seed)
		if x, y := fmt.Sprintf("%s", a), fmt.Sprintf("%s", b); x != y {
			t.Fatalf("seed %d: %s", seed, cmp.Diff(x, y))
		}
	}
}

// TestConsentsParse compares what the oracle takes as readable with a full FHIR parser: nearly all are, and both agree on which are not.
func TestConsentsParse(t *testing.T) {
	u, err := jsonformat.NewUnmarshaller("UTC", fhirversion.R4)
	if err != nil {
		t.Fatal(err)
	}
	total, broken := 0, 0
	for seed := range uint64(1200) {
		c := cases.Case(seed)
		for _, r := range c.Resources {
			if _, err := u.Unmarshal(r); err != nil {
				t.Fatalf("case %d: a resource does not parse: %v\n%s", seed, err, r)
			}
		}
		for _, raw := range c.Consents {
			total++
			_, err := u.Unmarshal(raw)
			if readable := oracle.Readable(raw); readable != (err == nil) {
				t.Fatalf("case %d: the oracle says readable=%v, the parser %v\n%s", seed, readable, err, raw)
			}
			if err != nil {
				broken++
			}
		}
	}
	if broken == 0 || broken*25 > total {
		t.Errorf("%d of %d Consents cannot be parsed", broken, total)
	}
}

// TestExhaustiveWalksItsWholeSpace: the size is what is walked, and cases are told apart.
func TestExhaustiveWalksItsWholeSpace(t *testing.T) {
	seen, n := map[string]bool{}, 0
	for i := 0; i < cases.ExhaustiveSize; i += 997 {
		c := cases.ExhaustiveCase(i)
		key, err := json.Marshal([]any{c.Consents, c.Requester})
		if err != nil {
			t.Fatal(err)
		}
		if seen[string(key)] {
			t.Fatalf("case %d is one that was there before", i)
		}
		seen[string(key)] = true
		if _, err := oracle.Decide(c.Consents, c.Resources, c.Requester, c.At, c.Zone, c.Practice); err != nil {
			t.Fatalf("case %d: %v", i, err)
		}
	}
	cases.Exhaustive(func(i int, _ cases.Input) bool { n++; return n < 5000 })
	if n != 5000 {
		t.Errorf("walked %d cases before stopping at 5000", n)
	}
}
