package explain

import (
	"fmt"
	"strings"
	"testing"
)

// Every error names the file and the line, and never a value.
func TestRequesterFilesAreReadStrictly(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"empty":              {"", []string{":1: the file is empty"}},
		"blank":              {" \r\n\n", []string{":1: the file is empty"}},
		"unknown member":     {`{"kind":"provider","sekret":"SECRET"}`, []string{`:1: unknown member "sekret"`}},
		"misspelt member":    {"{\"kind\":\"provider\",\n\"purposes\":[\"SECRET\"]}", []string{`:2: unknown member "purposes", did you mean "purpose"?`}},
		"misspelt inside":    {`{"kind":"provider","organization":{"identifiers":[]}}`, []string{`unknown member "identifiers", did you mean "identifier"?`}},
		"capital letter":     {`{"Kind":"provider"}`, []string{`unknown member "Kind", did you mean "kind"?`}},
		"member twice":       {"{\"kind\":\"payer\",\n\"kind\":\"provider\"}", []string{":2: kind stands twice"}},
		"twice inside":       {`{"kind":"payer","organization":{"reference":"Organization/SECRET","reference":"Organization/SECRET2"}}`, []string{"organization.reference stands twice"}},
		"no kind, bad refs":  {"{\"organization\":{\"reference\":\"x\"},\n\"patient\":\"y\"}", []string{":1: kind is one of", ":1: organization.reference is", ":2: patient is a reference of the form Patient/id"}},
		"unknown kind":       {`{"kind":"SECRET"}`, []string{":1: kind is one of provider, payer, patient, employer, other"}},
		"misspelt kind":      {`{"kind":"provder"}`, []string{`did you mean "provider"?`}},
		"two objects":        {"{\"kind\":\"provider\"}\n{}", []string{":2: more than one JSON object"}},
		"text behind it":     {`{"kind":"provider"} SECRET`, []string{":1: more than one JSON object"}},
		"half identifier":    {`{"kind":"provider","organization":{"identifier":[{"value":"SECRET"}]}}`, []string{"a system and a value"}},
		"bad purpose":        {"{\"kind\":\"provider\",\n\n\"purpose\":[7]}", []string{":3: a purpose is"}},
		"purpose no code":    {`{"kind":"provider","purpose":[{"system":"SECRET"}]}`, []string{"a purpose is"}},
		"person of a payer":  {`{"kind":"payer","person":"Patient/x"}`, []string{"person is for the kind patient"}},
		"odd person":         {`{"kind":"patient","person":"Practitioner/SECRET"}`, []string{"person is a reference of the form Patient/id or RelatedPerson/id"}},
		"odd patient":        {`{"kind":"patient","patient":"Observation/SECRET"}`, []string{"patient is a reference of the form Patient/id"}},
		"odd organization":   {`{"kind":"provider","organization":{"reference":"Patient/SECRET"}}`, []string{"organization.reference is a reference of the form Organization/id"}},
		"consents a text":    {"{\"kind\":\"provider\",\n\"consents\":\"SECRET\"}", []string{":2: consents takes another type than string"}},
		"a nameless one":     {"{\"kind\":\"provider\",\n\"consents\":[\"SECRET\",\"\"]}", []string{":2: consents takes names of Consents"}},
		"residual an object": {"{\"kind\":\"provider\",\n\"residual\":{\"type\":\"SECRET\"}}", []string{":2: residual takes a list of rules"}},
		"null":               {"null", []string{":1: not a JSON object"}},
		"array":              {`["SECRET"]`, []string{":1: not a JSON object"}},
		"wrong type":         {"{\"kind\":\"provider\",\n\"scopes\":71234567}", []string{":2: scopes takes another type than number"}},
		"NaN":                {"{\"kind\":\"provider\",\n\"related\":NaN}", []string{":2: not JSON"}},
		"cut off":            {"{\"kind\":\"provider\",\n\"scopes\":\"SECRET", []string{": not JSON"}},
		"line in a text":     {"{\"kind\":\"SECRET\nSECRET\"}", []string{": not JSON"}},
		"bytes":              {"\x00\x01SECRET", []string{":1: not JSON"}},
		"UTF-16":             {"\xff\xfe{\x00", []string{":1: not JSON"}},
		"deep":               {`{"kind":"provider","purpose":` + strings.Repeat("[", 100_000) + `"SECRET"`, []string{":1: nested too deep"}},
		"large":              {`{"kind":"provider","scopes":"` + strings.Repeat("SECRET", 1<<18) + `"}`, []string{":1: the file is too large"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ReadRequester(File{"who.json", strings.NewReader(c.text)})
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("no %q in %v", want, err)
				}
			}
			told(t, err, "who.json:")
		})
	}
}

// told checks that each line of an error begins with the file and holds no value.
func told(t *testing.T, err error, place string) {
	t.Helper()
	for line := range strings.Lines(err.Error()) {
		if !strings.HasPrefix(line, place) {
			t.Errorf("no place in %s", line)
		}
	}
	if strings.Contains(err.Error(), "SECRET") || strings.Contains(err.Error(), "71234567") || len(err.Error()) > 5000 {
		t.Error("a value in the error, or too much of it")
	}
}

func TestARequesterFileOfAnEditorThatMarksIt(t *testing.T) {
	r, err := ReadRequester(File{"who.json", strings.NewReader("\xef\xbb\xbf{\r\n\"kind\":\"payer\",\r\n\"purpose\":[\"HPAYMT\"]\r\n}\r\n")})
	if err != nil || r.who.Kind != "payer" || len(r.who.Purposes) != 1 {
		t.Error(err)
	}
}

