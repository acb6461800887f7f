package smart

import (
	"encoding/json"
	"testing"
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
