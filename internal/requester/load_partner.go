package requester

import (
	"cmp"
	"encoding/json"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/smart"
	"github.com/consentry/gateway/internal/spelling"
)

var kinds = []Kind{KindProvider, KindPayer, KindPatient, KindEmployer, KindOther}

func (l *loader) partner(r *Register, i int, f partnerFile) {
	p := &Partner{ID: f.ID, Issuer: l.issuer(i, f), Name: f.Name, Address: f.Address, Kind: f.Kind}
	l.oneLine(i, "name", f.Name)
	l.oneLine(i, "address", f.Address)
	if f.ID == "" || strings.TrimSpace(f.ID) != f.ID {
		l.add(l.line(i, "id"), "a partner without an id, or with blanks around it")
	}
	if _, twice := r.partners[f.ID]; twice {
		l.add(l.line(i, "id"), "the partner %q is registered twice", f.ID)
	}
	if !slices.Contains(kinds, f.Kind) {
		l.add(l.line(i, "kind"), "kind is not one of provider, payer, patient, employer, other")
	}
	line := l.line(i, "organization")
	p.Organization = l.party(line, "organization", f.Organization)
	if f.Kind != KindPatient && len(p.Organization.Identifiers) == 0 && p.Organization.Reference == (fhir.Reference{}) {
		l.add(line, "organization needs a reference or an identifier: no Consent could name it")
	}
	l.practitioners(i, p, f.Practitioners)
	l.purposes(i, p, f)
	l.scopes(i, p, f.Scopes)
	p.Keys, p.JWKSURI = l.keys(i, f), f.JWKSURI
	p.App = l.app(i, f)
	p.Sender = l.sender(i, f.SenderConstraint)
	p.Origins = l.origins(i, f.Origins)
	r.partners[f.ID] = p
}

var constraints = []smart.Constraint{smart.DPoP, smart.MutualTLS}

// sender reads what the partner must prove besides having its token.
func (l *loader) sender(i int, c smart.Constraint) smart.Constraint {
	switch {
	case c != "" && !slices.Contains(constraints, c):
		l.add(l.line(i, "sender-constraint"), "sender-constraint is not dpop or mtls")
	case c == smart.MutualTLS && l.NoCertificates:
		l.add(l.line(i, "sender-constraint"), "sender-constraint is mtls, and no client can show a certificate here: the configuration needs tls.client-certificates, or trusted-proxies.client-certificate-header")
	}
	return c
}

// issuer is whose tokens the partner has: with several issuers it must be said, or one could mint tokens for a client of another.
func (l *loader) issuer(i int, f partnerFile) string {
	switch {
	case f.Issuer == "" && len(l.issuers) == 1:
		return l.issuers[0]
	case f.Issuer == "" && len(l.issuers) > 1:
		l.add(l.line(i, "id"), "issuer is missing: there are several, and the partner's tokens come from one of them")
	case f.Issuer != "" && len(l.issuers) > 0 && !slices.Contains(l.issuers, f.Issuer):
		l.add(l.line(i, "issuer"), "issuer is none of those under tokens in the configuration%s", spelling.DidYouMean(f.Issuer, l.issuers))
	}
	return f.Issuer
}

// oneLine wants one line of text: it is printed as it stands.
func (l *loader) oneLine(i int, key, text string) {
	if strings.TrimSpace(text) != text || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) || len(text) > maxText {
		l.add(l.line(i, key), "%s is not one line of at most %d characters, without blanks around it", key, maxText)
	}
}

const maxText = 200

func (l *loader) party(line int, what string, f partyFile) Party {
	var p Party
	if f.Reference != "" {
		ref, ok := fhir.ParseReference(f.Reference)
		if !ok || ref.String() != f.Reference {
			l.add(line, "%s: the reference is not of the form Type/id", what)
		}
		p.Reference = ref
	}
	if f.NPI != "" {
		f.Identifiers = append([]identifierFile{{System: fhir.SystemNPI, Value: f.NPI}}, f.Identifiers...)
	}
	for _, id := range f.Identifiers {
		switch {
		case id.System == "" || id.Value == "":
			l.add(line, "%s: an identifier needs a system and a value", what)
		case id.System == fhir.SystemNPI && (len(id.Value) != 10 || strings.Trim(id.Value, "0123456789") != ""):
			l.add(line, "%s: an NPI has ten digits", what)
		}
		p.Identifiers = append(p.Identifiers, fhir.Identifier(id))
	}
	return p
}

