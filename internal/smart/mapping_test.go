package smart

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/profiles"
)

// ofVendor is a token as the vendor's documentation shows it, with changes.
func ofVendor(name string, changes object) object {
	std := object{"client_id": nil, "scope": nil, "jti": nil, "sub": nil}
	for k, v := range map[string]object{
		"keycloak": {"azp": "clinic", "sub": "6d1e", "typ": "Bearer", "scope": "openid patient/*.rs", "sid": "s1", "jti": "onrtac:1", "preferred_username": "jane"},
		"okta":     {"cid": "clinic", "uid": "00u1", "sub": "jane@example.org", "scp": []string{"openid", "patient/*.rs"}, "ver": 1, "jti": "AT.1"},
		"entra":    {"azp": "clinic", "appid": nil, "oid": "o", "sub": "pairwise", "scp": "Records.Read", "roles": []string{"Records.Read.All"}, "ver": "2.0", "uti": "u1"},
		"auth0":    {"azp": "clinic", "sub": "auth0|123456", "scope": "openid patient/*.rs", "https://clinic.example.org/patient": "p1"},
		"smart":    {"client_id": "clinic", "sub": "jane", "scope": "patient/*.rs", "jti": "id-1", "patient": "p1"},
		"ihe-iua":  {"client_id": "clinic", "sub": "jane", "scope": "system/*.rs", "jti": "id-1", "extensions": object{"ihe_iua": object{"purpose_of_use": []object{{"system": fhir.SystemActReason, "code": "TREAT"}}}}},
		"udap-b2b": {"client_id": "clinic", "sub": "clinic", "scope": "system/*.rs", "jti": "id-1", "extensions": object{"hl7-b2b": object{"version": "1", "organization_id": "https://clinic.example.org", "purpose_of_use": []string{"urn:oid:2.16.840.1.113883.5.8#TREAT"}}}},
	}[name] {
		std[k] = v
	}
	for k, v := range changes {
		std[k] = v
	}
	return payload(std)
}

func verifierOf(t *testing.T, name string, own Mapping) *Verifier {
	t.Helper()
	c := testConfig(t)
	c.Claims = preset(t, name).With(own)
	return newTestVerifier(t, c)
}

