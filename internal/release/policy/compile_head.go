package policy

import (
	"slices"

	dpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	pb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/consent_go_proto"

	"github.com/consentry/gateway/internal/fhir"
)

// head reads what stands above the provisions (rule 7). What is odd silences permits; it never silences a deny.
func (c *compiler) head(consent *pb.Consent) {
	for _, i := range consent.GetIdentifier() {
		c.policy.Identifiers = append(c.policy.Identifiers, fhir.Identifier{System: i.GetSystem().GetValue(), Value: i.GetValue().GetValue()})
	}
	if consent.GetImplicitRules() != nil {
		c.doubt("implicitRules")
	}
	if !c.isRelease(codings(consent.GetScope())) {
		c.silence("scope")
	}
	if !c.hasReleaseCategory(consent.GetCategory()) {
		c.silence("category")
	}
	if dt := consent.GetDateTime(); dt != nil {
		at, ok := interval(dt, c.zone)
		if !ok {
			c.silence("dateTime")
		} else {
			c.policy.NotBefore = at.Start
			c.boundary(fhir.Interval{Start: at.Start})
		}
	}
	for _, v := range consent.GetVerification() {
		if !v.GetVerified().GetValue() {
			c.silence("verification")
		}
	}
	c.policy.Performers = parties(consent.GetPerformer())
	c.policy.Organizations = parties(consent.GetOrganization())
	rule := codings(consent.GetPolicyRule())
	w := c.reading.words
	c.policy.Authorization = anyOf(w.authorization, rule)
	c.policy.Part2 = anyOf(map[string]bool{w.part2: true}, rule)
}

// isRelease tells whether the scope is the privacy of a patient's records, and no other of its code system beside it.
func (c *compiler) isRelease(scope []fhir.Coding) bool {
	want := c.reading.words.scope
	return slices.ContainsFunc(scope, func(s fhir.Coding) bool { return s.Key() == want }) &&
		!slices.ContainsFunc(scope, func(s fhir.Coding) bool { return s.System == fhir.SystemConsentScope && s.Key() != want })
}

func (c *compiler) hasReleaseCategory(categories []*dpb.CodeableConcept) bool {
	release := false
	for _, category := range categories {
		list := codings(category)
		if anyOf(c.reading.words.notRelease, list) {
			return false
		}
		release = release || anyOf(c.reading.words.release, list)
	}
	return release
}

func parties(references []*dpb.Reference) []Party {
	var list []Party
	for _, r := range references {
		list = append(list, party(r))
	}
	return list
}
