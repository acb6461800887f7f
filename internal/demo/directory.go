package demo

import (
	"fmt"
	"slices"
)

// worker is somebody of the practice's own staff.
type worker struct {
	id         int64
	position   string
	npi        string
	supervisor int64
	programme  string // the programme that they mainly work in
}

// Organization is an outside organisation in the practice's address book.
type Organization struct {
	ID   int64
	Code string // the address book's own short name
	Name string
	Kind string // clinic, sud-clinic, insurer, employer, law, hospital, school
	NPI  string
	NAIC string // insurers, in place of an NPI
	EIN  string // employers and others, in place of an NPI
}

// The outside organisations that the story and the partners refer to.
var (
	ReferringClinic = Organization{ID: 1, Code: "harbor-fm", Name: "Harbor Family Medicine", Kind: "clinic", NPI: npi(901)}
	Part2Clinic     = Organization{ID: 2, Code: "new-dawn", Name: "New Dawn Recovery Center", Kind: "sud-clinic", NPI: npi(902)}
	Insurer         = Organization{ID: 3, Code: "blueriver", Name: "BlueRiver Health Plan", Kind: "insurer", NAIC: "99341"}
	Employer        = Organization{ID: 4, Code: "northline", Name: "Northline Logistics, Inc.", Kind: "employer", EIN: "99-0412207"}
	LawFirm         = Organization{ID: 5, Code: "reyes-law", Name: "Reyes & Partners, Attorneys", Kind: "law", EIN: "99-0718344"}
)

var organizations = []Organization{
	ReferringClinic, Part2Clinic, Insurer, Employer, LawFirm,
	{ID: 6, Code: "maple-hospital", Name: "Maple County Hospital", Kind: "hospital", NPI: npi(906)},
	{ID: 7, Code: "summit", Name: "Summit Mutual Insurance", Kind: "insurer", NAIC: "99572"},
	{ID: 8, Code: "eastfield", Name: "Eastfield School District", Kind: "school", EIN: "99-0310054"},
	{ID: 9, Code: "lakeside", Name: "Lakeside Psychiatry Associates", Kind: "clinic", NPI: npi(909)},
	{ID: 10, Code: "riverbend", Name: "Riverbend Pediatrics", Kind: "clinic", NPI: npi(910)},
}

// outsider is a named person at an outside organisation.
type outsider struct {
	id, organization         int64
	first, last, credentials string
	npi                      string
}

var outsiders = []outsider{
	{1, 1, "Amara", "Okafor", "MD", npi(921)},
	{2, 1, "Jonas", "Lindqvist", "NP", npi(922)},
	{3, 2, "Teresa", "Villanueva", "LCADC", npi(923)},
	{4, 9, "Hélène", "Brouillard", "MD", npi(924)},
	{5, 6, "Samir", "Haddad", "MD", npi(925)},
	{6, 10, "Priya", "Raman", "MD", npi(926)},
}

// programmePart2 is the substance use programme under 42 CFR Part 2, by its code in the practice's database.
const programmePart2 = "sud-part2"

var staffPlan = []struct {
	first, last, credentials, position, programme string
	licensed                                      bool
}{
	{"Miriam", "Castellanos", "PhD", "clinical-director", "", true},
	{"David", "Oyelaran", "LCSW", "therapist", "", true},
	{"Renée", "Fontaine", "LMFT", "therapist", "", true},
	{"Kwame", "Asante-Boateng", "LPC", "therapist", "", true},
	{"Sigrid", "Håkansson", "PsyD", "therapist", "", true},
	{"Luis", "Ibarra", "LCADC", "sud-counselor", programmePart2, true},
	{"Bridget", "O'Malley", "LCSW, LCADC", "sud-counselor", programmePart2, true},
	{"Anjali", "Deshmukh", "MD", "psychiatrist", "", true},
	{"Thomas", "Weller", "PMHNP", "psychiatrist", programmePart2, true},
	{"Naomi", "Feldstein", "MSW", "intern", "", false},
	{"Caleb", "Nguyen", "MA", "intern", "", false},
	{"Paula", "Dragomir", "", "front-desk", "", false},
	{"Eric", "Sandoval", "", "billing", "", false},
}

// directory writes the sites, the staff, the programmes and the address book.
func (g *generator) directory() {
	g.in.insert("sites", "id, name, npi, phone, street, city, state, zip, is_main", 1, Name, npi(800), "+1-555-0100", "418 Cedar Street", "Easton", "NJ", "07001", 1)
	g.in.insert("sites", "id, name, npi, phone, street, city, state, zip, is_main", 2, Name+", Recovery Program", npi(801), "+1-555-0140", "77 Mill Road, Suite 3", "Easton", "NJ", "07002", 0)
	g.in.insert("programmes", "code, name", programmePart2, "Recovery Program (42 CFR Part 2)")
	for i, s := range staffPlan {
		w := worker{id: int64(i + 1), position: s.position, programme: s.programme}
		if s.licensed {
			w.npi = npi(i + 1)
		}
		if s.position == "intern" {
			w.supervisor = 1
		}
		site := 1
		if s.programme == programmePart2 {
			site = 2
		}
		g.staff = append(g.staff, w)
		g.in.insert("staff", "id, username, first_name, last_name, credentials, npi, position, work_email, work_phone, supervisor_id, site_id",
			w.id, fmt.Sprintf("user%02d", w.id), s.first, s.last, null(s.credentials), null(w.npi), s.position, fmt.Sprintf("staff%02d@cedarbridge.example", w.id),
			fmt.Sprintf("+1-555-01%02d", i+1), nullID(w.supervisor), site)
	}
	for _, o := range organizations {
		g.in.insert("organizations", "id, code, name, kind, npi, naic, ein, phone, street, city, state, zip", o.ID, o.Code, o.Name, o.Kind, null(o.NPI), null(o.NAIC), null(o.EIN),
			fmt.Sprintf("+1-555-02%02d", o.ID), fmt.Sprintf("%d Commerce Avenue", 100+o.ID), "Easton", "NJ", "07003")
	}
	for _, o := range outsiders {
		g.in.insert("outside_people", "id, organization_id, first_name, last_name, credentials, npi, phone", o.id, o.organization, o.first, o.last, o.credentials, o.npi,
			fmt.Sprintf("+1-555-03%02d", o.id))
	}
	g.in.insert("therapy_groups", "id, name, programme, staff_id", groupRelapse, "Relapse prevention", programmePart2, 6)
	g.in.insert("therapy_groups", "id, name, programme, staff_id", groupSkills, "DBT skills group", nil, 3)
}

// The therapy groups.
const (
	groupRelapse = 1
	groupSkills  = 2
)

// workers are the staff in one of the positions, in the programme if one is given.
func (g *generator) workers(programme string, positions ...string) []worker {
	var out []worker
	for _, w := range g.staff {
		if slices.Contains(positions, w.position) && (programme == "" || w.programme == programme) {
			out = append(out, w)
		}
	}
	return out
}

// null is the text, or NULL for none.
func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// nullID is the id, or NULL for 0.
func nullID(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}
