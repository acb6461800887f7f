package launch

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
)

// Scopes that are no resource scopes (SMART 2.2, "Scopes for requesting context data" and "identity data").
const (
	scopePatient  = "launch/patient"
	scopeOpenID   = "openid"
	scopeFHIRUser = "fhirUser"
	scopeOffline  = "offline_access"
)

// readable is the most that any app can have: the gateway writes nothing, and a client's own app sees that client alone.
var readable = smart.ParseScopes("patient/*.rs")

// Bounds of what may be asked for at once: a page with more rows nobody reads, and a longer scope fits in no URL and in no header.
const (
	maxAsked = 60
	MaxScope = 4096
)

// scopes are what an app asks for, or has been given.
type scopes struct {
	resources smart.Scopes
	launch    bool // to be told which client
	openID    bool
	fhirUser  bool
	offline   bool
}

// asked is what the app asks for, as far as it is registered for it. A scope that cannot be read, or that is not for it, is left out: the answer
// tells the app what it has (RFC 6749, 3.3).
func (l *Launch) asked(app *requester.Partner, text string) scopes {
	words := strings.Fields(text)
	has := func(word string) bool { return slices.Contains(words, word) }
	resources := smart.ParseScopes(text).Intersect(app.Scopes).Intersect(readable)
	if len(resources.All()) > maxAsked {
		return scopes{}
	}
	s := scopes{
		resources: distinct(resources),
		openID:    has(scopeOpenID),
		offline:   has(scopeOffline) && app.App.Offline && l.Offline > 0,
	}
	s.fhirUser = s.openID && has(scopeFHIRUser)
	s.launch = has(scopePatient) || !s.resources.Empty() // a server may infer it from patient/ scopes (SMART 2.2, "Scopes for requesting FHIR resources")
	if !bounded(l.rows(s)) {
		return scopes{}
	}
	return s
}

func bounded(rows []row) bool {
	length := 0
	for _, r := range rows {
		length += len(r.scope) + 1
	}
	return len(rows) <= maxAsked && length <= MaxScope
}

// nothing tells whether nothing is left that an app could do anything with.
func (s scopes) nothing() bool { return s.resources.Empty() && !s.openID }

// String writes the scopes as a token states them.
func (s scopes) String() string {
	var words []string
	for _, w := range []struct {
		has  bool
		word string
	}{{s.launch, scopePatient}, {s.openID, scopeOpenID}, {s.fhirUser, scopeFHIRUser}, {s.offline, scopeOffline}, {!s.resources.Empty(), s.resources.String()}} {
		if w.has {
			words = append(words, w.word)
		}
	}
	return strings.Join(words, " ")
}

// Within is what an app may still have of a scope that it was given once, empty for nothing that it could do anything with.
func (l *Launch) Within(app *requester.Partner, scope string) string {
	s := l.asked(app, scope)
	if s.nothing() {
		return ""
	}
	return s.String()
}

// Scopes are those that apps can ask for, for the discovery documents.
func (l *Launch) Scopes() []string {
	all := []string{scopePatient, scopeOpenID, scopeFHIRUser, "patient/*.rs"}
	if l.Offline > 0 {
		all = append(all, scopeOffline)
	}
	return all
}

// Held are the words of a scope that are no resource scopes, and whether it opens records at all.
type Held struct{ Patient, OpenID, FHIRUser, Offline bool }

// Has reads the words of a scope that an app was given.
func Has(scope string) Held {
	words := strings.Fields(scope)
	has := func(word string) bool { return slices.Contains(words, word) }
	return Held{
		Patient: has(scopePatient) || !smart.ParseScopes(scope).Empty(),
		OpenID:  has(scopeOpenID), FHIRUser: has(scopeFHIRUser), Offline: has(scopeOffline),
	}
}

// distinct leaves out what another scope covers anyway: taken away on the page, it must be gone.
func distinct(s smart.Scopes) smart.Scopes {
	all := s.All()
	var kept []string
	for _, a := range all {
		if !slices.ContainsFunc(all, func(b smart.Scope) bool { return b.String() != a.String() && b.Covers(a) }) {
			kept = append(kept, a.String())
		}
	}
	return smart.ParseScopes(strings.Join(kept, " "))
}

// row is one thing that the client can take away.
type row struct {
	Text   string // in plain words
	Detail string
	of     int    // the resource scope that it is a part of, -1 for none
	scope  string // what of it remains if the row does
	word   func(*scopes) *bool
}

// rows are what the app asks for, in plain words: of a scope for all types one row for each type, so that one of them can be taken away.
func (l *Launch) rows(s scopes) []row {
	var all []row
	for i, c := range s.resources.All() {
		types := []string{c.Type}
		if c.Type == "*" {
			types = l.Types
		}
		for _, typ := range types {
			part := c
			part.Type = typ
			all = append(all, row{Text: l.Words.Type(typ), Detail: l.Words.limits(c), of: i, scope: part.String()})
		}
	}
	slices.SortStableFunc(all, func(a, b row) int { return cmp.Compare(l.Words.order(a.scope), l.Words.order(b.scope)) })
	if s.openID {
		all = append(all, row{Text: l.Words.Identity, of: -1, word: func(s *scopes) *bool { return &s.openID }})
	}
	if s.offline {
		all = append(all, row{Text: l.Words.offline(l.Offline), of: -1, word: func(s *scopes) *bool { return &s.offline }})
	}
	return all
}

// digest stands for the rows as the client reads them: what they decide holds for these and for no others.
func digest(rows []row) []byte {
	sum := sha256.New()
	for _, r := range rows {
		fmt.Fprintf(sum, "%q %q %q\n", r.Text, r.Detail, r.scope)
	}
	return sum.Sum(nil)
}

// keep is what remains of the scopes if the client keeps the rows with these numbers.
func keep(s scopes, rows []row, kept map[int]bool) scopes {
	whole, parts := map[int]bool{}, map[int][]string{}
	for n, r := range rows {
		switch {
		case r.of < 0 && !kept[n]:
			*r.word(&s) = false
		case r.of >= 0 && kept[n]:
			parts[r.of] = append(parts[r.of], r.scope)
		case r.of >= 0:
			whole[r.of] = true // something of it is gone
		}
	}
	var texts []string
	for i, c := range s.resources.All() {
		if !whole[i] {
			texts = append(texts, c.String())
			continue
		}
		texts = append(texts, parts[i]...)
	}
	s.resources = smart.ParseScopes(strings.Join(texts, " "))
	s.fhirUser = s.fhirUser && s.openID
	s.launch = s.launch && !s.resources.Empty()
	return s
}