func (l *loader) practitioners(i int, p *Partner, list []partyFile) {
	line := l.line(i, "practitioners")
	for _, f := range list {
		one := l.party(line, "practitioners", f)
		if len(one.Identifiers) == 0 && one.Reference == (fhir.Reference{}) {
			l.add(line, "a practitioner needs a reference or an identifier")
		}
		for _, other := range p.Practitioners {
			same := slices.ContainsFunc(one.Identifiers, func(id fhir.Identifier) bool { return slices.Contains(other.Identifiers, id) })
			if same || one.Reference != (fhir.Reference{}) && one.Reference == other.Reference {
				l.add(line, "two practitioners have one identifier or reference")
			}
		}
		p.Practitioners = append(p.Practitioners, one)
	}
}

func (l *loader) purposes(i int, p *Partner, f partnerFile) {
	line := l.line(i, "purposes")
	if len(f.Purposes) == 0 && f.Kind != KindPatient { // a client's own app needs none (self-access)
		l.add(line, "purposes is missing: a partner without a purpose gets nothing")
	}
	for _, text := range f.Purposes {
		c := smart.ParsePurpose(text)
		switch {
		case !l.tree.knows(c):
			l.add(line, "purpose %q is not in purposes/tree.yaml%s", text,
				cmp.Or(spelling.DidYouMean(text, l.tree.codes()), " (there are: "+strings.Join(l.tree.codes(), ", ")+")"))
		case l.tree.forbidden(f.Kind, c.Code):
			l.add(line, "a partner of kind %s never holds %s: a body that is both is two partners", f.Kind, c.Code)
		case slices.Contains(p.Purposes, c):
			l.add(line, "purpose %q is named twice", text)
		}
		p.Purposes = append(p.Purposes, c)
	}
	if f.DefaultPurpose == "" {
		return
	}
	p.Default = smart.ParsePurpose(f.DefaultPurpose)
	if !slices.Contains(p.Purposes, p.Default) {
		l.add(l.line(i, "default-purpose"), "default-purpose is not one of the purposes")
	}
}

// scopes must be readable whole: in a register a void scope is a typing error.
func (l *loader) scopes(i int, p *Partner, text string) {
	if strings.TrimSpace(text) == "" {
		l.add(l.line(i, "scopes"), "scopes is missing: a partner without a scope gets nothing")
	}
	p.Scopes = smart.ParseScopes(text)
	for one := range strings.FieldsSeq(text) {
		if smart.ParseScopes(one).Empty() {
			l.add(l.line(i, "scopes"), "scope %q cannot be read", one)
		}
	}
	if p.Kind == KindPatient && !p.Scopes.Empty() && p.Scopes.Only(smart.LevelPatient).Empty() {
		l.add(l.line(i, "scopes"), "a partner of kind patient uses patient/ scopes only")
	}
}

// keys reads the key set that stands in the register or beside it. One that is fetched is fetched when it is needed.
func (l *loader) keys(i int, f partnerFile) []jose.JSONWebKey {
	sources := 0
	for _, given := range []bool{f.JWKS != nil, f.JWKSFile != "", f.JWKSURI != ""} {
		if given {
			sources++
		}
	}
	if sources > 1 {
		l.add(l.line(i, "id"), "jwks, jwks-file and jwks-uri exclude each other")
		return nil
	}
	if f.JWKSURI != "" && !smart.MayFetchKeys(f.JWKSURI) {
		l.add(l.line(i, "jwks-uri"), "jwks-uri is not https")
	}
	line, data := l.keySet(i, f)
	if data == nil {
		return nil
	}
	keys, err := smart.ParseJWKS(data)
	if err != nil {
		l.add(line, "%v", err)
	}
	for n, k := range keys {
		if k.KeyID == "" || slices.ContainsFunc(keys[:n], func(o jose.JSONWebKey) bool { return o.KeyID == k.KeyID }) {
			l.add(line, "every key needs a kid of its own") // SMART 2.2: exactly one key must match
		}
	}
	return keys
}

func (l *loader) keySet(i int, f partnerFile) (line int, data []byte) {
	switch {
	case f.JWKS != nil:
		line = l.line(i, "jwks")
		data, err := json.Marshal(f.JWKS)
		if err != nil {
			l.add(line, "jwks is not a JSON Web Key Set")
			return line, nil
		}
		return line, data
	case f.JWKSFile != "":
		line = l.line(i, "jwks-file")
		data, err := fs.ReadFile(l.files, path.Join(path.Dir(l.name), f.JWKSFile))
		if err != nil {
			l.add(line, "jwks-file cannot be read")
			return line, nil
		}
		return line, data
	}
	return 0, nil
}
