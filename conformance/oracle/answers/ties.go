package answers

import "slices"

// tie is the number of an organisation to which the source ties a client ("system|value"), and the Periods that must all run for it.
type tie struct {
	number  string
	periods []any
}

// ties are those of each client: who treats, who is in the care team or manages it, who pays, who referred and to whom (rule 13). What has a status ties
// while it is active, and within its period: that of the team and of the membership in it, of the coverage, and that for which the service is asked.
func (l *learner) ties(source []Object) map[string][]tie {
	out := map[string][]tie{}
	for _, r := range source {
		if text(r["resourceType"]) != "Patient" && r["status"] != "active" || r["modifierExtension"] != nil {
			continue
		}
		for _, client := range l.clientsOf(r) {
			switch text(r["resourceType"]) {
			case "Patient":
				out[client] = append(out[client], l.to(list(r["generalPractitioner"]))...)
			case "CareTeam":
				out[client] = append(out[client], l.to(list(r["managingOrganization"]), r["period"])...)
				for _, p := range list(r["participant"]) {
					if child(p, "modifierExtension") == nil {
						out[client] = append(out[client], l.to(list(child(p, "member")), r["period"], child(p, "period"))...)
					}
				}
			case "Coverage":
				out[client] = append(out[client], l.to(list(r["payor"]), r["period"])...)
			case "ServiceRequest":
				if !unsaid(r, "doNotPerform") && r["doNotPerform"] != true {
					out[client] = append(out[client], l.to(slices.Concat(list(r["requester"]), list(r["performer"])), r["occurrencePeriod"])...)
				}
			}
		}
	}
	return out
}

// to are the ties to organisations that are named, themselves or by one of their people's roles there, or by numbers that stand with the reference.
func (l *learner) to(named []any, periods ...any) (out []tie) {
	for _, n := range named {
		for _, number := range list(child(n, "identifier")) {
			out = append(out, tie{text(child(number, "system")) + "|" + text(child(number, "value")), periods})
		}
		to, while := l.by[referenceOf(n)], periods
		if role := to; role["resourceType"] == "PractitionerRole" {
			if role["active"] == false || unsaid(role, "active") || role["modifierExtension"] != nil {
				continue
			}
			to, while = l.by[referenceOf(role["organization"])], append(slices.Clone(periods), role["period"])
		}
		if to["resourceType"] == "Organization" {
			for _, number := range list(to["identifier"]) {
				out = append(out, tie{text(child(number, "system")) + "|" + text(child(number, "value")), while})
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

// tiedTo are the clients to whom the practice's data tie a requester now.
func (w *World) tiedTo(who Object) []any {
	out := []any{}
	for _, client := range w.Clients() {
		if slices.ContainsFunc(at(who, "organization.identifier"), func(n any) bool {
			number := text(child(n, "system")) + "|" + text(child(n, "value"))
			return slices.ContainsFunc(w.ties[client], func(t tie) bool { return t.number == number && !slices.ContainsFunc(t.periods, w.isOver) })
		}) {
			out = append(out, client)
		}
	}
	return out
}

// isOver says whether a Period does not run now, or nobody can tell. One that is not there always runs.
func (w *World) isOver(period any) bool {
	if period == nil {
		return false
	}
	s, ok := timeOf(period, w.Zone)
	return !ok || unsaid(period, "start") || unsaid(period, "end") || !s.beginsBefore(w.Now) && !s.from.Equal(w.Now) || !s.endsAfter(w.Now)
}

// unsaid says whether a primitive element is there without a value.
func unsaid(v any, name string) bool { return child(v, name) == nil && child(v, "_"+name) != nil }
