package consent

import (
	"slices"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/policy"
	"github.com/consentry/gateway/internal/release/stage"
)

// target is a data reference of a Consent, looked up in the chart (rule 15).
type target struct {
	policy.Datum
	refersTo []fhir.Reference // what the referenced resource refers to
	mayMean  []string         // the types of what else it may refer to
	roles    roles
	// elsewhere says that the reference leads into the chart of another client concerned: whether a record of this chart is meant cannot
	// be told.
	elsewhere bool
}

// dataTargets looks the data references of a provision up, each once.
func (d *decider) dataTargets(groups [][]policy.Datum, c fhir.Reference) [][]*target {
	var out [][]*target
	for _, group := range groups {
		list := make([]*target, len(group))
		for i, datum := range group {
			list[i] = d.target(datum, c)
		}
		out = append(out, list)
	}
	return out
}

func (d *decider) target(datum policy.Datum, c fhir.Reference) *target {
	own := c == d.in.Client
	if t, ok := d.targets[datum]; ok && own {
		return t
	}
	t := &target{Datum: datum, roles: d.practitionerRoles()}
	f := d.find(datum.Reference)
	if f != nil {
		for _, r := range f.References {
			t.refersTo = append(t.refersTo, r.Value)
		}
		for _, u := range f.Unnamed {
			t.mayMean = append(t.mayMean, u.Value...)
		}
	}
	if own {
		d.targets[datum] = t
	} else {
		t.elsewhere = f == nil && datum.Meaning != policy.AuthoredBy
	}
	return t
}

func (t *target) permits(f *stage.Facts) bool {
	if t.Unread || t.elsewhere {
		return false
	}
	switch t.Meaning {
	case policy.Instance:
		return t.is(f)
	case policy.Related:
		return t.is(f) || t.names(f) || t.gathers() && t.namedBy(f)
	case policy.Dependents:
		return t.is(f) || t.namedBy(f)
	case policy.AuthoredBy:
		return slices.ContainsFunc(f.Authors, func(a fhir.Reference) bool { return t.author(a) == same })
	}
	return false
}

func (t *target) denies(f *stage.Facts, rules *Rules) bool {
	if t.Unread || t.elsewhere {
		return true
	}
	switch t.Meaning {
	case policy.Instance:
		return t.is(f) || t.Reference.Type == "Binary" && t.namedBy(f) // a Binary goes where its document goes (design rule 22)
	case policy.Related, policy.Dependents:
		return t.is(f) || t.names(f) || t.namedBy(f) || means(t.mayMean, f.Type) ||
			slices.ContainsFunc(f.Unnamed, func(u stage.At[[]string]) bool { return means(u.Value, t.Reference.Type) })
	case policy.AuthoredBy:
		return len(f.Authors) == 0 && rules.HasAuthors(f.Type) || slices.ContainsFunc(f.Authors, func(a fhir.Reference) bool { return t.author(a) != other })
	}
	return true
}

// is tells whether the record is what the Consent refers to.
func (t *target) is(f *stage.Facts) bool { return f.Type == t.Reference.Type && f.ID == t.Reference.ID }

// names tells whether what the Consent refers to refers to the record.
func (t *target) names(f *stage.Facts) bool {
	return slices.Contains(t.refersTo, fhir.Reference{Type: f.Type, ID: f.ID})
}

// namedBy tells whether the record refers to what the Consent refers to.
func (t *target) namedBy(f *stage.Facts) bool {
	for i := range f.References {
		if f.References[i].Value == t.Reference {
			return true
		}
	}
	return false
}

// means tells whether a reference that may mean resources of these types may mean one of this type.
func means(types []string, resourceType string) bool {
	return slices.Contains(types, resourceType) || slices.Contains(types, "Resource")
}

// gathers tells whether records are gathered under the resource, so that `related` means them too (IHE PCF).
func (t *target) gathers() bool {
	switch t.Reference.Type {
	case "Encounter", "EpisodeOfCare", "CarePlan":
		return true
	}
	return false
}
