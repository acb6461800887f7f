package requester

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/smart"
	"github.com/consentry/gateway/profiles"
)

const testIssuer = "https://login.example.org"

const register = `partners:
  - id: lakeside
    kind: provider
    organization:
      reference: Organization/lakeside
      npi: "1234567893"
      identifiers: [{system: "urn:oid:1.2.3", value: "77"}]
    practitioners:
      - {reference: Practitioner/ana, npi: "1245319599"}
      - {npi: "1003000126"}
    purposes: [TREAT, COC]
    default-purpose: TREAT
    scopes: system/*.rs user/Condition.r
  - id: insurer
    kind: payer
    organization: {identifiers: [{system: "urn:naic", value: "12345"}]}
    purposes: [HPAYMT]
    scopes: system/*.rs
  - id: app
    name: My Records
    address: 18 Quay Street
    kind: patient
    purposes: [PATRQT]
    scopes: patient/*.rs user/*.rs
`

func load(t testing.TB, text string, more ...string) (*Register, error) {
	t.Helper()
	files := fstest.MapFS{"conf/partners.yaml": {Data: []byte(text)}}
	for i := 0; i+1 < len(more); i += 2 {
		files[more[i]] = &fstest.MapFile{Data: []byte(more[i+1])}
	}
	return Load(files, "conf/partners.yaml", profiles.FS, testIssuer)
}

func mustLoad(t *testing.T) *Register {
	t.Helper()
	r, err := load(t, register)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func purpose(codes ...string) (all []fhir.Coding) {
	for _, c := range codes {
		all = append(all, fhir.Coding{System: fhir.SystemActReason, Code: c})
	}
	return all
}

func TestAPartnerHasANameAndAnAddressForPeople(t *testing.T) {
	p, ok := mustLoad(t).Partner("app")
	if !ok || p.Name != "My Records" || p.Address != "18 Quay Street" {
		t.Errorf("%+v", p)
	}
}

func TestARequesterComesFromTheRegister(t *testing.T) {
	machine := smart.Token{Issuer: testIssuer, ClientID: "lakeside", Subject: "lakeside", Machine: true, Scopes: smart.ParseScopes("system/Goal.rs system/Patient.cruds patient/*.rs")}
	q, err := mustLoad(t).Requester(&machine)
	if err != nil {
		t.Fatal(err)
	}
	if q.PartnerID != "lakeside" || q.Kind != KindProvider || q.Practitioner != nil || q.Person != (fhir.Reference{}) {
		t.Errorf("requester is %+v", q)
	}
	want := Party{fhir.Reference{Type: "Organization", ID: "lakeside"}, []fhir.Identifier{{System: fhir.SystemNPI, Value: "1234567893"}, {System: "urn:oid:1.2.3", Value: "77"}}}
	if d := cmp.Diff(want, q.Organization); d != "" {
		t.Errorf("organization (-want +got):\n%s", d)
	}
	if got, want := q.Scopes.String(), "system/Goal.rs system/Patient.rs"; got != want {
		t.Errorf("scopes are %q, want %q", got, want)
	}
	if d := cmp.Diff(purpose("TREAT", "COC"), q.Registered); d != "" {
		t.Errorf("registered (-want +got):\n%s", d)
	}
}

func TestPurposesAreChosenNeverGuessed(t *testing.T) {
	tests := map[string]struct {
		partner string
		stated  []fhir.Coding
		want    []fhir.Coding
	}{
		"one stated":                        {"lakeside", purpose("COC"), purpose("COC")},
		"several stated all stay":           {"lakeside", purpose("COC", "TREAT"), purpose("COC", "TREAT")},
		"one that is not registered stays":  {"lakeside", purpose("HMARKT"), purpose("HMARKT")},
		"none stated, with a default":       {"lakeside", nil, purpose("TREAT")},
		"none stated, one registered, none": {"insurer", nil, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			q, err := mustLoad(t).Requester(&smart.Token{Issuer: testIssuer, ClientID: tt.partner, Purposes: tt.stated})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, q.Purposes); d != "" {
				t.Errorf("purposes (-want +got):\n%s", d)
			}
		})
	}
}

