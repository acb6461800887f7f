package requester

import (
	"cmp"
	"errors"
	"maps"
	"slices"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/maypok86/otter/v2"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/smart"
)

// ErrUnknownPartner says that the token's client is not in the register, or is there with another issuer. The caller answers as to no token at all.
var ErrUnknownPartner = errors.New("requester: the client is not a registered partner")

// ErrOrganization says that the token states an organization that is not the partner's.
var ErrOrganization = errors.New("requester: the token's organization is not the partner's")

// ErrRevoked says that the token, or its partner for a while, is revoked. The caller answers as to no token at all.
var ErrRevoked = errors.New("requester: the token or its partner is revoked")

// ErrUnavailable says that the register cannot be read: nobody can know who asks.
var ErrUnavailable = errors.New("requester: the register cannot be read")

// Partner is one OAuth client as the practice has registered it. It must not be changed.
type Partner struct {
	ID string // the OAuth client_id
	// Issuer is whose tokens the partner has. A token of any other is not the partner's, whatever client it names.
	Issuer string
	// Name and Address are for people: an accounting of disclosures states them (45 CFR 164.528(b)(2)(ii)). Either may be empty.
	Name, Address string
	Kind          Kind
	Organization  Party
	Practitioners []Party
	// Purposes are those that the partner may state. Default is the one that a token which states none stands for, zero for none.
	Purposes []fhir.Coding
	Default  fhir.Coding
	// Scopes bound what any token of this partner may hold.
	Scopes smart.Scopes
	// Keys are the public keys of the partner's client assertions, or JWKSURI is where they are. Only the built-in issuer needs them.
	Keys    []jose.JSONWebKey
	JWKSURI string
	// Sender is what the partner must prove besides having its token.
	Sender smart.Constraint
	// Disabled says that the partner may not ask now.
	Disabled bool
	// Origins are those of pages from which the partner's software calls in a browser.
	Origins []string
	// App is what an app of kind patient has registered so that people can launch it; nil for every other partner.
	App *App
}

// App is a client of SMART App Launch 2.2 ("Register App with EHR").
type App struct {
	// RedirectURIs are where an answer may be sent: compared as they are written, and nowhere else.
	RedirectURIs []string
	// Public says that the app has no key of its own: whoever has its id is the app, and PKCE alone ties a code to who asked for it.
	Public bool
	// Offline says that the app may have refresh tokens.
	Offline bool
}

// Register is the partner register. The zero Register knows nobody.
type Register struct {
	partners map[string]*Partner
	tree     *purposeTree
	// known are the requesters of tokens that came before: both are immutable, and a verified token is one and the same as long as it is kept.
	known *otter.Cache[*smart.Token, *Requester]
}

// maxKnown bounds the requesters that a register remembers.
const maxKnown = 1 << 12

func newRegister(tree *purposeTree) *Register {
	return &Register{partners: map[string]*Partner{}, tree: tree, known: otter.Must(&otter.Options[*smart.Token, *Requester]{MaximumSize: maxKnown})}
}

// Partner is the registered partner with that client_id, if it is not disabled.
func (r *Register) Partner(id string) (*Partner, bool) {
	p, ok := r.partners[id]
	if !ok || p.Disabled {
		return nil, false
	}
	return p, true
}

// Named is the registered partner with that client_id, disabled or not: for those who read of it.
func (r *Register) Named(id string) (*Partner, bool) {
	p, ok := r.partners[id]
	return p, ok
}

// Calls tells whether a partner who may ask calls from pages of that origin.
func (r *Register) Calls(origin string) bool {
	for _, p := range r.partners {
		if !p.Disabled && slices.Contains(p.Origins, origin) {
			return true
		}
	}
	return false
}

// IDs are the registered client_ids, sorted.
func (r *Register) IDs() []string { return slices.Sorted(maps.Keys(r.partners)) }

// Purpose reads a purpose as a register or a token writes it. ok is false for one that no partner can be registered for.
func (r *Register) Purpose(text string) (c fhir.Coding, ok bool) {
	c = smart.ParsePurpose(text)
	return c, r.tree != nil && r.tree.knows(c)
}

