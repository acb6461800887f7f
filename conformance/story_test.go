package conformance

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	storyStep  = regexp.MustCompile(`^(\d)\. `)
	storySays  = regexp.MustCompile(`^   GET \S+ -> (\d{3}), ([^(]*[^( ])( \(.*\))?$`)
	storyCurl  = regexp.MustCompile(`^   (curl -s -H "Authorization: Bearer \$\(cat (\S+)\)" '([^']+)')$`)
	storySum   = regexp.MustCompile(`^   released: (\d+) resources: (.*)$`)
	storyChart = regexp.MustCompile(`^   what became of the (\d+) resources`)
	storyFate  = regexp.MustCompile(`^ +(\d+) (released|in part|kept back|withheld) +(\S+) +(.*): (\d+ [A-Z].*)$`)
)

// TestEachCurlLineOfTheStoryGivesWhatStandsAboveIt pastes the lines of the served demo, in any folder, after the whole story was told.
func TestEachCurlLineOfTheStoryGivesWhatStandsAboveIt(t *testing.T) {
	d := sharedDemo(t)
	step, said := "", []string(nil)
	found := map[string][]string{} // by step, what its lines say
	for line := range strings.SplitSeq(string(d.stdout.Bytes()), "\n") {
		if m := storyStep.FindStringSubmatch(line); m != nil {
			step = m[1]
		}
		if m := storyCurl.FindStringSubmatch(line); m != nil {
			if said == nil {
				t.Fatalf("step %s: a curl line does not say what it gives", step)
			}
			status, types := paste(t, m)
			if got := fmt.Sprintf("%d, %s", status, types); got != said[1]+", "+said[2] {
				t.Errorf("step %s: the line gives %s, and the story says %s, %s", step, got, said[1], said[2])
			}
			found[step] = append(found[step], said[1]+" "+said[2])
			if (said[1] == "403") != (said[3] != "") {
				t.Errorf("step %s: a 403 that nobody is told to expect: %s", step, said[0])
			}
		} else if strings.Contains(line, "curl -") {
			t.Errorf("step %s: this line cannot be pasted: %s", step, line)
		}
		said = storySays.FindStringSubmatch(line)
	}
	for step, want := range map[string][]string{"1": {"200 5 Patient", " DocumentReference, "}, "2": {" Encounter", " Condition", "200 nothing"}, "3": {"403 ", "200 nothing", "404 "}, "4": {"404 ", "200 nothing"}} {
		for _, w := range want {
			if !slices.ContainsFunc(found[step], func(s string) bool { return strings.Contains(s, w) }) {
				t.Errorf("step %s has no line that gives %q: %q", step, w, found[step])
			}
		}
	}
}

// paste runs a line as a shell does, or what it means where there is no curl, and gives the status and the resources by type.
func paste(t *testing.T, line []string) (status int, types string) {
	t.Helper()
	var body []byte
	if _, err := exec.LookPath("curl"); err == nil {
		shell := exec.Command("sh", "-c", line[1]+` -w '\n%{http_code}'`)
		shell.Dir = t.TempDir()
		out, err := shell.Output()
		at := strings.LastIndexByte(string(out), '\n')
		if err != nil || at < 0 {
			t.Fatalf("curl: %v", err)
		}
		if status, err = strconv.Atoi(string(out[at+1:])); err != nil {
			t.Fatal(err)
		}
		body = out[:at]
	} else {
		token, err := os.ReadFile(line[2])
		if err != nil {
			t.Fatal(err)
		}
		a := (&caller{token: string(token)}).do(t, http.MethodGet, line[3], nil, nil)
		status, body = a.status, a.body
	}
	type resource struct{ ResourceType string }
	var got struct {
		resource
		Entry []struct{ Resource resource }
	}
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatalf("an answer is no JSON: %v", err)
	}
	of := map[string]int{}
	for _, e := range got.Entry {
		of[e.Resource.ResourceType]++
	}
	if got.ResourceType != "Bundle" {
		of[got.ResourceType]++
	}
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(of)) {
		parts = append(parts, fmt.Sprintf("%d %s", of[k], k))
	}
	return status, cmp.Or(strings.Join(parts, ", "), "nothing")
}

// TestTheNumbersOfTheStoryAddUp holds each account of a chart against itself: every resource has one fate, with its reason, and what came is what the
// rows of released resources say.
func TestTheNumbersOfTheStoryAddUp(t *testing.T) {
	d := sharedDemo(t)
	lines := strings.Split(string(d.stdout.Bytes()), "\n")
	accounts := 0
	for i, line := range lines {
		m := storySum.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		accounts++
		came := number(t, m[1])
		if got := types(t, m[2]); got != came {
			t.Errorf("%d released, but %d by type", came, got)
		}
		chart := storyChart.FindStringSubmatch(lines[i+1])
		if chart == nil {
			t.Fatalf("no account after %q", line)
		}
		all, released, withheld := 0, 0, 0
		for _, row := range lines[i+2:] {
			f := storyFate.FindStringSubmatch(row)
			if f == nil {
				break
			}
			n := number(t, f[1])
			if got := types(t, f[5]); got != n {
				t.Errorf("%s: %d by type", row, got)
			}
			switch all += n; f[2] {
			case "released":
				released += n
				if f[3] != "permitted" || !strings.Contains(f[4], "Consent/") || !strings.Contains(f[4], "provision") {
					t.Errorf("released, and no Consent and provision that permits it: %s", row)
				}
			case "in part":
				released += n
			case "withheld":
				withheld += n
				if f[3] == "permitted" || slices.Contains([]string{"denied", "label"}, f[3]) && !strings.Contains(f[4], "Consent/") {
					t.Errorf("withheld, and no reason: %s", row)
				}
			}
		}
		if all != number(t, chart[1]) || released != came || withheld == 0 && came == 0 {
			t.Errorf("%d resources, of which the rows account for %d; %d came, and %d by the rows", number(t, chart[1]), all, came, released)
		}
	}
	if accounts != 5 {
		t.Errorf("%d accounts, want those of the steps 1 to 3 and two of step 4", accounts)
	}
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// types sums "2 Goal, 1 Patient".
func types(t *testing.T, text string) int {
	t.Helper()
	if text == "nothing" {
		return 0
	}
	total := 0
	for part := range strings.SplitSeq(text, ", ") {
		n, _, _ := strings.Cut(part, " ")
		total += number(t, n)
	}
	return total
}
