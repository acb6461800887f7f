package authserver

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	jose "github.com/go-jose/go-jose/v4"
)

// GenerateKey makes a private signing key for RS256, RS384, ES256 or ES384. Its kid is its thumbprint (RFC 7638).
func GenerateKey(algorithm string) (jose.JSONWebKey, error) {
	k := jose.JSONWebKey{Algorithm: algorithm, Use: "sig"}
	var err error
	switch algorithm {
	case "RS256", "RS384":
		k.Key, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ES256":
		k.Key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		k.Key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	default:
		err = errors.New("authserver: the algorithm is not one of RS256, RS384, ES256, ES384")
	}
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	sum, err := k.Thumbprint(crypto.SHA256)
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	k.KeyID = base64.RawURLEncoding.EncodeToString(sum)
	return k, nil
}

// PublicKeys is the JSON Web Key Set of the keys' public halves.
func PublicKeys(keys ...jose.JSONWebKey) ([]byte, error) {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range keys {
		public := k.Public()
		if !public.Valid() {
			return nil, errors.New("authserver: a key has no public half")
		}
		set.Keys = append(set.Keys, public)
	}
	return json.Marshal(set)
}

// WriteKey writes the private key as a JWK file that only its owner can read. It replaces no file.
func WriteKey(path string, k jose.JSONWebKey) error {
	text, err := json.Marshal(k)
	if err != nil {
		return errors.New("authserver: the key cannot be encoded")
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	return errors.Join(err, f.Close())
}

// ReadKey reads a private JWK file.
func ReadKey(path string) (jose.JSONWebKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	var k jose.JSONWebKey
	if json.Unmarshal(text, &k) != nil || k.IsPublic() || !k.Valid() || k.KeyID == "" || k.Algorithm == "" {
		return jose.JSONWebKey{}, fmt.Errorf("authserver: %s is not a private JWK with kid and alg", path)
	}
	return k, nil
}