// condition is a resource of one line, with more in it.
func condition(more string) string {
	return `{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/anna"},` + labeledN + more + `}`
}

func TestAResourceThatCannotBeReadIsAnErrorWithItsPlace(t *testing.T) {
	first := condition("") + "\n\n"
	for name, c := range map[string]struct{ text, want string }{
		"unknown element":  {condition(`,"secretElement":"SECRET"`), ":3: not a FHIR R4 resource that can be read: "},
		"key twice":        {condition(`,"id":"SECRET"`), "a key stands twice"},
		"deep":             {condition(`,"extension":` + strings.Repeat(`[{"url":"SECRET","extension":`, 50_000)), "nests too deep"},
		"deep arrays":      {condition(`,"note":` + strings.Repeat("[", 100_000)), "nests too deep"},
		"NaN":              {condition(`,"onsetAge":{"value":NaN}`), "not JSON"},
		"huge number":      {condition(`,"onsetAge":{"value":1e999999999}`), "JSON"},
		"huge year":        {condition(`,"recordedDate":"99999-12-31"`), `"Condition.recordedDate"`},
		"no such day":      {condition(`,"recordedDate":"2026-02-30"`), `"Condition.recordedDate"`},
		"no FHIR":          {`{"SECRET":1}`, ":3: "},
		"unknown resource": {`{"resourceType":"SECRET","id":"x"}`, "no known resourceType"},
		"a text":           {`"SECRET"`, ":3: "},
		"an array":         {"[" + condition("") + "]", ":3: "},
		"two in a line":    {condition("") + condition(""), ":3: "},
		"bytes":            {condition(`,"code":{"text":"` + "\xff" + `SECRET"}`), "not JSON in UTF-8"},
		"UTF-16":           {"\xff\xfe{\x00", "not JSON in UTF-8"},
		"a mark inside":    {"\xef\xbb\xbf" + condition(""), "not JSON in UTF-8"},
		"old line ends":    {condition("") + "\r" + condition(""), ":3: "},
		"too long":         {condition(`,"note":[{"text":"` + strings.Repeat("SECRET", 3<<20) + `"}]`), ":3: the line cannot be read or is too long"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Explain(question(t, "", first+c.text+"\n", content(t, "clinic.json")))
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("no %q in %v", c.want, err)
			}
			told(t, err, "resources.ndjson:3: ")
		})
	}
}

func TestAFileThatIsNotOneResourceALineIsToldShortly(t *testing.T) {
	_, err := Explain(question(t, "", strings.Repeat("{\n", 10_000), content(t, "clinic.json")))
	if err == nil || !strings.Contains(err.Error(), "resources.ndjson: and 9990 more lines; each line is one resource") {
		t.Errorf("got %v", err)
	}
	told(t, err, "resources.ndjson:")
}

func TestFilesOfOtherSystems(t *testing.T) {
	big := condition(`,"note":[{"text":"` + strings.Repeat("x", 10<<20) + `"}]`)
	far := condition(`,"recordedDate":"9999-12-31T23:59:59.999Z","onsetDateTime":"0001-01-01"`)
	release := inOneLine(release("r", "Patient/anna", "Patient/anna"))
	for name, c := range map[string]struct{ consents, resources, want string }{
		"marked, with CR LF": {"\xef\xbb\xbf" + release + "\r\n", "\xef\xbb\xbf" + condition("") + "\r\n\r\n" + condition("") + "\r\n", "Condition/c permitted\nCondition/c permitted"},
		"without line end":   {release, condition(""), "Condition/c permitted"},
		"large":              {release, big, "Condition/c permitted"},
		"far dates":          {release, far, "Condition/c permitted"},
		"no Consent":         {"", condition(""), "Condition/c no-consent"},
		"no resource":        {release, "\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := reasons(t, question(t, c.consents, c.resources, content(t, "clinic.json"))); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// A Consent that cannot be read withholds; which one, and why, is told without a value.
func TestAConsentThatCannotBeReadIsToldWithItsPlace(t *testing.T) {
	whole := inOneLine(release("r", "Patient/anna", "Patient/anna"))
	for name, text := range map[string]string{
		"key twice":      strings.Replace(whole, `"status":"active"`, `"status":"active","status":"inactive"`, 1),
		"deep":           strings.Replace(whole, `"provision":{`, `"provision":{"provision":`+strings.Repeat(`[{"provision":`, 200)+`[]`+strings.Repeat(`}]`, 200)+`,`, 1),
		"huge year":      strings.Replace(whole, `"provision":{`, `"dateTime":"99999","provision":{`, 1),
		"NaN":            strings.Replace(whole, `"provision":{`, `"dateTime":NaN,"provision":{`, 1),
		"large":          strings.Replace(whole, `"provision":{`, `"language":"`+strings.Repeat("SECRET", 1<<20)+`","provision":{`, 1),
		"no such member": strings.Replace(whole, `"provision":{`, `"secret":"SECRET","provision":{`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			a, err := Explain(question(t, whole+"\n"+text, condition(""), content(t, "clinic.json")))
			if err != nil {
				t.Fatal(err)
			}
			remarks := fmt.Sprint(a.Remarks)
			if a.Lines[0].Reason != "denied" || !strings.Contains(remarks, "consents.ndjson:2: ") || strings.Contains(remarks, "SECRET") {
				t.Errorf("%s: %.300s", a.Lines[0].Reason, remarks)
			}
		})
	}
}
