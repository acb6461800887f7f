package requester

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/profiles"
)

const oneEntry = `# of the clinic by the lake
id: lakeside
kind: provider
organization: {npi: "1234567893"}
purposes: [TREAT] # more when they ask
scopes: system/*.rs
`

func entryRules(t *testing.T, issuers ...string) *Rules {
	t.Helper()
	r, err := LoadRules(profiles.FS, issuers...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func readOne(t *testing.T, r *Rules, text string, keys string) (Entry, error) {
	t.Helper()
	return r.ReadEntry(fstest.MapFS{"conf/p.yaml": {Data: []byte(text)}, "conf/keys.json": {Data: []byte(keys)}}, "conf/p.yaml")
}

func TestAnEntryHasItsKeysAndItsIssuerInIt(t *testing.T) {
	r := entryRules(t, "https://a.example.org")
	e, err := readOne(t, r, oneEntry+"jwks-file: keys.json\n", `{"keys":[`+publicKey("k1")+`]}`)
	if err != nil {
		t.Fatal(err)
	}
	for _, kept := range []string{"# of the clinic by the lake", "# more when they ask"} {
		if !strings.Contains(e.Text, kept) {
			t.Errorf("%q is lost:\n%s", kept, e.Text)
		}
	}
	for _, rules := range []*Rules{r, entryRules(t, "https://a.example.org", "https://b.example.org")} {
		all, problems := rules.Register([]Entry{e})
		p, ok := all.Partner("lakeside")
		if !ok || len(problems) > 0 || p.Issuer != "https://a.example.org" || len(p.Keys) != 1 || p.Keys[0].KeyID != "k1" {
			t.Errorf("%+v, %v", p, problems)
		}
	}
	// An issuer that takes the place of the one it was registered with is not its issuer.
	if all, problems := entryRules(t, "https://b.example.org").Register([]Entry{e}); len(problems) != 1 || len(all.IDs()) != 0 {
		t.Errorf("%v, %v", all.IDs(), problems)
	}
}

// Who must show a certificate where nobody can would get nothing and not know why; and where the configuration no longer sees any, nobody is let in without.
func TestNobodyMustShowACertificateWhereNoneIsSeen(t *testing.T) {
	seen, unseen := entryRules(t, "https://a.example.org"), entryRules(t, "https://a.example.org")
	unseen.NoCertificates = true
	const text = oneEntry + "sender-constraint: mtls\n"
	e, err := readOne(t, seen, text, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readOne(t, unseen, text, ""); err == nil || !strings.Contains(err.Error(), ":7: sender-constraint is mtls, and no client can show a certificate") {
		t.Errorf("an entry: %v", err)
	}
	if all, problems := unseen.Register([]Entry{e}); len(problems) != 1 || len(all.IDs()) != 0 {
		t.Errorf("of the store: %v, %v", all.IDs(), problems)
	}
	whole := `partners: [{id: lakeside, kind: provider, organization: {npi: "1234567893"}, purposes: [TREAT], scopes: system/*.rs, sender-constraint: mtls}]`
	if _, err := unseen.Load(fstest.MapFS{"p.yaml": {Data: []byte(whole)}}, "p.yaml"); err == nil || !strings.Contains(err.Error(), "no client can show a certificate") {
		t.Errorf("a register: %v", err)
	}
	if _, err := readOne(t, unseen, oneEntry+"sender-constraint: dpop\n", ""); err != nil {
		t.Errorf("of a key: %v", err)
	}
}

func TestOtherKeysTakeThePlaceOfThoseBefore(t *testing.T) {
	r := entryRules(t, "https://a.example.org")
	e, err := readOne(t, r, oneEntry+"jwks-uri: https://lakeside.example.org/keys\n", "")
	if err != nil {
		t.Fatal(err)
	}
	keys := func(e Entry) (ids []string, uri string) {
		all, problems := r.Register([]Entry{e})
		p, ok := all.Partner("lakeside")
		if !ok {
			t.Fatal(problems)
		}
		for _, k := range p.Keys {
			ids = append(ids, k.KeyID)
		}
		return ids, p.JWKSURI
	}
	rotated, err := r.WithKeys(e, []byte(`{"keys":[`+publicKey("k1")+`,`+publicKey("k2")+`]}`), "")
	if err != nil {
		t.Fatal(err)
	}
	if ids, uri := keys(rotated); !cmp.Equal(ids, []string{"k1", "k2"}) || uri != "" {
		t.Errorf("%v, %q", ids, uri)
	}
	back, err := r.WithKeys(rotated, nil, "https://lakeside.example.org/new")
	if err != nil {
		t.Fatal(err)
	}
	if ids, uri := keys(back); ids != nil || uri != "https://lakeside.example.org/new" {
		t.Errorf("%v, %q", ids, uri)
	}
	for name, c := range map[string]struct{ jwks, uri string }{
		"no keys": {`{"keys":[]}`, ""}, "no JSON": {"", ""}, "a secret key": {`{"keys":[{"kty":"oct","kid":"k","k":"AAAA"}]}`, ""}, "plain HTTP": {"", "http://lakeside.example.org/k"},
	} {
		if _, err := r.WithKeys(e, []byte(c.jwks), c.uri); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestAnEntryThatIsWrongIsSaidWithItsPlace(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"a mistyped key":     {strings.Replace(oneEntry, "kind:", "kinds:", 1), `conf/p.yaml:3: unknown key kinds, did you mean "kind"?`},
		"a wrong kind":       {strings.Replace(oneEntry, "provider", "spy", 1), "conf/p.yaml:3: kind is not one of"},
		"a whole register":   {"partners: []\n", "conf/p.yaml:1: unknown key partners"},
		"no mapping":         {"- x\n", "conf/p.yaml:1: "},
		"nothing":            {"", "conf/p.yaml:1: "},
		"keys not there":     {oneEntry + "jwks-file: absent.json\n", "conf/p.yaml:7: jwks-file cannot be read"},
		"an unknown issuer":  {oneEntry + "issuer: https://b.example.org\n", "conf/p.yaml:7: issuer is none of those"},
		"two documents":      {oneEntry + "---\nid: x\n", "second YAML document"},
		"purposes of nobody": {strings.Replace(oneEntry, "TREAT", "TRAET", 1), "conf/p.yaml:5: purpose"},
	} {
		if e, err := readOne(t, entryRules(t, "https://a.example.org"), c.text, ""); err == nil || e.Text != "" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := entryRules(t, "https://a.example.org", "https://b.example.org")
	if _, err := readOne(t, r, oneEntry, ""); err == nil || !strings.Contains(err.Error(), "issuer is missing") {
		t.Errorf("with two issuers: %v", err)
	}
	// What names a file beside it is no entry of a store.
	if all, problems := r.Register([]Entry{{ID: "lakeside", Text: oneEntry + "issuer: https://a.example.org\njwks-file: keys.json\n"}}); len(problems) != 1 || len(all.IDs()) > 0 {
		t.Error("a file was looked for")
	}
}
