package consent_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/consentry/gateway/conformance/oracle"
	"github.com/consentry/gateway/conformance/oracle/cases"
	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/explain"
	"github.com/consentry/gateway/internal/release/facts"
	"github.com/consentry/gateway/internal/release/policy"
	"github.com/consentry/gateway/profiles"
)

// engine is the decision under test, as `gateway explain` runs it on files.
type engine struct {
	rules *consent.Rules
	types *facts.Types

	scene []json.RawMessage // the resources that chart was read from, in zone
	zone  *time.Location
	chart *explain.Chart
}

func newEngine(t testing.TB) engine {
	t.Helper()
	rules, err := policy.LoadReading(profiles.FS)
	if err != nil {
		t.Fatal(err)
	}
	types, err := facts.LoadTypes(profiles.FS)
	if err != nil {
		t.Fatal(err)
	}
	return engine{rules: rules, types: types}
}

// answer asks the engine. The chart of the case before is used again if it is the same.
func (e *engine) answer(in cases.Input) ([]explain.Line, error) {
	who, err := explain.ReadRequester(explain.File{Name: "requester", Reader: bytes.NewReader(in.Requester)})
	if err != nil {
		return nil, err
	}
	practice, _ := fhir.ParseReference(in.Practice)
	q := explain.Question{
		Consents: ndjson("consents", in.Consents), Resources: ndjson("resources", in.Resources), Requester: who, At: in.At, Zone: in.Zone,
		Practice: practice, Rules: e.rules, Types: e.types,
	}
	if e.chart == nil || e.zone != in.Zone || !slices.EqualFunc(e.scene, in.Resources, func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
		if e.chart, err = q.ReadChart(); err != nil {
			return nil, err
		}
		e.scene, e.zone = in.Resources, in.Zone
	}
	q.Chart = e.chart
	a, err := explain.Explain(q)
	if err != nil {
		return nil, err
	}
	return a.Lines, nil
}

func ndjson(name string, lines []json.RawMessage) explain.File {
	return explain.File{Name: name, Reader: bytes.NewReader(bytes.Join(asBytes(lines), []byte("\n")))}
}

func asBytes(lines []json.RawMessage) [][]byte {
	out := make([][]byte, len(lines))
	for i, l := range lines {
		out[i] = l
	}
	return out
}

// differ gives what the two say differently about a case, a line for each resource; "" if they agree. ok is false if one of them cannot read it.
func (e *engine) differ(in cases.Input) (differences string, ok bool) {
	ours, ourErr := e.answer(in)
	theirs, theirErr := oracle.Decide(in.Consents, in.Resources, in.Requester, in.At, in.Zone, in.Practice)
	if ourErr != nil || theirErr != nil || len(ours) != len(theirs) {
		return fmt.Sprintf("engine: %d answers, %v; oracle: %d answers, %v\n", len(ours), ourErr, len(theirs), theirErr), false
	}
	var b strings.Builder
	for i, line := range ours {
		b.WriteString(differs(line, theirs[i]))
	}
	return b.String(), true
}

// differs compares decision, reason, and the Consent and provision named for it with all that the oracle could name.
func differs(ours explain.Line, theirs oracle.Line) string {
	place := oracle.Place{Consent: ours.Consent, Provision: ours.Provision}
	named := slices.Contains(theirs.Places, place) || len(theirs.Places) == 0 && place == oracle.Place{}
	if ours.Resource == theirs.Resource && ours.Decision == theirs.Decision && string(ours.Reason) == theirs.Reason && named {
		return ""
	}
	return fmt.Sprintf("%s: engine: %s: %s %v; oracle: %s: %s %v\n", ours.Resource, ours.Decision, ours.Reason, place, theirs.Decision, theirs.Reason, theirs.Places)
}

// TestAgree compares the engine with the oracle (package conformance/oracle) on random small Consents. CONSENTRY_CASES says how many,
// CONSENTRY_SEED from which seed on.
func TestAgree(t *testing.T) {
	n := number(t, "CONSENTRY_CASES", 10_000/slow)
	if testing.Short() {
		n = min(n, 5_000)
	}
	seed := number(t, "CONSENTRY_SEED", 0) // the same cases every time; more of them with another seed
	t.Logf("%d cases, CONSENTRY_SEED=%d", n, seed)
	compare(t, n, func(i uint64) cases.Input { return cases.Case(seed + i) }, func(i uint64) string { return fmt.Sprintf("CONSENTRY_SEED=%d CONSENTRY_CASES=1", seed+i) })
}

// TestAgreeOnTokens compares them where the token takes something away.
func TestAgreeOnTokens(t *testing.T) {
	n := number(t, "CONSENTRY_CASES", 10_000/slow) / 2
	if testing.Short() {
		n = min(n, 1_500)
	}
	seed := number(t, "CONSENTRY_SEED", 0)
	compare(t, n, func(i uint64) cases.Input { return cases.TokenCase(seed + i) }, func(i uint64) string { return fmt.Sprintf("CONSENTRY_SEED=%d CONSENTRY_CASES=2", seed+i) })
}

// TestExhaustive walks the whole space of cases.Exhaustive where CONSENTRY_EXHAUSTIVE is set, a thousandth of it otherwise.
func TestExhaustive(t *testing.T) {
	n, step := uint64(cases.ExhaustiveSize), uint64(1)
	if os.Getenv("CONSENTRY_EXHAUSTIVE") == "" {
		step = 997 * slow
		n /= step
	}
	start := time.Now()
	compare(t, n, func(i uint64) cases.Input { return cases.ExhaustiveCase(int(i * step)) }, func(i uint64) string { return fmt.Sprintf("ExhaustiveCase(%d)", i*step) })
	t.Logf("%d of %d cases in %s", n, cases.ExhaustiveSize, time.Since(start).Round(time.Second))
}

func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("%s is no number", name)
	}
	return n
}

// compare decides n cases with both, on all cores, and tells of the first few on which they differ.
func compare(t *testing.T, n uint64, at func(uint64) cases.Input, name func(uint64) string) {
	t.Helper()
	const most = 5
	var next, differing atomic.Uint64
	var wg sync.WaitGroup
	e := newEngine(t)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			own := e
			for {
				from := next.Add(cases.PerScene) - cases.PerScene
				if from >= n || differing.Load() >= most {
					return
				}
				for i := from; i < min(n, from+cases.PerScene); i++ {
					if d, _ := own.differ(at(i)); d != "" && differing.Add(1) <= most {
						t.Errorf("%s\n%s%s", name(i), d, own.minimized(at(i)))
					}
				}
			}
		})
	}
	wg.Wait()
}
