package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// leakReport is what the leak suite (conformance/leaks) says.
type leakReport struct {
	Results []leakResult
}

type leakResult struct {
	Name, Verdict, Reason string
	Requests              int
	Leaks                 []string
}

func (r leakReport) of(verdict string) (names []string) {
	for _, x := range r.Results {
		if x.Verdict == verdict {
			names = append(names, x.Name)
		}
	}
	return names
}

// leakSuite is the program and a demo of its own: some of its lines change consents there.
type leakSuite struct {
	program string
	demo    *demonstration
}

func openLeakSuite(t *testing.T) *leakSuite {
	t.Helper()
	s := &leakSuite{program: filepath.Join(t.TempDir(), "leaks")}
	if out, err := exec.Command("go", "build", "-o", s.program, "./leaks").CombinedOutput(); err != nil {
		t.Fatalf("the leak suite does not build: %v\n%s", err, out)
	}
	d, err := openDemo(filepath.Join(work, "leaks"))
	if err != nil {
		t.Fatal(err)
	}
	s.demo = d
	return s
}

// run tries the lines on the target and gives the report and the exit code.
func (s *leakSuite) run(t *testing.T, target string, lines ...string) (leakReport, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.program, "--json", "--first-leak", "--manifest", filepath.Join(s.demo.dir, "demo.json"), "--target", target, "--line", strings.Join(lines, ","))
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	var r leakReport
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("no report: %v\n%s%s", err, out.Bytes(), errOut.Bytes())
	}
	return r, cmd.ProcessState.ExitCode()
}

// TestTheLeakSuite runs it against the gateway, where every line passes, and against gateways that leak, each of which the line finds that is
// named after the leak.
func TestTheLeakSuite(t *testing.T) {
	s := openLeakSuite(t)
	t.Run("the gateway", func(t *testing.T) {
		r, code := s.run(t, s.demo.FHIRBase)
		for _, x := range r.Results {
			if x.Verdict != "passed" && x.Verdict != "not applicable" {
				t.Errorf("%s: %s %s %v", x.Name, x.Verdict, x.Reason, x.Leaks)
			}
		}
		if passed := len(r.of("passed")); code != 0 || passed < 94 || len(r.of("not applicable")) > 11 {
			t.Errorf("exit code %d, %d lines passed, not applicable: %v", code, passed, r.of("not applicable"))
		}
	})
	b := openBackdoor(t, s.demo)
	together, apart := rounds(slices.Concat(leaking, leakingSince, leakingLaunches))
	t.Run("a proxy that changes nothing", func(t *testing.T) {
		var names []string
		for _, m := range slices.Concat(together[0], apart) {
			names = append(names, m.line)
		}
		r, code := s.run(t, b.serve(t, func(b *backdoor, r *asked) *answer { return b.real(r) }), names...)
		for _, x := range r.Results {
			if x.Verdict != "passed" {
				t.Errorf("%s: %s %s %v", x.Name, x.Verdict, x.Reason, x.Leaks)
			}
		}
		if code != 0 || len(r.Results) != len(names) {
			t.Errorf("exit code %d, %d results", code, len(r.Results))
		}
	})
	t.Run("a gateway at which nobody launches apps", func(t *testing.T) {
		without := func(b *backdoor, r *asked) *answer {
			return b.real(r).edited(func(x object) { delete(x, "authorization_endpoint") })
		}
		var names []string
		for _, m := range leakingLaunches {
			if strings.HasPrefix(m.line, "launch-") {
				names = append(names, m.line)
			}
		}
		if r, code := s.run(t, b.serve(t, without), names...); code != 0 || len(r.Results) != 5 || len(r.of("not applicable")) != len(r.Results) {
			t.Errorf("exit code %d, %+v", code, r.Results)
		}
	})
	t.Run("mutants", func(t *testing.T) {
		for _, round := range together {
			s.findsAtOnce(t, b, round)
		}
		for _, m := range apart {
			t.Run(m.name, func(t *testing.T) {
				r, code := s.run(t, b.serve(t, m.answer()), m.line)
				m.mustBeFound(t, r, code)
			})
		}
	})
}

// rounds divides mutants into those that are tried at once, in each round one for a line, and those that need a run of their own.
func rounds(all []mutant) (together [][]mutant, apart []mutant) {
	seen := map[string]int{}
	for _, m := range all {
		if m.apart {
			apart = append(apart, m)
			continue
		}
		if seen[m.line] == len(together) {
			together = append(together, nil)
		}
		together[seen[m.line]] = append(together[seen[m.line]], m)
		seen[m.line]++
	}
	return together, apart
}

// mustBeFound fails unless the line that is named after the mutant reports a leak.
func (m mutant) mustBeFound(t *testing.T, r leakReport, code int) {
	t.Helper()
	i := slices.IndexFunc(r.Results, func(x leakResult) bool { return x.Name == m.line })
	if i < 0 || code != 1 || r.Results[i].Verdict != "LEAK" {
		t.Fatalf("the line %s does not find it: exit code %d, %+v", m.line, code, r.Results[max(i, 0)])
	}
	for _, l := range r.Results[i].Leaks[:min(3, len(r.Results[i].Leaks))] {
		t.Logf("%s: %s", m.line, l)
	}
}

// findsAtOnce runs several mutants at once: each spoils the answers to the one line that must find it, which its requests name.
func (s *leakSuite) findsAtOnce(t *testing.T, b *backdoor, round []mutant) {
	t.Helper()
	var lines []string
	answers := map[string]mutantAnswer{}
	for _, m := range round {
		lines, answers[m.line] = append(lines, m.line), m.answer()
	}
	r, code := s.run(t, b.serve(t, func(b *backdoor, r *asked) *answer {
		if spoiled := answers[strings.TrimPrefix(r.header.Get("User-Agent"), "leaks ")]; spoiled != nil {
			return spoiled(b, r)
		}
		return b.real(r)
	}), lines...)
	for _, m := range round {
		t.Run(m.name, func(t *testing.T) { m.mustBeFound(t, r, code) })
	}
}

// serve serves a mutant and gives its FHIR base.
func (b *backdoor) serve(t *testing.T, answer mutantAnswer) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, err := readAsked(r)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		answer(b, asked).write(w)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/fhir"
}
