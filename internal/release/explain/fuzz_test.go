package explain

import (
	"strings"
	"testing"
)

// FuzzExplain: whatever stands in the files, it is refused with a place or every line of the chart is decided; and what is marked as a
// psychotherapy note is never released.
func FuzzExplain(f *testing.F) {
	who := content(f, "clinic.json")
	consent := inOneLine(release("r", "Patient/anna", "Patient/anna"))
	f.Add(consent, condition(""), who)
	f.Add(consent+"\n"+consent, condition(`,"meta":{"security":[{"code":"PSYTHPN"}]}`), who)
	f.Add("", condition("")+"\r\n\r\n"+condition(""), `{"kind":"employer"}`)
	f.Add(consent, condition(`,"subject":{"display":"x"}`), `{"kind":"payer","purpose":["HPAYMT"],"scopes":"system/*.rs","related":false}`)
	f.Add(consent, condition(""), `{"kind":"provider","purpose":["TREAT"],"scopes":"system/*.rs","consents":["Consent/r"],"residual":[{"type":"forbid","data":{"meaning":"instance","reference":"Condition/c"}}]}`)
	base := question(f, "", "", who)
	f.Fuzz(func(t *testing.T, consents, resources, who string) {
		requester, err := ReadRequester(File{"requester.json", strings.NewReader(who)})
		if err != nil {
			placed(t, err)
			return
		}
		q := base
		q.Requester = requester
		q.Consents, q.Resources = File{"consents.ndjson", strings.NewReader(consents)}, File{"resources.ndjson", strings.NewReader(resources)}
		a, err := Explain(q)
		if err != nil {
			placed(t, err)
			return
		}
		for _, l := range a.Lines {
			if l.Decision != "release" && l.Decision != "withhold" || l.Reason == "" {
				t.Errorf("%s is not decided", l.Resource)
			}
			for _, label := range l.Labels {
				if l.Decision == "release" && strings.HasSuffix(label, "|PSYTHPN") {
					t.Errorf("%s is released", l.Resource)
				}
			}
		}
	})
}

// placed checks that each line of an error begins with a file.
func placed(t *testing.T, err error) {
	t.Helper()
	for line := range strings.Lines(err.Error()) {
		if !strings.Contains(line, ".json:") && !strings.Contains(line, ".ndjson:") {
			t.Errorf("no place in %q", line)
		}
	}
}