func TestAPractitionerCountsOnlyIfRegistered(t *testing.T) {
	ana, other := fhir.Reference{Type: "Practitioner", ID: "ana"}, fhir.Reference{Type: "Practitioner", ID: "other"}
	tests := map[string]struct {
		token smart.Token
		want  string // NPI of the practitioner
	}{
		"none claimed":                    {smart.Token{}, ""},
		"a registered NPI":                {smart.Token{NPI: "1245319599"}, "1245319599"},
		"an NPI that is not registered":   {smart.Token{NPI: "1999999999"}, ""},
		"the organisation's NPI":          {smart.Token{NPI: "1234567893"}, ""},
		"the user who signed in":          {smart.Token{FHIRUser: ana}, "1245319599"},
		"another user":                    {smart.Token{FHIRUser: other}, ""},
		"a user of a machine":             {smart.Token{FHIRUser: ana, Machine: true}, ""},
		"NPI and user agree":              {smart.Token{NPI: "1245319599", FHIRUser: ana}, "1245319599"},
		"NPI and user contradict":         {smart.Token{NPI: "1003000126", FHIRUser: ana}, ""},
		"NPI of one, user somebody else":  {smart.Token{NPI: "1245319599", FHIRUser: other}, ""},
		"NPI known, user not in register": {smart.Token{NPI: "1003000126", FHIRUser: other}, "1003000126"},
		"a patient is no practitioner":    {smart.Token{FHIRUser: fhir.Reference{Type: "Patient", ID: "ana"}}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.token.Issuer, tt.token.ClientID = testIssuer, "lakeside"
			q, err := mustLoad(t).Requester(&tt.token)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if q.Practitioner != nil {
				got = q.Practitioner.Identifiers[0].Value
			}
			if got != tt.want {
				t.Errorf("practitioner %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSelfAccessIsForAPersonInAPatientApp(t *testing.T) {
	me := fhir.Reference{Type: "Patient", ID: "me"}
	tests := map[string]struct {
		token smart.Token
		want  fhir.Reference
	}{
		"the client":                       {smart.Token{Issuer: testIssuer, ClientID: "app", FHIRUser: me}, me},
		"a representative":                 {smart.Token{Issuer: testIssuer, ClientID: "app", FHIRUser: fhir.Reference{Type: "RelatedPerson", ID: "mum"}}, fhir.Reference{Type: "RelatedPerson", ID: "mum"}},
		"a clinician in a patient app":     {smart.Token{Issuer: testIssuer, ClientID: "app", FHIRUser: fhir.Reference{Type: "Practitioner", ID: "x"}}, fhir.Reference{}},
		"client_credentials of that app":   {smart.Token{Issuer: testIssuer, ClientID: "app", FHIRUser: me, Machine: true}, fhir.Reference{}},
		"the launch patient is no person":  {smart.Token{Issuer: testIssuer, ClientID: "app", Patient: me}, fhir.Reference{}},
		"a patient in a provider's system": {smart.Token{Issuer: testIssuer, ClientID: "lakeside", FHIRUser: me}, fhir.Reference{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			q, err := mustLoad(t).Requester(&tt.token)
			if err != nil {
				t.Fatal(err)
			}
			got, ok := q.SelfAccess()
			if got != tt.want || ok != (tt.want != fhir.Reference{}) {
				t.Errorf("SelfAccess = %v, %v; want %v", got, ok, tt.want)
			}
		})
	}
}

func TestAPatientAppHasPatientScopesOnly(t *testing.T) {
	q, err := mustLoad(t).Requester(&smart.Token{Issuer: testIssuer, ClientID: "app", Scopes: smart.ParseScopes("patient/Goal.rs user/Goal.rs system/*.rs")})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := q.Scopes.String(), "patient/Goal.rs"; got != want {
		t.Errorf("scopes are %q, want %q", got, want)
	}
}

func TestAnUnknownPartnerIsNobody(t *testing.T) {
	for _, tok := range []*smart.Token{nil, {}, {Issuer: testIssuer, ClientID: "Lakeside"}, {Issuer: testIssuer, Subject: "lakeside"}, {ClientID: "lakeside"}, {Issuer: testIssuer + "/", ClientID: "lakeside"}} {
		if q, err := mustLoad(t).Requester(tok); q != nil || !errors.Is(err, ErrUnknownPartner) {
			t.Errorf("Requester = %v, %v", q, err)
		}
		if _, err := new(Register).Requester(tok); !errors.Is(err, ErrUnknownPartner) {
			t.Errorf("the zero register: %v", err)
		}
	}
}

// An issuer that turns hostile, or is taken over, can mint whatever it likes for its own clients, and nothing for those of another.
func TestAnIssuerSpeaksForItsOwnPartnersOnly(t *testing.T) {
	const other = "https://other.example.org"
	partner := func(id, issuer string) string {
		return "  - {id: " + id + issuer + ", kind: other, organization: {reference: Organization/a}, purposes: [TREAT], scopes: system/*.rs}\n"
	}
	read := func(text string, issuers ...string) (*Register, error) {
		return Load(fstest.MapFS{"p.yaml": {Data: []byte("partners:\n" + text)}}, "p.yaml", profiles.FS, issuers...)
	}
	r, err := read(partner("a", ", issuer: "+testIssuer)+partner("b", ", issuer: "+other), testIssuer, other)
	if err != nil {
		t.Fatal(err)
	}
	for tok, want := range map[[2]string]error{
		{testIssuer, "a"}: nil, {other, "b"}: nil, {other, "a"}: ErrUnknownPartner, {testIssuer, "b"}: ErrUnknownPartner, {"", "a"}: ErrUnknownPartner,
	} {
		if q, err := r.Requester(&smart.Token{Issuer: tok[0], ClientID: tok[1]}); !errors.Is(err, want) || (q == nil) != (want != nil) {
			t.Errorf("%s of %q: %v, %v", tok[1], tok[0], q, err)
		}
	}
	for name, c := range map[string]struct {
		text    string
		issuers []string
		want    string
	}{
		"which of two":              {partner("a", ""), []string{testIssuer, other}, "p.yaml:2: issuer is missing"},
		"one that is none":          {partner("a", ", issuer: https://login.example.com"), []string{testIssuer, other}, `p.yaml:2: issuer is none of those under tokens in the configuration, did you mean "` + testIssuer + `"?`},
		"another than the sole one": {partner("a", ", issuer: "+other), []string{testIssuer}, "p.yaml:2: issuer is none of those"},
	} {
		if _, err := read(c.text, c.issuers...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r, err = read(partner("a", "")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Requester(&smart.Token{ClientID: "a"}); !errors.Is(err, ErrUnknownPartner) {
		t.Errorf("a partner of no issuer: %v", err)
	}
}

func TestWhatATokenTakesAwayStays(t *testing.T) {
	tok := smart.Token{
		Issuer: testIssuer, ClientID: "lakeside", Consents: []string{"Consent/a"}, Residual: []smart.ResidualRule{{Unread: true}},
		Only: fhir.Reference{Type: "Patient", ID: "p"},
	}
	q, err := mustLoad(t).Requester(&tok)
	if err != nil {
		t.Fatal(err)
	}
	for name, q := range map[string]*Requester{"the requester": q, "for a purpose": q.For(purpose("COC")[0]), "through scopes": q.Through(smart.ParseScopes("patient/*.rs"))} {
		if d := cmp.Diff([]any{tok.Consents, tok.Residual, tok.Only}, []any{q.Consents, q.Residual, q.Only}); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestAnOrganizationThatATokenStatesMustBeThePartners(t *testing.T) {
	for stated, want := range map[string]error{
		"1234567893": nil, fhir.SystemNPI + "|1234567893": nil, fhir.SystemNPI + "#1234567893": nil, "urn:oid:1.2.3|77": nil, "Organization/lakeside": nil,
		"77": ErrOrganization, "1003000126": ErrOrganization, "urn:oid:1.2.3": ErrOrganization, "lakeside": ErrOrganization, "": ErrOrganization, "|": ErrOrganization, "Organization/other": ErrOrganization,
	} {
		for _, all := range [][]string{{stated}, {"1234567893", stated}, {stated, "1234567893"}} {
			q, err := mustLoad(t).Requester(&smart.Token{Issuer: testIssuer, ClientID: "lakeside", Organizations: all})
			if !errors.Is(err, want) || (q == nil) != (want != nil) {
				t.Errorf("%q: %v, %v", all, q, err)
			}
		}
	}
	if q, err := mustLoad(t).Requester(&smart.Token{Issuer: testIssuer, ClientID: "app", Organizations: []string{""}}); q != nil || !errors.Is(err, ErrOrganization) {
		t.Errorf("a partner without an organization: %v, %v", q, err)
	}
}

func TestDigestCoversWhatADecisionCanDependOn(t *testing.T) {
	base := func() *Requester {
		return &Requester{
			PartnerID: "p", Kind: KindProvider,
			Organization: Party{fhir.Reference{Type: "Organization", ID: "o"}, []fhir.Identifier{{System: "s", Value: "v"}}},
			Practitioner: &Party{fhir.Reference{Type: "Practitioner", ID: "a"}, []fhir.Identifier{{System: "s", Value: "w"}}},
			Purposes:     purpose("TREAT", "COC"), Registered: purpose("TREAT", "COC"), Scopes: smart.ParseScopes("system/*.rs"),
			Patient: fhir.Reference{Type: "Patient", ID: "x"}, Person: fhir.Reference{Type: "Patient", ID: "y"},
			Consents: []string{"a", "b"}, Only: fhir.Reference{Type: "Patient", ID: "x"},
			Residual: []smart.ResidualRule{{Labels: []fhir.Coding{{System: "s", Code: "c"}}, Periods: []smart.ResidualPeriod{{Start: "2026"}},
				Data: []smart.ResidualData{{Meaning: "related", Reference: fhir.Reference{Type: "Encounter", ID: "e"}}}}, {Permit: true}},
		}
	}
	changes := map[string]func(*Requester){
		"partner":                 func(q *Requester) { q.PartnerID = "p2" },
		"name":                    func(q *Requester) { q.Name = "P" },
		"kind":                    func(q *Requester) { q.Kind = KindPayer },
		"organization":            func(q *Requester) { q.Organization.Reference.ID = "o2" },
		"organization identifier": func(q *Requester) { q.Organization.Identifiers[0].Value = "v2" },
		"no practitioner":         func(q *Requester) { q.Practitioner = nil },
		"practitioner":            func(q *Requester) { q.Practitioner.Reference.ID = "b" },
		"practitioner identifier": func(q *Requester) { q.Practitioner.Identifiers = nil },
		"purposes":                func(q *Requester) { q.Purposes = purpose("TREAT") },
		"registered":              func(q *Requester) { q.Registered = purpose("TREAT") },
		"purpose system":          func(q *Requester) { q.Purposes[0].System = "other" },
		"scopes":                  func(q *Requester) { q.Scopes = smart.ParseScopes("system/*.r") },
		"patient":                 func(q *Requester) { q.Patient = fhir.Reference{} },
		"person":                  func(q *Requester) { q.Person.ID = "z" },
		"patient and person swap": func(q *Requester) { q.Patient, q.Person = q.Person, q.Patient },
		"any Consent":             func(q *Requester) { q.Consents = nil },
		"no Consent":              func(q *Requester) { q.Consents = []string{} },
		"fewer Consents":          func(q *Requester) { q.Consents = []string{"a"} },
		"Consents joined":         func(q *Requester) { q.Consents = []string{"ab"} },
		"every client":            func(q *Requester) { q.Only = fhir.Reference{} },
		"another client":          func(q *Requester) { q.Only.ID = "y" },
		"no rules":                func(q *Requester) { q.Residual = nil },
		"fewer rules":             func(q *Requester) { q.Residual = q.Residual[:1] },
		"rules turned round":      func(q *Requester) { slices.Reverse(q.Residual) },
		"rule that forbids":       func(q *Requester) { q.Residual[1].Permit = false },
		"rule unread":             func(q *Requester) { q.Residual[0].Unread = true },
		"rule without labels":     func(q *Requester) { q.Residual[0].Labels = nil },
		"rule for a label":        func(q *Requester) { q.Residual[0].Labels[0].Code = "d" },
		"rule without period":     func(q *Requester) { q.Residual[0].Periods = nil },
		"rule for a period":       func(q *Requester) { q.Residual[0].Periods[0] = smart.ResidualPeriod{End: "2026"} },
		"rule without data":       func(q *Requester) { q.Residual[0].Data = nil },
		"rule for data":           func(q *Requester) { q.Residual[0].Data[0].Meaning = "instance" },
		"rule for a reference":    func(q *Requester) { q.Residual[0].Data[0].Reference.ID = "f" },
	}
	seen := map[[32]byte]string{base().Digest(): "unchanged"}
	for name, change := range changes {
		q := base()
		change(q)
		if other, ok := seen[q.Digest()]; ok {
			t.Errorf("%s: the same digest as %s", name, other)
		}
		seen[q.Digest()] = name
	}
	reordered := base()
	reordered.Purposes, reordered.Consents = purpose("COC", "TREAT"), []string{"b", "a"}
	if reordered.Digest() != base().Digest() {
		t.Error("the order of purposes or Consents changes the digest")
	}
}

func TestLoadReportsEveryProblemWithItsPlace(t *testing.T) {
	_, err := load(t, `partners:
  - id: a
    kind: clinic
    organization: {reference: nonsense}
    purposes: [TREAT, TREAT, NOPE]
    scopes: system/*.sr
    colour: red
  - id: a
    kind: payer
    purposes: [HPAYMT, COC, TREAT, BTG]
    default-purpose: HOPERAT
    jwks-file: absent.json
    name: " Payer"
    address: "first\nsecond"
  - kind: patient
    scopes: user/*.rs
    practitioners: [{}, {npi: "12"}, {npi: "1245319599"}, {npi: "1245319599"}]
`)
	want := []string{
		"partners.yaml:7: unknown key colour",
		"partners.yaml:3: kind is not one of",
		"partners.yaml:4: organization: the reference",
		"partners.yaml:4: organization needs",
		`partners.yaml:5: purpose "TREAT" is named twice`,
		`partners.yaml:5: purpose "NOPE" is not in`,
		`partners.yaml:6: scope "system/*.sr" cannot be read`,
		`partners.yaml:8: the partner "a" is registered twice`,
		"partners.yaml:8: organization needs",
		"partners.yaml:10: a partner of kind payer never holds COC",
		"partners.yaml:10: a partner of kind payer never holds TREAT",
		"partners.yaml:10: a partner of kind payer never holds BTG",
		"partners.yaml:11: default-purpose is not one of the purposes",
		"partners.yaml:8: scopes is missing",
		"partners.yaml:12: jwks-file cannot be read",
		"partners.yaml:15: a partner without an id",
		"partners.yaml:16: a partner of kind patient uses patient/ scopes only",
		"partners.yaml:17: a practitioner needs",
		"partners.yaml:17: practitioners: an NPI has ten digits",
		"partners.yaml:17: two practitioners have one identifier",
		"partners.yaml:13: name is not one line", "partners.yaml:14: address is not one line",
	}
	if err == nil {
		t.Fatal("no error")
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("missing: %s", w)
		}
	}
	if got := strings.Count(err.Error(), "\n") + 1; got != len(want) {
		t.Errorf("%d problems, want %d:\n%v", got, len(want), err)
	}
}

func TestLoadRefuses(t *testing.T) {
	head := "partners:\n  - {id: a, kind: other, organization: {reference: Organization/a}, purposes: [TREAT], scopes: system/*.rs, "
	tests := map[string]struct{ text, want string }{
		"an empty file":     {"", "partners.yaml:1: no partners"},
		"no partners":       {"partners: []\n", "no partners"},
		"a mistyped key":    {strings.Replace(head, "purposes:", "purpose:", 1) + "}", `partners.yaml:2: unknown key purpose, did you mean "purposes"?`},
		"a word for a code": {strings.Replace(head, "TREAT", "TREATMENT", 1) + "}", `partners.yaml:2: purpose "TREATMENT" is not in purposes/tree.yaml (there are: BIORCH, `},
		"a mistyped code":   {strings.Replace(head, "TREAT", "TRAET", 1) + "}", `partners.yaml:2: purpose "TRAET" is not in purposes/tree.yaml, did you mean "TREAT"?`},
		"two documents":     {register + "---\npartners: []\n", "second YAML document"},
		"a repeated key":    {"partners: []\npartners: []\n", "already defined"},
		"a private key":     {head + `jwks: {keys: [{kty: EC, crv: P-256, d: AAAA}]}}`, "private or symmetric"},
		"an empty set":      {head + `jwks: {keys: []}}`, "no public key"},
		"both key sources":  {head + `jwks-file: x, jwks: {keys: []}}`, "exclude each other"},
		"a key without kid": {head + `jwks-file: nameless.json}`, "a kid of its own"},
		"one kid twice":     {head + `jwks-file: twice.json}`, "a kid of its own"},
		"a set and a URI":   {head + `jwks-uri: "https://x.example.org/k", jwks-file: x}`, "exclude each other"},
		"a plain URI":       {head + `jwks-uri: "http://x.example.org/k"}`, "jwks-uri is not https"},
		"a file outside":    {head + `jwks-file: ../../etc/passwd}`, "cannot be read"},
		"a secret key file": {head + `jwks-file: oct.json}`, "private or symmetric"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := load(t, tt.text, "conf/oct.json", `{"keys":[{"kty":"oct","k":"AAAA"}]}`, "conf/nameless.json", `{"keys":[`+publicKey("")+`]}`, "conf/twice.json", `{"keys":[`+publicKey("k")+","+publicKey("k")+`]}`)
			if r != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Load = %v, %v; want %q", r, err, tt.want)
			}
		})
	}
}

func TestThePurposesThatCanBeStated(t *testing.T) {
	r, err := load(t, register)
	if err != nil {
		t.Fatal(err)
	}
	for text, known := range map[string]bool{"TREAT": true, "BTG": true, "COVERAGE": true, "NOPE": false, "treat": false, "": false, "urn:x|TREAT": false} {
		if c, ok := r.Purpose(text); ok != known || known && c != (fhir.Coding{System: fhir.SystemActReason, Code: text}) {
			t.Errorf("%q: %v, %v", text, c, ok)
		}
	}
	codes := r.PurposeCodes()
	if !slices.IsSorted(codes) || !slices.Contains(codes, "TREAT") || !slices.Contains(codes, "ERTREAT") || len(codes) != len(slices.Compact(slices.Clone(codes))) {
		t.Errorf("%v", codes)
	}
	if _, ok := (&Register{}).Purpose("TREAT"); ok || len((&Register{}).PurposeCodes()) != 0 {
		t.Error("the zero register knows a purpose")
	}
}

func TestLoadNeedsTheProfiles(t *testing.T) {
	for name, tree := range map[string]string{
		"absent": "", "no system": "tree: {TREAT: []}\nnever: {payer: [TREAT]}\n", "nothing forbidden to payers": "system: s\ntree: {TREAT: []}\n", "unknown key": "sistem: s\n",
	} {
		files := fstest.MapFS{"p.yaml": {Data: []byte(register)}}
		folder := fstest.MapFS{}
		if tree != "" {
			folder["purposes/tree.yaml"] = &fstest.MapFile{Data: []byte(tree)}
		}
		if r, err := Load(files, "p.yaml", folder); r != nil || err == nil {
			t.Errorf("%s: Load = %v, %v", name, r, err)
		}
	}
}

// publicKey is a fresh public key as a JWK with that kid.
func publicKey(kid string) string {
	private, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		panic(err)
	}
	text, err := jose.JSONWebKey{Key: private.Public(), KeyID: kid}.MarshalJSON()
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestWhatAPartnerMustProveIsRegistered(t *testing.T) {
	load := func(constraint string) (*Register, error) {
		files := fstest.MapFS{"p.yaml": {Data: []byte("partners:\n  - {id: lakeside, kind: provider, organization: {npi: \"1234567893\"}, purposes: [TREAT], scopes: system/*.rs, sender-constraint: " + constraint + "}\n")}}
		return Load(files, "p.yaml", profiles.FS, testIssuer)
	}
	for text, want := range map[string]smart.Constraint{"dpop": smart.DPoP, "mtls": smart.MutualTLS, `""`: ""} {
		r, err := load(text)
		if err != nil {
			t.Fatal(err)
		}
		q, err := r.Requester(&smart.Token{Issuer: testIssuer, ClientID: "lakeside"})
		if err != nil || q.Sender != want {
			t.Errorf("%s: %+v, %v", text, q, err)
		}
	}
	for _, text := range []string{"DPoP", "tls", "[dpop]"} {
		if _, err := load(text); err == nil || !strings.HasPrefix(err.Error(), "p.yaml:2: ") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// For keeps everything but the purposes: a field that it forgot would decide for somebody else.
func TestForChangesThePurposeAlone(t *testing.T) {
	q := &Requester{PartnerID: "p", Name: "P", Kind: KindPatient, Organization: Party{Reference: fhir.Reference{Type: "Organization", ID: "o"}},
		Practitioner: &Party{}, Purposes: purpose("TREAT", "COC"), Registered: purpose("TREAT", "COC"), Scopes: smart.ParseScopes("patient/*.rs"),
		Patient: fhir.Reference{Type: "Patient", ID: "a"}, Person: fhir.Reference{Type: "Patient", ID: "a"},
		Consents: []string{"Consent/a"}, Residual: []smart.ResidualRule{{}}, Only: fhir.Reference{Type: "Patient", ID: "a"}, Sender: smart.DPoP}
	whole := q.Digest()
	one := q.For(purpose("COC")[0])
	was, is := reflect.ValueOf(q).Elem(), reflect.ValueOf(one).Elem()
	for i := range was.NumField() {
		field := was.Type().Field(i)
		if field.IsExported() && (was.Field(i).IsZero() || field.Name != "Purposes" && !reflect.DeepEqual(was.Field(i).Interface(), is.Field(i).Interface())) {
			t.Errorf("%s is not set, or not kept", field.Name)
		}
	}
	if one.Digest() == whole || len(one.Purposes) != 1 || q.Digest() != whole {
		t.Error("the digest is not that of the one purpose")
	}
}
