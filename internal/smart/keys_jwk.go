package smart

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"slices"

	jose "github.com/go-jose/go-jose/v4"
)

// supported are the algorithms that SMART and UDAP clients and servers sign with. Symmetric ones are not: the gateway holds no secret.
var supported = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.ES256, jose.ES384}

const minRSABits = 2048

// ParseJWKS reads the public keys of a JSON Web Key Set (RFC 7517, 5) that can verify RS256, RS384, ES256 or ES384. Keys of other kinds
// and uses are left out, as the RFC says; a set that holds a private or symmetric key was published by mistake and is refused whole.
func ParseJWKS(data []byte) ([]jose.JSONWebKey, error) {
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(data, &raw) != nil || raw.Keys == nil {
		return nil, errors.New("smart: not a JSON Web Key Set")
	}
	var keys []jose.JSONWebKey
	for _, one := range raw.Keys {
		var secret struct {
			Kty  string          `json:"kty"`
			D, K json.RawMessage // RSA, EC and OKP private keys; symmetric keys
		}
		if json.Unmarshal(one, &secret) != nil {
			return nil, errors.New("smart: not a JSON Web Key Set")
		}
		if secret.D != nil || secret.K != nil || secret.Kty == "oct" {
			return nil, errors.New("smart: the key set holds a private or symmetric key")
		}
		var k jose.JSONWebKey
		if json.Unmarshal(one, &k) == nil && (k.Use == "" || k.Use == "sig") && len(algorithms(k)) > 0 {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("smart: the key set holds no public key for RS256, RS384, ES256 or ES384")
	}
	return keys, nil
}

// algorithms are those that the key may verify: by its type and curve, and by its own alg if it names one.
func algorithms(k jose.JSONWebKey) []jose.SignatureAlgorithm {
	var fit []jose.SignatureAlgorithm
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() >= minRSABits {
			fit = []jose.SignatureAlgorithm{jose.RS256, jose.RS384}
		}
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256():
			fit = []jose.SignatureAlgorithm{jose.ES256}
		case elliptic.P384():
			fit = []jose.SignatureAlgorithm{jose.ES384}
		}
	}
	return slices.DeleteFunc(fit, func(a jose.SignatureAlgorithm) bool { return k.Algorithm != "" && k.Algorithm != string(a) })
}

// candidates are the keys that may have signed: those with the token's kid. A token without kid is taken only if one key alone fits.
func (s *keySet) candidates(kid string, alg jose.SignatureAlgorithm) []jose.JSONWebKey {
	var fit []jose.JSONWebKey
	for _, k := range s.keys {
		if (kid == "" || k.KeyID == kid) && slices.Contains(algorithms(k), alg) {
			fit = append(fit, k)
		}
	}
	if kid == "" && len(fit) > 1 {
		return nil
	}
	return fit
}

// containsAll tells whether every one of the old keys is still there, by its RFC 7638 thumbprint.
func containsAll(now, old []jose.JSONWebKey) bool {
	for _, o := range old {
		want, err := o.Thumbprint(crypto.SHA256)
		if err != nil || !slices.ContainsFunc(now, func(k jose.JSONWebKey) bool {
			got, err := k.Thumbprint(crypto.SHA256)
			return err == nil && bytes.Equal(got, want) && k.KeyID == o.KeyID
		}) {
			return false
		}
	}
	return true
}
