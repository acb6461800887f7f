package answers

import "slices"

// tying are the elements by which the practice's own data tie an organisation to a client (rule 13): who treats, who is in the care team, who pays, who referred and
// to whom. All but the first count while they are active.
var tying = map[string][]string{
	"Patient": {"generalPractitioner"}, "CareTeam": {"participant.member", "managingOrganization"}, "Coverage": {"payor"}, "ServiceRequest": {"requester", "performer"},
}

// ties are the numbers of the organisations to which the source ties each client, as "system|value".
func (l *learner) ties(source []Object) map[string][]string {
	out := map[string][]string{}
	for _, r := range source {
		kind := text(r["resourceType"])
		if kind != "Patient" && r["status"] != "active" {
			continue
		}
		for _, path := range tying[kind] {
			for _, named := range at(r, path) {
				for _, client := range l.clientsOf(r) {
					out[client] = append(out[client], l.numbersOf(named)...)
				}
			}
		}
	}
	return out
}

// clientsOf is whom a resource of the source is about, by the names that leave.
func (l *learner) clientsOf(r Object) (out []string) {
	about := []string{refOf(r)}
	for _, whose := range slices.Concat(list(r["subject"]), list(r["beneficiary"])) {
		about = append(about, referenceOf(whose))
		for _, member := range at(l.by[referenceOf(whose)], "member.entity") {
			about = append(about, referenceOf(member))
		}
	}
	for _, ref := range about {
		if client := l.patients[ref]; client != "" {
			out = append(out, client)
		}
	}
	return out
}

// numbersOf are those of an organisation that a reference means, itself or by one of its people's roles there, and those that stand with the reference.
func (l *learner) numbersOf(named any) (out []string) {
	numbers := list(child(named, "identifier"))
	to := l.by[referenceOf(named)]
	if to["resourceType"] == "PractitionerRole" {
		to = l.by[referenceOf(to["organization"])]
	}
	if to["resourceType"] == "Organization" {
		numbers = append(numbers, list(to["identifier"])...)
	}
	for _, n := range numbers {
		out = append(out, text(child(n, "system"))+"|"+text(child(n, "value")))
	}
	return out
}

// tiedTo are the clients to whom the practice's data tie a requester.
func (w *World) tiedTo(who Object) []any {
	out := []any{}
	for _, client := range w.Clients() {
		if slices.ContainsFunc(at(who, "organization.identifier"), func(n any) bool {
			return slices.Contains(w.ties[client], text(child(n, "system"))+"|"+text(child(n, "value")))
		}) {
			out = append(out, client)
		}
	}
	return out
}