// PurposeCodes are the codes of all purposes that a partner can be registered for, sorted.
func (r *Register) PurposeCodes() []string {
	if r.tree == nil {
		return nil
	}
	return r.tree.codes()
}

// Requester says who asks with this token. Organisation, kind and purposes come from the register; the token can only choose among them:
//
//   - Purposes that it states stay as they are, and the decision refuses one that is not registered. If it states none, the partner's
//     default-purpose holds; without a default there is none, and none matches nothing. A sole registered purpose is not assumed.
//   - Scopes are those of the token as far as they are registered. A partner of kind patient has patient/ scopes only.
//   - Consents, residual rules and the one client that it states only take away, whatever the register says.
//   - An organization that it states must be the partner's, or there is no requester at all.
//   - A practitioner that it claims counts only if registered with the partner.
//   - The person counts only for a partner of kind patient, and never for a machine.
func (r *Register) Requester(tok *smart.Token) (*Requester, error) {
	if tok == nil {
		return nil, ErrUnknownPartner
	}
	p, ok := r.Partner(tok.ClientID)
	if !ok || tok.Issuer == "" || tok.Issuer != p.Issuer {
		return nil, ErrUnknownPartner
	}
	if q, ok := r.known.GetIfPresent(tok); ok {
		return q, nil
	}
	if slices.ContainsFunc(tok.Organizations, func(stated string) bool { return !p.Organization.isCalled(stated) }) {
		return nil, ErrOrganization
	}
	q := p.requester(tok)
	r.known.Set(tok, q)
	return q, nil
}

func (p *Partner) requester(tok *smart.Token) *Requester {
	q := &Requester{
		PartnerID:    p.ID,
		Name:         cmp.Or(p.Name, p.ID),
		Kind:         p.Kind,
		Organization: p.Organization,
		Practitioner: p.practitioner(tok),
		Purposes:     p.purposes(tok.Purposes),
		Registered:   slices.Clone(p.Purposes),
		Scopes:       tok.Scopes.Intersect(p.Scopes),
		Patient:      tok.Patient,
		Consents:     tok.Consents,
		Residual:     tok.Residual,
		Only:         tok.Only,
		Sender:       p.Sender,
	}
	if p.Kind == KindPatient {
		q.Scopes = q.Scopes.Only(smart.LevelPatient)
		q.Person = person(tok)
	}
	return q
}

func (p *Partner) purposes(stated []fhir.Coding) []fhir.Coding {
	if len(stated) > 0 {
		return slices.Clone(stated)
	}
	if p.Default == (fhir.Coding{}) {
		return nil
	}
	return []fhir.Coding{p.Default}
}

// practitioner is the registered practitioner whom the token claims, by NPI or as the user who signed in. Two claims must not contradict.
func (p *Partner) practitioner(tok *smart.Token) *Party {
	byNPI, byUser := -1, -1
	if tok.NPI != "" {
		npi := fhir.Identifier{System: fhir.SystemNPI, Value: tok.NPI}
		byNPI = slices.IndexFunc(p.Practitioners, func(one Party) bool { return slices.Contains(one.Identifiers, npi) })
	}
	user := tok.FHIRUser.Type == "Practitioner" && !tok.Machine
	if user {
		byUser = slices.IndexFunc(p.Practitioners, func(one Party) bool { return one.Reference == tok.FHIRUser })
	}
	switch {
	case tok.NPI == "" && byUser >= 0:
		return &p.Practitioners[byUser]
	case byNPI < 0:
		return nil
	case user && byUser != byNPI && (byUser >= 0 || p.Practitioners[byNPI].Reference != fhir.Reference{}):
		return nil
	}
	return &p.Practitioners[byNPI]
}

func person(tok *smart.Token) fhir.Reference {
	if tok.Machine || tok.FHIRUser.Type != "Patient" && tok.FHIRUser.Type != "RelatedPerson" {
		return fhir.Reference{}
	}
	return tok.FHIRUser
}
