package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
)

// TestEveryLineHasAName: names are how a line is chosen, and what a finding is filed under.
func TestEveryLineHasAName(t *testing.T) {
	seen := map[string]bool{}
	for _, l := range catalogue() {
		if l.name == "" || l.title == "" || l.source == "" || l.section == "" || l.run == nil || strings.ContainsAny(l.name, " ,") || seen[l.name] {
			t.Errorf("line %q: not whole, or twice", l.name)
		}
		seen[l.name] = true
	}
	if len(seen) < 100 {
		t.Errorf("only %d lines", len(seen))
	}
}

func TestLinesAreChosenByName(t *testing.T) {
	got, err := chosen("totals, paths")
	if err != nil || len(got) != 2 || got[0].name != "totals" || got[1].name != "paths" {
		t.Errorf("%d lines, %v", len(got), err)
	}
	if _, err := chosen("total"); err == nil || !strings.Contains(err.Error(), "--list") {
		t.Errorf("a line that is none: %v", err)
	}
}

// TestALineThatTriesNothingFails: passing without having looked would be worse than no test.
func TestALineThatTriesNothingFails(t *testing.T) {
	s := &suite{ctx: context.Background()}
	r := s.run([]*line{
		{name: "idle", run: func(*probe) {}},
		{name: "looked", run: func(p *probe) { p.asked.Add(1) }},
		{name: "leaks", run: func(p *probe) { p.asked.Add(1); p.leak("a total"); p.leak("a total") }},
		{name: "leaks and breaks", alone: true, run: func(p *probe) { p.leak("a page"); p.broken("no answer") }},
		{name: "nothing to try", run: func(p *probe) { p.need(false, "no second page") }},
		{name: "elsewhere", run: func(p *probe) { p.notApplicable("it is not offered") }},
	})
	want := []verdict{notTried, passed, leaked, leaked, notTried, inapplicable}
	for i, w := range want {
		if r.Results[i].Verdict != w {
			t.Errorf("%s: %s, want %s", r.Results[i].Name, r.Results[i].Verdict, w)
		}
	}
	s.first = true
	if again := s.run([]*line{{name: "leaks", run: func(p *probe) { p.leak("a total"); (&caller{p: p}).do(get("x")); p.leak("a page") }}}); len(again.Results[0].Leaks) != 1 {
		t.Errorf("a line goes on after its first leak: %v", again.Results[0].Leaks)
	}
	if len(r.Results[2].Leaks) != 1 || r.clean() {
		t.Errorf("leaks %v, clean %v", r.Results[2].Leaks, r.clean())
	}
	var text, js bytes.Buffer
	if err := r.writeText(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"LEAK", "a total", "not tried", "there is no second page to try it on", "6 lines, 2 requests: 1 passed, 2 leak, 2 not tried, 1 not applicable"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, text.String())
		}
	}
	var back report
	if err := r.writeJSON(&js); err != nil || json.Unmarshal(js.Bytes(), &back) != nil || len(back.Results) != 6 || back.Results[2].Leaks[0] != "a total" {
		t.Errorf("the JSON report: %v %s", err, js.String())
	}
}

func TestTheExitCodeSaysWhetherTheSuiteCouldBegin(t *testing.T) {
	for name, x := range map[string]struct {
		args []string
		code int
	}{"no manifest": {nil, 2}, "no such manifest": {[]string{"--manifest", "nowhere.json"}, 2}, "no such line": {[]string{"--list", "--line", "x"}, 2}, "a word": {[]string{"--list", "x"}, 2}, "no such flag": {[]string{"--nope"}, 2}, "no URL": {[]string{"--manifest", "x", "--target", "nonsense"}, 2}, "no time": {[]string{"--list", "--timeout", "0s"}, 2}, "help": {[]string{"--help"}, 0}, "list": {[]string{"--list"}, 0}} {
		var out, errOut bytes.Buffer
		if code := run(context.Background(), x.args, &out, &errOut); code != x.code {
			t.Errorf("%s: %d, want %d: %s", name, code, x.code, errOut.String())
		}
		if silent := errOut.Len() == 0; silent != (x.code == 0) || strings.Count(errOut.String(), "\n") > 1 || x.code != 0 && out.Len() > 0 {
			t.Errorf("%s: says %q, and in error %q", name, out.String(), errOut.String())
		}
	}
}
