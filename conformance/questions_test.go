package conformance

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
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
	switch a.IntN(22) {
	case 20, 21:
		return "Binary/" + a.content(client)
	case 0, 1:
		return a.ref(client, typ) + a.projected("?")
	case 2:
		return client + "/$everything" + a.operation("_type=Encounter,Condition", "_type=Patient,Practitioner", "_type=Provenance", "_since=2026-10-01T12:00:00Z", "start=2026-03-02", "end=2026-06", "start=2026", "_count=3", "_count=10",
			"_count=0", "shoe=1", "start=soon", "_since=2026")
	case 3:
		return "DocumentReference/$docref" + a.operation("patient="+idPart(client), "patient="+idPart(client), "patient="+idPart(client), "type=http://loinc.org%7C11506-3", "start=2026-03-02", "end=2026-06",
			"on-demand=false", "on-demand=true", "profile=http://hl7.org/fhir/StructureDefinition/DocumentReference", "shoe=1", "_count=2")
	case 4:
		return client + "/" + a.search(typ, client, nil)
	}
	return a.search(typ, client, a.named(typ, client))
}

// operation puts up to four parameters together, each once.
func (a *asking) operation(from ...string) string {
	a.Shuffle(len(from), func(i, j int) { from[i], from[j] = from[j], from[i] })
	given, out := map[string]bool{}, []string{}
	for _, p := range from[:a.IntN(5)] {
		if name, _, _ := strings.Cut(p, "="); !given[name] {
			given[name] = true
			out = append(out, p)
		}
	}
	return "?" + strings.Join(out, "&")
}

// projected sometimes asks for a part.
func (a *asking) projected(before string) string {
	if a.IntN(5) > 0 {
		return ""
	}
	return before + pickOne(a.Rand, "_summary=true", "_summary=text", "_summary=data", "_summary=count", "_summary=false", "_summary=some", "_elements=status", "_elements=code,onset,name", "_elements=subject,period,birthDate",
		"_elements=id", "_elements=shoe", "_elements=status&_summary=true", "_elements=effective,encounter,meta")
}

// named names the client, mostly.
func (a *asking) named(typ, client string) (parts []string) {
	switch {
	case typ == "Patient" || slices.Contains(directoryTypes, typ):
		if a.IntN(4) == 0 {
			parts = append(parts, "_id="+idPart(a.ref(client, typ)))
		}
	case a.IntN(12) == 0:
		parts = append(parts, "_id="+idPart(a.ref(client, typ)))
	case a.IntN(30) == 0: // names nobody
	default:
		parts = append(parts, "patient="+pickOne(a.Rand, idPart(client), idPart(client), client))
	}
	return parts
}

// search puts conditions, and how to answer, together.
func (a *asking) search(typ, client string, parts []string) string {
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
	if p := a.projected(""); p != "" {
		parts = append(parts, p)
	}
	for range pickOne(a.Rand, 0, 0, 1, 1, 2) {
		parts = append(parts, a.include(typ))
	}
	a.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	return typ + "?" + strings.Join(parts, "&")
}

var questionTypes = []string{"Patient", "Encounter", "Encounter", "Condition", "Observation", "Procedure", "MedicationRequest", "Goal", "CarePlan", "DocumentReference", "DocumentReference", "Provenance", "RelatedPerson",
	"Practitioner", "Organization", "Consent", "Consent", "Consent", "AllergyIntolerance", "Immunization", "Location", "PractitionerRole",
	"CareTeam", "ServiceRequest", "Coverage"}

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
	if a.IntN(8) == 0 {
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

// include is an _include or _revinclude, of this type mostly.
func (a *asking) include(typ string) string {
	iterate := pickOne(a.Rand, "", "", ":iterate")
	if a.IntN(3) == 0 {
		return "_revinclude" + iterate + "=" + pickOne(a.Rand, "Provenance:target", "Provenance:target", "Observation:encounter", "DocumentReference:encounter", "Condition:encounter", "Encounter:patient", "Provenance:agent", "Provenance:target:Encounter",
			"*", "Provenance:*", "Provenance:shoe", "Nothing:target")
	}
	if a.IntN(3) == 0 {
		typ = pickOne(a.Rand, questionTypes...)
	}
	var references []string
	for _, name := range answers.Names(typ) {
		if answers.Kind(typ, name) == "reference" {
			references = append(references, typ+":"+name, typ+":"+name)
		}
	}
	references = append(references, "*", typ+":*", typ+":shoe", typ+":patient:Patient", typ+":patient:Encounter", typ+":patient:Nobody")
	return "_include" + iterate + "=" + pickOne(a.Rand, references...)
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

// readable names the parts of a request, with the ids shortened.
func readable(q answers.Question) string {
	text := fmt.Sprint(q.Method, " ", q.Path, " ", q.Form)
	for name, v := range map[string]any{"strict": q.Strict, "as Parameters": q.Parameters, "accept": q.Accept, "if none match": q.NoneMatch, "if range": q.IfRange, "range": q.Range, "if modified since": q.ModifiedSince} {
		if !reflect.ValueOf(v).IsZero() {
			text += fmt.Sprintf(", %s %v", name, v)
		}
	}
	return sealedID.ReplaceAllStringFunc(text, func(id string) string { return id[:6] })
}
