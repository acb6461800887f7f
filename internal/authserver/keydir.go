package authserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// keySuffix ends the names of signing keys. Other files of the folder are left alone.
const keySuffix = ".jwk"

// readSigningKeys reads all keys of a folder, the newest first. A key's file is a private JWK; its member nbf (OpenID Federation 1.0, 4.1) says when it
// begins to sign.
func readSigningKeys(dir string, now time.Time) ([]signingKey, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*"+keySuffix))
	if err != nil {
		return nil, err
	}
	var keys []signingKey
	ids := map[string]bool{}
	for _, path := range files {
		k, err := readSigningKey(path)
		if err != nil {
			return nil, err
		}
		if ids[k.KeyID] {
			return nil, fmt.Errorf("authserver: %s: another signing key has its kid", path)
		}
		ids[k.KeyID] = true
		keys = append(keys, k)
	}
	slices.SortStableFunc(keys, func(a, b signingKey) int { return b.begins.Compare(a.begins) })
	if !slices.ContainsFunc(keys, func(k signingKey) bool { return !now.Before(k.begins) }) {
		return nil, fmt.Errorf("authserver: %s holds no signing key that has begun (`gateway keys rotate` makes one)", dir)
	}
	return keys, nil
}

func readSigningKey(path string) (k signingKey, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return k, err
	}
	if info.Mode().Perm()&0o007 != 0 {
		return k, fmt.Errorf("authserver: %s can be read by everybody on this machine: chmod o= it", path)
	}
	if k.JSONWebKey, err = ReadKey(path); err != nil {
		return k, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return k, err
	}
	var times struct {
		Begins *int64 `json:"nbf"`
	}
	if json.Unmarshal(text, &times) != nil || times.Begins == nil {
		return k, fmt.Errorf("authserver: %s does not say when it begins to sign (nbf)", path)
	}
	k.begins, k.path = time.Unix(*times.Begins, 0), path
	if err := k.check(); err != nil {
		return k, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

// Rotation is what RotateKeys has done.
type Rotation struct {
	Path    string    // of the new key
	Begins  time.Time // when it begins to sign
	Deleted []string  // keys of which every token has expired
}

// RotateKeys makes the next signing key of an algorithm in a folder. It signs from PublishAhead on, so that everybody has its public half by then; the
// first key of an algorithm signs at once. Keys whose tokens have all expired are deleted.
func RotateKeys(dir, algorithm string, now time.Time) (r Rotation, err error) {
	if !slices.Contains(signingAlgorithms, algorithm) {
		return r, fmt.Errorf("authserver: the algorithm is not one of %v", signingAlgorithms)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return r, err
	}
	keys, err := keysOf(dir)
	if err != nil {
		return r, err
	}
	r.Begins = now.Truncate(time.Second)
	if slices.ContainsFunc(keys, func(k signingKey) bool { return k.Algorithm == algorithm }) {
		r.Begins = r.Begins.Add(PublishAhead)
	}
	for _, k := range keys {
		if k.Algorithm == algorithm && k.begins.After(now) {
			return r, fmt.Errorf("authserver: %s begins to sign on %s: wait until then", k.path, k.begins.UTC().Format(time.DateTime+" UTC"))
		}
	}
	key, err := GenerateKey(algorithm)
	if err != nil {
		return r, err
	}
	if r.Path, err = writeSigningKey(dir, key, r.Begins); err != nil {
		return r, err
	}
	for _, k := range keys {
		if hasEnded(k, keys, now) {
			if err := os.Remove(k.path); err != nil {
				return r, err
			}
			r.Deleted = append(r.Deleted, k.path)
		}
	}
	return r, nil
}

// keysOf are the keys of a folder that may have none yet.
func keysOf(dir string) ([]signingKey, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*"+keySuffix))
	if err != nil || len(files) == 0 {
		return nil, err
	}
	return readSigningKeys(dir, time.Now().Add(PublishAhead))
}

// writeSigningKey writes a key beside the others, at once: who reads the folder never sees a part of it.
func writeSigningKey(dir string, key jose.JSONWebKey, begins time.Time) (path string, err error) {
	text, err := json.Marshal(key)
	if err != nil {
		return "", errors.New("authserver: the key cannot be encoded")
	}
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		return "", errors.New("authserver: the key cannot be encoded")
	}
	members["nbf"] = begins.Unix()
	if text, err = json.Marshal(members); err != nil {
		return "", errors.New("authserver: the key cannot be encoded")
	}
	f, err := os.CreateTemp(dir, "new-*") // for its owner alone
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append(text, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", err
	}
	path = filepath.Join(dir, begins.UTC().Format("20060102T150405Z")+"-"+key.Algorithm+keySuffix)
	return path, os.Link(f.Name(), path) // which replaces nothing
}
