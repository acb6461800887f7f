package conformance

import (
	"math/rand/v2"
	"regexp"
	"strings"

	"github.com/consentry/gateway/conformance/oracle/answers"
)

// asking makes questions.
type asking struct {
	*rand.Rand
	world *answers.World
}

func (a *asking) question() string {
	client := a.client()
	typ := pickOne(a.Rand, questionTypes...)
	if a.IntN(10) == 0 {
		return a.ref(client, typ)
	}
	var parts []string
	switch {
	case typ == "Patient" || typ == "Practitioner" || typ == "Organization":
		if a.IntN(4) == 0 {
			parts = append(parts, "_id="+idPart(a.ref(client, typ)))
		}
	case a.IntN(12) == 0:
		parts = append(parts, "_id="+idPart(a.ref(client, typ)))
	case a.IntN(30) == 0: // names nobody
	default:
		parts = append(parts, "patient="+pickOne(a.Rand, idPart(client), idPart(client), client))
	}
	for range pickOne(a.Rand, 0, 0, 1, 1, 1, 2) {
		parts = append(parts, a.parameter(typ, client))
	}
	if a.IntN(3) == 0 {
		parts = append(parts, "_sort="+a.sort(typ))
	}
	if a.IntN(3) == 0 {
		parts = append(parts, "_count="+pickOne(a.Rand, "1", "2", "3", "5", "0", "200", "x"))
	}
	if a.IntN(10) == 0 {
		parts = append(parts, "_total="+pickOne(a.Rand, "none", "accurate", "estimate"))
	}
	if a.IntN(15) == 0 {
		parts = append(parts, pickOne(a.Rand, "shoe=1", "name:fuzzy=a", "code:missing=maybe", "_tag=x"))
	}
	a.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	return typ + "?" + strings.Join(parts, "&")
}

var questionTypes = []string{"Patient", "Encounter", "Encounter", "Condition", "Observation", "Procedure", "MedicationRequest", "Goal", "CarePlan", "DocumentReference", "DocumentReference", "Provenance", "RelatedPerson",
	"Practitioner", "Organization", "Consent"}

func pickOne[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func idPart(ref string) string { _, id, _ := strings.Cut(ref, "/"); return id }

func (a *asking) client() string {
	return pickOne(a.Rand, a.world.Clients()...)
}

// ref is a reference to something of a type in a client's chart, or in the directory.
func (a *asking) ref(client, typ string) string {
	var of []string
	for _, ref := range a.world.Refs(client) {
		if strings.HasPrefix(ref, typ+"/") {
			of = append(of, ref)
		}
	}
	if len(of) == 0 {
		return typ + "/" + strings.Repeat("a", 64)
	}
	return pickOne(a.Rand, of...)
}

// parameter is a condition on what may stand there.
func (a *asking) parameter(typ, client string) string {
	name := pickOne(a.Rand, answers.Names(typ)...)
	kind := answers.Kind(typ, name)
	if a.IntN(8) == 0 && name != "actor" {
		return name + ":missing=" + pickOne(a.Rand, "true", "false")
	}
	value := func() string {
		switch kind {
		case "token":
			return pickOne(a.Rand, answers.Tokens(typ, name, a.world, client)...)
		case "date":
			return pickOne(a.Rand, "", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb") + pickOne(a.Rand, "2026-03-01", "2026-03", "2026", "1980-05-05", "1980", "2026-06-15", "2026-06-15T12:00:00Z",
				"2026-03-01T10:00:00-05:00", "2026-11-01", "2026-10-01", "2026-10-02T04:30:00Z", "2025-12-31", "2026-06-15T00:00", "2027")
		case "string":
			return pickOne(a.Rand, "m", "mül", "Müller", "muller", "zo", "Zoë", "q.", "ced", "Cédar", "spring", "12", "ros", "z", "o'", "o", "Ada", "nobody", "van der")
		}
		return a.reference(client)
	}
	modifier := ""
	switch {
	case kind == "token" && a.IntN(5) == 0:
		modifier = ":not"
	case kind == "string" && a.IntN(2) == 0:
		modifier = pickOne(a.Rand, ":exact", ":contains")
	case a.IntN(40) == 0:
		modifier = ":text"
	}
	v := value()
	if a.IntN(4) == 0 && name != "patient" && name != "subject" {
		v += "," + value()
	}
	return name + modifier + "=" + strings.NewReplacer("|", "%7C", "+", "%2B", " ", "%20").Replace(v)
}

func (a *asking) reference(client string) string {
	ref := a.ref(client, pickOne(a.Rand, "Encounter", "Practitioner", "Patient", "Organization", "Condition", "Observation"))
	return pickOne(a.Rand, ref, idPart(ref))
}

func (a *asking) sort(typ string) string {
	names := answers.Names(typ)
	var by []string
	for range 1 + a.IntN(2) {
		by = append(by, pickOne(a.Rand, "", "-")+pickOne(a.Rand, names...))
	}
	return strings.Join(by, ",")
}

var sealedID = regexp.MustCompile(`[a-z2-7]{64}`)

// readable shortens the ids in a path.
func readable(path string) string {
	return sealedID.ReplaceAllStringFunc(path, func(id string) string { return id[:6] })
}
