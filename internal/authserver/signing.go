package authserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// When signing keys change places.
const (
	// PublishAhead is how long a new key is published before it signs: longer than anybody may keep our key set.
	PublishAhead = 10 * time.Minute
	// outlives is how long a key is published after its successor has begun: until its last token has expired for every clock.
	outlives = MaxLifetime + 2*time.Minute
	// lookEvery is how often the folder is looked at.
	lookEvery = 10 * time.Second
)

// signingAlgorithms are those that tokens are signed with, in the order of our choice.
var signingAlgorithms = []string{"ES256", "RS256"}

// SigningKeys are the private keys of the server. Of each algorithm one signs, the newest that has begun; one that is to begin, and one whose tokens have
// not all expired, are published beside it. Nothing has to be restarted when they change, and processes that share the folder need not agree on anything.
type SigningKeys struct {
	dir string // empty for fixed keys
	log *slog.Logger
	now func() time.Time

	state atomic.Pointer[keyState]

	mu   sync.Mutex
	keys []signingKey // as they were read last
	told string       // what was reported as wrong with the folder
}

// signingKey is a key, and when it begins to sign.
type signingKey struct {
	jose.JSONWebKey
	begins time.Time
	path   string
}

// keyState is what follows from the keys for some time.
type keyState struct {
	from, until time.Time
	signing     map[string]jose.JSONWebKey // by algorithm
	published   []jose.JSONWebKey          // the same slice as long as the keys are the same
	jwks        []byte
}

// FixedKeys are keys that never change, for demos and tests: the first of each algorithm signs, all are published.
func FixedKeys(keys ...jose.JSONWebKey) (*SigningKeys, error) {
	s := &SigningKeys{now: time.Now}
	for _, k := range keys {
		s.keys = append(s.keys, signingKey{JSONWebKey: k})
	}
	return s, s.first()
}

// OpenKeys reads the folder of signing keys (RotateKeys makes them). A change of the folder is taken within seconds; one that cannot be used is
// reported, and the keys before it are kept.
func OpenKeys(dir string, log *slog.Logger, now func() time.Time) (*SigningKeys, error) {
	s := &SigningKeys{dir: dir, log: log, now: now}
	var err error
	if s.keys, err = readSigningKeys(dir, now()); err != nil {
		return nil, err
	}
	return s, s.first()
}

func (s *SigningKeys) first() error {
	for _, k := range s.keys {
		if err := k.check(); err != nil {
			return err
		}
	}
	state, err := s.derive(s.now(), nil)
	if err != nil {
		return err
	}
	s.state.Store(state)
	return nil
}

func (k *signingKey) check() error {
	if !slices.Contains(signingAlgorithms, k.Algorithm) || k.KeyID == "" || k.IsPublic() || !k.Valid() {
		return errors.New("authserver: a signing key is not private, has no kid, or its alg is not ES256 or RS256")
	}
	_, err := newSigner(k.JSONWebKey, "JWT")
	return err
}

// Public are the public keys that tokens may be signed with now: the same slice until they change.
func (s *SigningKeys) Public() []jose.JSONWebKey { return s.at().published }

// at is the state now.
func (s *SigningKeys) at() *keyState {
	now := s.now()
	if state := s.state.Load(); s.holds(state, now) {
		return state
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.state.Load()
	if s.holds(last, now) {
		return last
	}
	err := s.look(now)
	next, cannot := s.derive(now, last)
	s.report(errors.Join(err, cannot))
	if cannot != nil { // the clock went back to before any key
		return last
	}
	s.state.Store(next)
	return next
}

func (s *SigningKeys) holds(state *keyState, now time.Time) bool {
	return s.dir == "" || !now.Before(state.from) && now.Before(state.until)
}

// look reads the folder again.
func (s *SigningKeys) look(now time.Time) error {
	keys, err := readSigningKeys(s.dir, now)
	if err == nil {
		s.keys = keys
	}
	return err
}

// report says once what is wrong.
func (s *SigningKeys) report(err error) {
	switch {
	case err == nil:
		s.told = ""
	case err.Error() != s.told:
		s.told = err.Error()
		s.log.Error("the signing keys cannot be read; those before are kept", "error", err.Error())
	}
}

// derive says what follows from the keys at a time, and until when.
func (s *SigningKeys) derive(now time.Time, last *keyState) (*keyState, error) {
	state := &keyState{from: now, until: now.Add(lookEvery), signing: map[string]jose.JSONWebKey{}}
	for _, k := range s.keys {
		if s.dir != "" && s.ended(k, now) {
			continue
		}
		state.published = append(state.published, k.Public())
		if now.Before(k.begins) {
			if k.begins.Before(state.until) {
				state.until = k.begins
			}
			continue
		}
		if _, newer := state.signing[k.Algorithm]; !newer { // they are sorted, the newest first
			state.signing[k.Algorithm] = k.JSONWebKey
		}
	}
	if len(state.signing) == 0 {
		return nil, errors.New("authserver: there is no signing key that has begun (`gateway keys rotate` makes one)")
	}
	if last != nil && sameKeys(last.published, state.published) {
		state.published, state.jwks = last.published, last.jwks
		return state, nil
	}
	var err error
	state.jwks, err = json.Marshal(jose.JSONWebKeySet{Keys: state.published})
	return state, err
}

// ended tells whether every token of a key has expired: its successor began long enough ago.
func (s *SigningKeys) ended(k signingKey, now time.Time) bool { return hasEnded(k, s.keys, now) }

func hasEnded(k signingKey, all []signingKey, now time.Time) bool {
	return slices.ContainsFunc(all, func(o signingKey) bool {
		return o.Algorithm == k.Algorithm && o.begins.After(k.begins) && now.Sub(o.begins) > outlives
	})
}

func sameKeys(a, b []jose.JSONWebKey) bool {
	return slices.EqualFunc(a, b, func(x, y jose.JSONWebKey) bool { return x.KeyID == y.KeyID })
}

// signer signs tokens of a type with the first of the algorithms that there is a key for.
func (s *SigningKeys) signer(typ jose.ContentType, algorithms ...string) (jose.Signer, error) {
	state := s.at()
	for _, a := range algorithms {
		if k, ok := state.signing[a]; ok {
			return newSigner(k, typ)
		}
	}
	return nil, fmt.Errorf("authserver: there is no signing key for any of %v", algorithms)
}

// algorithms are those that there is a key for now.
func (s *SigningKeys) algorithms() []string {
	state := s.at()
	return slices.DeleteFunc(slices.Clone(signingAlgorithms), func(a string) bool { _, ok := state.signing[a]; return !ok })
}
