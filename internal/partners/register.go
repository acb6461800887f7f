// Package partners says who may ask at this moment: the partner register, and what was revoked, both read from the store for each request. So a
// partner who is disabled, and a token that is revoked, is refused from the next request on, by every process that shares the store.
//
// What cannot be read refuses.
package partners

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/consentry/gateway/internal/fresh"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
	"github.com/consentry/gateway/internal/store"
)

// Store is what a register is read from (store.State).
type Store interface {
	// Version changes with whatever Standing gives. It is asked for each request.
	Version(ctx context.Context) (int64, error)
	Standing(ctx context.Context) (store.Standing, error)
}

// Options are what a register is made of.
type Options struct {
	Store Store
	// Declared is the register of a configuration that names one; then the store has only what is revoked. Nil: the register is in the store.
	Declared *requester.Register
	// Rules are what the entries of the store are read by.
	Rules *requester.Rules
	// Report is told of an entry that cannot be read: its partner is nobody. Nil for nobody.
	Report func(error)
	Now    func() time.Time
}

// Register is the partner register. It is safe for concurrent use.
type Register struct {
	options Options
	last    atomic.Pointer[Standing]
	now     *fresh.Value[*Standing]
}

// Standing is who may ask in one state of the store. The zero value knows nobody.
type Standing struct {
	version  int64
	register *requester.Register
	revoked  map[store.Mark]time.Time
	clock    func() time.Time
}

// New makes a register. It reads nothing yet.
func New(o Options) *Register {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Report == nil {
		o.Report = func(error) {}
	}
	r := &Register{options: o}
	r.now = fresh.Of(r.Read)
	return r
}

// Read gives who may ask now, and reads the register anew only if it is another than the last time.
func (r *Register) Read(ctx context.Context) (*Standing, error) {
	version, err := r.options.Store.Version(ctx)
	if err != nil {
		return nil, err
	}
	if last := r.last.Load(); last != nil && last.version == version {
		return last, nil
	}
	kept, err := r.options.Store.Standing(ctx)
	if err != nil {
		return nil, err
	}
	s := &Standing{version: kept.Version, register: r.options.Declared, revoked: kept.Revoked, clock: r.options.Now}
	if s.register == nil {
		s.register = r.compile(kept.Partners)
	}
	r.last.Store(s)
	return s, nil
}

func (r *Register) compile(kept []store.Partner) *requester.Register {
	entries := make([]requester.Entry, len(kept))
	for i, p := range kept {
		entries[i] = requester.Entry{ID: p.ID, Text: p.Entry, Disabled: !p.Enabled}
	}
	register, problems := r.options.Rules.Register(entries)
	for _, problem := range problems {
		r.options.Report(problem)
	}
	return register
}

// current is who may ask now, read once for all who wait for it.
func (r *Register) current(ctx context.Context) (*Standing, error) {
	s, err := r.now.Get(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", requester.ErrUnavailable, err)
	}
	return s, nil
}

// Requester says who asks with this token now (Standing.Requester). An error that wraps requester.ErrUnavailable says that nobody can know.
func (r *Register) Requester(ctx context.Context, t *smart.Token) (*requester.Requester, error) {
	s, err := r.current(ctx)
	if err != nil {
		return nil, err
	}
	return s.Requester(t)
}

// Requester says who asks with this token (requester.Register), if neither it nor its partner is revoked.
func (s *Standing) Requester(t *smart.Token) (*requester.Requester, error) {
	if s.register == nil || t == nil {
		return nil, requester.ErrUnknownPartner
	}
	who, err := s.register.Requester(t)
	if err != nil {
		return nil, err
	}
	if len(s.revoked) > 0 && s.refuses(t, s.clock()) {
		return nil, requester.ErrRevoked
	}
	return who, nil
}

func (s *Standing) refuses(t *smart.Token, now time.Time) bool {
	marked := func(m store.Mark) bool {
		until, ok := s.revoked[m]
		return ok && now.Before(until)
	}
	return marked(PartnerMark(t.ClientID)) || t.ID != "" && marked(TokenMark(t.ID)) || t.Grant != "" && marked(GrantMark(t.Issuer, t.Grant))
}

// Partner is the registered partner with that client_id, if there is one who may ask now.
func (r *Register) Partner(ctx context.Context, id string) (*requester.Partner, error) {
	s, err := r.current(ctx)
	if err != nil {
		return nil, err
	}
	p, ok := s.register.Partner(id)
	if !ok {
		return nil, requester.ErrUnknownPartner
	}
	if until, marked := s.revoked[PartnerMark(id)]; marked && r.options.Now().Before(until) {
		return nil, requester.ErrRevoked
	}
	return p, nil
}

// Current is the register as it is now.
func (r *Register) Current(ctx context.Context) (*requester.Register, error) {
	s, err := r.current(ctx)
	if err != nil {
		return nil, err
	}
	return s.register, nil
}

// Calls tells whether a partner who may ask calls from pages of that origin. Where the register cannot be read nobody does.
func (r *Register) Calls(ctx context.Context, origin string) bool {
	s, err := r.now.Get(ctx)
	return err == nil && s.register.Calls(origin)
}

// Named is the partner with that client_id as it was read last, also one that is disabled: for those who read of it.
func (r *Register) Named(id string) (*requester.Partner, bool) {
	s := r.last.Load()
	if s == nil {
		return nil, false
	}
	return s.register.Named(id)
}

// Ready tells whether the register can be read.
func (r *Register) Ready(ctx context.Context) error {
	_, err := r.now.Get(ctx)
	return err
}

// TokenMark is the mark of a token by its jti (RFC 7519, 4.1.7), PartnerMark that of a partner. A mark is a digest: it tells whoever reads the
// store nothing.
func TokenMark(jti string) store.Mark { return sha256.Sum256([]byte("jti:" + jti)) }

// PartnerMark is the mark of a partner.
func PartnerMark(id string) store.Mark { return sha256.Sum256([]byte("partner:" + id)) }

// GrantMark is the mark of everything that comes of one grant, or one session, of an issuer (Token.Grant).
func GrantMark(issuer, grant string) store.Mark {
	return sha256.Sum256([]byte("grant:" + issuer + "\x00" + grant))
}