func TestThePresetsReadWhatTheirIssuersWrite(t *testing.T) {
	patient := Mapping{Patient: []Path{{"https://clinic.example.org/patient"}}}
	names := Mapping{ScopeNames: map[string]string{"Records.Read": "patient/*.rs", "Records.Read.All": "system/*.rs"}}
	machine := func(tok *Token) any { return tok.Machine }
	scopes := func(tok *Token) any { return tok.Scopes.String() }
	for name, x := range map[string]struct {
		preset  string
		own     Mapping
		changes object
		got     func(*Token) any
		want    any
	}{
		"smart: a launch patient":          {"smart", Mapping{}, nil, func(tok *Token) any { return tok.Patient.ID }, "p1"},
		"smart: a person":                  {"smart", Mapping{}, nil, machine, false},
		"iua: its purpose":                 {"ihe-iua", Mapping{}, nil, func(tok *Token) any { return tok.Purposes[0].Code }, "TREAT"},
		"udap: its organization":           {"udap-b2b", Mapping{}, nil, func(tok *Token) any { return tok.Organizations[0] }, "https://clinic.example.org"},
		"keycloak: client":                 {"keycloak", Mapping{}, nil, func(tok *Token) any { return tok.ClientID }, "clinic"},
		"keycloak: session":                {"keycloak", Mapping{}, nil, func(tok *Token) any { return tok.Grant }, "s1"},
		"keycloak: a person":               {"keycloak", Mapping{}, nil, machine, false},
		"keycloak: a service account":      {"keycloak", Mapping{}, object{"preferred_username": "service-account-clinic"}, machine, true},
		"keycloak: no session, no name":    {"keycloak", Mapping{}, object{"preferred_username": nil, "sid": nil}, machine, true},
		"okta: client":                     {"okta", Mapping{}, nil, func(tok *Token) any { return tok.ClientID }, "clinic"},
		"okta: scopes":                     {"okta", Mapping{}, nil, scopes, "patient/*.rs"},
		"okta: a person":                   {"okta", Mapping{}, nil, machine, false},
		"okta: client_credentials":         {"okta", Mapping{}, object{"uid": nil, "sub": "clinic"}, machine, true},
		"entra: id":                        {"entra", names, nil, func(tok *Token) any { return tok.ID }, "u1"},
		"entra: what the user has granted": {"entra", names, nil, scopes, "patient/*.rs"},
		"entra: a person":                  {"entra", names, nil, machine, false},
		"entra: what the app may":          {"entra", names, object{"scp": nil}, scopes, "system/*.rs"},
		"entra: the app alone":             {"entra", names, object{"scp": nil}, machine, true},
		"entra: the app by idtyp":          {"entra", names, object{"idtyp": "app"}, machine, true},
		"entra: version 1":                 {"entra", names, object{"azp": nil, "appid": "clinic"}, func(tok *Token) any { return tok.ClientID }, "clinic"},
		"entra: words that nobody named":   {"entra", Mapping{}, nil, scopes, ""},
		"auth0: a namespaced claim":        {"auth0", patient, nil, func(tok *Token) any { return tok.Patient.ID }, "p1"},
		"auth0: a person":                  {"auth0", patient, nil, machine, false},
		"auth0: a machine by gty":          {"auth0", patient, object{"gty": "client-credentials"}, machine, true},
		"auth0: a machine by its subject":  {"auth0", patient, object{"azp": nil, "client_id": "clinic", "sub": "clinic@clients"}, machine, true},
	} {
		tok, err := verifierOf(t, x.preset, x.own).Verify(t.Context(), sign(t, testKeys["es256"], nil, ofVendor(x.preset, x.changes)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := x.got(tok); got != x.want {
			t.Errorf("%s: got %v, want %v", name, got, x.want)
		}
	}
}

func TestThePresetsRefuseWhatIsNoAccessTokenOfTheirIssuers(t *testing.T) {
	for name, x := range map[string]struct {
		preset  string
		changes object
	}{
		"keycloak: a refresh token":       {"keycloak", object{"typ": "Refresh"}},
		"keycloak: an offline token":      {"keycloak", object{"typ": "Offline"}},
		"keycloak: an ID token":           {"keycloak", object{"typ": "ID"}},
		"keycloak: no typ":                {"keycloak", object{"typ": nil}},
		"keycloak: two clients":           {"keycloak", object{"client_id": "other"}},
		"okta: an ID token":               {"okta", object{"cid": nil, "scp": nil, "aud": []string{testAudience, "clinic"}, "at_hash": "h"}},
		"okta: a client by another name":  {"okta", object{"cid": nil, "client_id": "clinic"}},
		"entra: an ID token":              {"entra", object{"scp": nil, "roles": nil, "azp": nil}},
		"entra: two clients":              {"entra", object{"appid": "other"}},
		"auth0: an ID token":              {"auth0", object{"scope": nil}},
		"iua: no purpose":                 {"ihe-iua", object{"extensions": nil}},
		"iua: extensions are a text":      {"ihe-iua", object{"extensions": "ihe_iua"}},
		"udap: no version":                {"udap-b2b", object{"extensions": object{"hl7-b2b": object{"organization_id": "a", "purpose_of_use": []string{"TREAT"}}}}},
		"udap: no organization":           {"udap-b2b", object{"extensions": object{"hl7-b2b": object{"version": "1", "purpose_of_use": []string{"TREAT"}}}}},
		"udap: an organization is a list": {"udap-b2b", object{"extensions": object{"hl7-b2b": object{"version": "1", "purpose_of_use": []string{"TREAT"}, "organization_id": object{}}}}},
	} {
		tok, err := verifierOf(t, x.preset, Mapping{}).Verify(t.Context(), sign(t, testKeys["es256"], nil, ofVendor(x.preset, x.changes)))
		if tok != nil || !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %+v, %v", name, tok, err)
		}
	}
}

// TestNoPresetLosesWhatNarrows: whatever a preset or a configuration says, what the standard extensions take away is taken away.
func TestNoPresetLosesWhatNarrows(t *testing.T) {
	names, err := fs.Glob(profiles.FS, presetsDir+"/*.yaml")
	if err != nil || len(names) < 7 {
		t.Fatalf("%d presets, %v", len(names), err)
	}
	elsewhere := []Path{{"elsewhere"}}
	own := Mapping{Purpose: elsewhere, Organization: elsewhere, Consents: elsewhere, Residual: elsewhere}
	for _, file := range names {
		name := strings.TrimSuffix(strings.TrimPrefix(file, presetsDir+"/"), ".yaml")
		tok, err := verifierOf(t, name, own).Verify(t.Context(), sign(t, testKeys["es256"], nil, ofVendor(name, object{
			"purpose_of_use": "HRESCH", "cnf": object{"jkt": "thumb"},
			"extensions": object{
				"ihe_iua": object{"purpose_of_use": []string{"COC"}, "subject_organization_id": "org-1"},
				"hl7-b2b": object{"version": "1", "purpose_of_use": []string{"TREAT"}, "organization_id": "org-2", "consent_reference": []string{"https://a.example.org/Consent/2"}},
				"ihe_pcf": object{"patient_id": testAudience + "/Patient/p9", "doc_id": testAudience + "/Consent/1", "residual": []object{{"type": "forbid"}}},
			},
		})))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var codes []string
		for _, p := range tok.Purposes {
			codes = append(codes, p.Code)
		}
		got := []any{codes, tok.Organizations, tok.Consents, tok.Residual, tok.Only, tok.Confirmation}
		want := []any{[]string{"HRESCH", "TREAT", "COC"}, []string{"org-2", "org-1"}, []string{"Consent/1", "https://a.example.org/Consent/2"},
			[]ResidualRule{{}}, fhir.Reference{Type: "Patient", ID: "p9"}, Confirmation{JKT: "thumb"}}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestWhatNarrowsAndCannotBeReadRefusesTheToken(t *testing.T) {
	pcf := func(o object) object { return object{"extensions": object{"ihe_pcf": o}} }
	v := newTestVerifier(t, testConfig(t))
	for name, changes := range map[string]object{
		"no Consents":                    pcf(object{"doc_id": []string{}}),
		"an empty Consent":               pcf(object{"doc_id": []string{"a", ""}}),
		"a Consent is a number":          pcf(object{"doc_id": 1}),
		"residual is an object":          pcf(object{"residual": object{"type": "forbid"}}),
		"residual is a text":             pcf(object{"residual": "forbid"}),
		"a client that is none":          pcf(object{"patient_id": "a b"}),
		"an empty client":                pcf(object{"patient_id": ""}),
		"a client in the form of HL7 v2": pcf(object{"patient_id": "543797436^^^&1.2.840.113619.6.197&ISO"}),
		"a client of another server":     pcf(object{"patient_id": "https://other.example.org/fhir/Patient/p"}),
		"somebody who is no client":      pcf(object{"patient_id": testAudience + "/Practitioner/p"}),
		"ihe_pcf is a list":              {"extensions": object{"ihe_pcf": []string{"x"}}},
		"an organization without a name": {"extensions": object{"ihe_iua": object{"subject_organization_id": ""}}},
		"a confirmation that is a text":  {"cnf": "x"},
		"an empty confirmation":          {"cnf": object{}},
		"a confirmation by a whole key":  {"cnf": object{"jwk": object{"kty": "EC"}}},
		"one that we know and one not":   {"cnf": object{"jkt": "a", "kid": "b"}},
		"an empty thumbprint":            {"cnf": object{"jkt": ""}},
		"a thumbprint of a number":       {"cnf": object{"x5t#S256": 7}},
		"a thumbprint in other letters":  {"cnf": object{"JKT": "a"}},
	} {
		if tok, err := v.Verify(t.Context(), sign(t, testKeys["es256"], nil, payload(changes))); tok != nil || !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %+v, %v", name, tok, err)
		}
	}
}

func TestPathsAreTextsOrListsOfNames(t *testing.T) {
	for text, want := range map[string]Path{
		"azp": {"azp"}, "extensions.ihe_iua.person_id": {"extensions", "ihe_iua", "person_id"}, "extensions.hl7-b2b.subject_id": {"extensions", "hl7-b2b", "subject_id"},
		"[https://clinic.example.org/claims, patient]": {"https://clinic.example.org/claims", "patient"},
		"https://clinic.example.org/patient":           nil, "a..b": nil, ".a": nil, "''": nil, "[]": nil, "['']": nil, "{a: b}": nil, "[[a]]": nil, "a b": nil, "a.b.c.d.e.f.g.h.i": nil,
	} {
		var p Path
		err := yaml.Unmarshal([]byte(text), &p)
		if !slices.Equal(p, want) || (err == nil) != (want != nil) {
			t.Errorf("%s: %q, %v", text, p, err)
		}
	}
}

func TestAPresetIsLoadedWholeOrNotAtAll(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "issuers/own.yaml: the file is empty",
		"client: [a]\nscope: [b]\n":    `issuers/own.yaml:2: unknown key scope, did you mean "scopes"?`,
		"client: [a]\n":                "the claims of the client and of the scopes are not named",
		"client: a\nscopes: [b]\n":     "issuers/own.yaml:1: this must be a list",
		"client: [a/b]\nscopes: [b]\n": "issuers/own.yaml:1: not the path of a claim",
		"client: [a]\nscopes: [b]\nrequire: [{is: [x]}]\n":            "a test names no claim",
		"client: [a]\nscopes: [b]\nscope-names: {A: system/*.sr}\n":   `scope "system/*.sr" cannot be read`,
		"client: [a]\nscopes: [b]\nscope-names: {A B: system/*.rs}\n": "is no word",
		"client: [a]\nscopes: [b]\nscope-names: {A: ''}\n":            "stands for nothing",
	} {
		_, err := LoadMapping(fstest.MapFS{"issuers/own.yaml": {Data: []byte(text)}}, "own")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := LoadMapping(profiles.FS, "keycloack"); err == nil || !strings.Contains(err.Error(), `did you mean "keycloak"?`) {
		t.Errorf("a mistyped preset: %v", err)
	}
	if _, err := NewVerifier(Config{Issuer: testIssuer, Audience: testAudience, Algorithms: []string{"ES256"}, JWKS: jwks(t, "es256")}); err == nil {
		t.Error("a verifier that is not told where tokens say what")
	}
}
