package smart

import (
	"encoding/json"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"
)

func FuzzVerify(f *testing.F) {
	v := newTestVerifier(f, testConfig(f))
	good := sign(f, testKeys["es256"], nil, payload(nil))
	f.Add(good)
	f.Add(sign(f, testKeys["stranger"], nil, payload(nil)))
	f.Add("..")
	f.Fuzz(func(t *testing.T, raw string) {
		tok, err := v.Verify(t.Context(), raw)
		if (tok == nil) == (err == nil) {
			t.Fatalf("Verify = %v, %v", tok, err)
		}
		if tok != nil && tok.ID != "id-1" {
			t.Errorf("a token that nobody signed: %+v", tok)
		}
	})
}

// FuzzMapping: whatever claims a token has and wherever they are looked for, what comes out is a token of this issuer with a client, or nothing.
func FuzzMapping(f *testing.F) {
	f.Add("extensions.ihe_pcf.doc_id", []byte(`{"extensions":{"ihe_pcf":{"doc_id":["a"],"patient_id":"p","residual":[{"type":"permit","securityLabel":[{"code":"N"}]}]}},"cnf":{"jkt":"x"}}`))
	f.Add("[https://a.example/x, y]", []byte(`{"https://a.example/x":{"y":["a"]}}`))
	f.Add("client_id", []byte(`{"client_id":"a","scope":["system/*.rs"],"extensions":{"hl7-b2b":{"organization_id":"o"}}}`))
	base := testConfig(f)
	f.Fuzz(func(t *testing.T, path string, more []byte) {
		var p Path
		var changes object
		if yaml.Unmarshal([]byte(path), &p) != nil || json.Unmarshal(more, &changes) != nil {
			return
		}
		own := []Path{p}
		test := []ClaimTest{{Claim: p, Begins: "a"}}
		c := base
		c.Claims = c.Claims.With(Mapping{Patient: own, Purpose: own, Consents: own, Residual: own, Organization: own, NPI: own, Person: own, Machine: test})
		text, err := json.Marshal(payload(changes))
		if err != nil {
			return
		}
		tok, err := (&issuer{config: c}).read(text)
		if err != nil {
			return
		}
		if tok.Issuer != testIssuer || tok.ClientID == "" || slices.Contains(tok.Consents, "") || tok.Consents != nil && len(tok.Consents) == 0 {
			t.Errorf("taken: %+v", tok)
		}
	})
}

func FuzzClaims(f *testing.F) {
	i := newTestVerifier(f, testConfig(f)).issuers[testIssuer]
	seed, _ := json.Marshal(payload(object{"patient": "p", "fhirUser": "Patient/p", "extensions": object{"hl7-b2b": object{"purpose_of_use": []string{"TREAT"}}}}))
	f.Add(seed)
	f.Add([]byte(`{"exp":1e300}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		tok, err := i.read(payload)
		if err == nil && (tok.ClientID == "" || !testNow.Before(tok.Expiry.Add(defaultSkew)) || tok.Expiry.Sub(testNow) > defaultLifetime+defaultSkew) {
			t.Errorf("taken: %+v", tok)
		}
	})
}
