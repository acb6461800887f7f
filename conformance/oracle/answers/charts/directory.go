package charts

import (
	"maps"
	"slices"
)

// directory makes the practice's own staff and sites, and others whom records name.
func (m *maker) directory() {
	m.add("Organization", Own, Object{"active": true, "name": "Cedar Bridge Counseling", "alias": some("Cédar Bridge"), "identifier": some(npi(NPI)),
		"address": some(Object{"line": some("12 Main Street"), "city": "Springfield", "state": "VT", "postalCode": "05150"})})
	m.add("Organization", "org-branch", Object{"active": true, "name": "Cedar Bridge North", "partOf": ref("Organization/" + Own)})
	for _, p := range Partners {
		m.add("Organization", p.Organization, Object{"active": true, "name": "Partner " + p.ID, "identifier": some(npi(p.NPI))})
	}
	m.add("Organization", "org-outside", Object{"active": true, "name": "Outside Laboratory"})
	names := map[string]Object{
		"prac-0": {"family": "Okafor", "given": some("Ada", "Maria"), "prefix": some("Dr.")}, "prac-1": {"family": "de la Cruz", "given": some("Óscar"), "text": "Óscar de la Cruz"},
		"prac-2": {"family": "Outsider", "given": some("Pat")}, "prac-3": {"text": "Dr. Nobody Names"},
	}
	for _, id := range slices.Sorted(maps.Keys(Practitioners)) {
		m.add("Practitioner", id, Object{"active": m.maybe(60, true), "name": some(names[id]), "identifier": some(npi(Practitioners[id]))})
	}
	for i, id := range []string{"prac-0", "prac-1"} {
		m.add("PractitionerRole", []string{"role-0", "role-1"}[i], Object{"active": true, "practitioner": ref("Practitioner/" + id), "organization": ref("Organization/" + Own),
			"specialty": some(concept(code("http://nucc.org/provider-taxonomy", []string{"103T00000X", "2084P0800X"}[i])))})
	}
	m.add("PractitionerRole", "role-harbor", Object{"active": true, "practitioner": ref("Practitioner/prac-2"), "organization": ref("Organization/org-harbor"), "period": Object{"start": "2020"}})
	m.add("PractitionerRole", "role-dawn", Object{"practitioner": ref("Practitioner/prac-2"), "organization": ref("Organization/org-dawn"), "period": Object{"end": "2024"}})
	m.add("Location", "loc-own", Object{"status": "active", "name": "Main Street", "alias": some("Cédar House"), "address": Object{"line": some("12 Main Street"), "city": "Springfield", "state": "VT", "postalCode": "05150"},
		"managingOrganization": ref("Organization/" + Own)})
	m.add("Location", "loc-outside", Object{"status": "active", "name": "Elsewhere", "managingOrganization": ref("Organization/org-outside")})
}

// Practitioners are the ids of the Practitioners with the NPI of each.
var Practitioners = map[string]string{"prac-0": "1003000126", "prac-1": "1003000134", "prac-2": "1003000142", "prac-3": "1003000159"}

func npi(value string) Object { return Object{"system": npiSystem, "value": value} }

func (m *maker) practitioner() Object {
	return ref(pick(m, "Practitioner/prac-0", "Practitioner/prac-0", "Practitioner/prac-1", "Practitioner/prac-2"))
}

// named is a reference with the name of whom it means.
func (m *maker) named() Object {
	r := m.practitioner()
	if m.chance(40) {
		r["display"] = "Some Name"
	}
	return r
}
