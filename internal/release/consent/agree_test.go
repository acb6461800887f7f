package consent_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

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

func (e engine) answer(in cases.Input) ([]explain.Line, error) {
	who, err := explain.ReadRequester(bytes.NewReader(in.Requester))
	if err != nil {
		return nil, err
	}
	practice, _ := fhir.ParseReference(in.Practice)
	a, err := explain.Explain(explain.Question{
		Consents: ndjson("consents", in.Consents), Resources: ndjson("resources", in.Resources), Requester: who, At: in.At, Zone: in.Zone,
		Practice: practice, Rules: e.rules, Types: e.types,
	})
	if err != nil {
		return nil, err
	}
	return a.Lines, nil
}

func ndjson(name string, lines []json.RawMessage) explain.File {
	var b bytes.Buffer
	for _, l := range lines {
		b.Write(l)
		b.WriteByte('\n')
	}
	return explain.File{Name: name, Reader: &b}
}

// differ gives what the two say differently about a case, one line for each resource, "" if they agree.
func (e engine) differ(in cases.Input) string {
	ours, ourErr := e.answer(in)
	theirs, theirErr := oracle.Decide(in.Consents, in.Resources, in.Requester, in.At, in.Zone, in.Practice)
	if ourErr != nil || theirErr != nil {
		if ourErr != nil && theirErr != nil {
			return ""
		}
		return fmt.Sprintf("engine: %v; oracle: %v", ourErr, theirErr)
	}
	if len(ours) != len(theirs) {
		return fmt.Sprintf("engine: %d answers; oracle: %d", len(ours), len(theirs))
	}
	var b strings.Builder
	for i, o := range ours {
		if d := differs(o, theirs[i]); d != "" {
			fmt.Fprintf(&b, "%s: %s\n", o.Resource, d)
		}
	}
	return b.String()
}

func differs(engine explain.Line, o oracle.Line) string {
	if engine.Resource != o.Resource || engine.Decision != o.Decision || string(engine.Reason) != o.Reason {
		return fmt.Sprintf("engine %s: %s (%s %s); oracle %s: %s (%s %s)", engine.Decision, engine.Reason, engine.Consent, engine.Provision, o.Decision, o.Reason, o.Consent, o.Provision)
	}
	return ""
}

func TestAgree(t *testing.T) {
	e := newEngine(t)
	n := 2000
	if s := os.Getenv("CONSENTRY_CASES"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	base := uint64(0)
	if s := os.Getenv("CONSENTRY_SEED"); s != "" {
		base, _ = strconv.ParseUint(s, 10, 64)
	}
	var next, bad atomic.Int64
	var wg sync.WaitGroup
	var mu sync.Mutex
	tally := map[string]int{}
	example := map[string]uint64{}
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				i := next.Add(1) - 1
				if i >= int64(n) {
					return
				}
				seed := base + uint64(i)
				if d := e.differ(cases.Case(seed)); d != "" {
					bad.Add(1)
					mu.Lock()
					for l := range strings.Lines(d) {
						typ, rest, _ := strings.Cut(l, "/")
						_ = typ
						_, rest, _ = strings.Cut(rest, ": ")
						k := strip(rest)
						tally[k]++
						if _, ok := example[k]; !ok {
							example[k] = seed
						}
					}
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d of %d cases differ", bad.Load(), n)
	for k, v := range tally {
		t.Logf("%5d %s e.g. %d", v, k, example[k])
	}
	if bad.Load() > 0 {
		t.Fail()
	}
}

func strip(s string) string {
	var b strings.Builder
	depth := 0
	for _, r := range s {
		switch r {
		case '(':
			depth++
		case ')':
			depth--
		default:
			if depth == 0 && r != '\n' {
				b.WriteRune(r)
			}
		}
	}
	return b.String()
}
