package demo

import (
	"fmt"
	"math/rand/v2"
)

var (
	firstNames = []string{"Ava", "Noah", "Mia", "Liam", "Zoë", "Ethan", "Chloé", "Mateo", "Leila", "Oscar", "Ingrid", "Malik", "Priya", "Dylan", "Yuki", "Tomás", "Fatima", "Gavin",
		"Rosa", "Hassan", "Maeve", "Andre", "Saoirse", "Viktor", "Nadia", "Cole", "Imani", "Rafael", "June", "Björn", "Talia", "Omar", "Celeste", "Darnell", "Esme", "Kofi"}
	lastNames = []string{"Abbott", "Núñez", "Kowalski", "O'Brien", "Tanaka", "Okonkwo", "Müller", "Delacroix-Hart", "Singh", "Ramirez", "Whitaker", "Nguyen", "Friedman", "Castillo", "Øster",
		"Jefferson", "Patel", "Lombardi", "St. John", "Baker", "Yamamoto", "Hernández", "Cohen", "Achebe", "Larsen", "Mbeki", "Sullivan", "Petrov", "D'Angelo", "Park"}
	middleNames = []string{"", "", "", "A.", "Marie", "James", "Lee", "T."}
	streets     = []string{"Maple Street", "Old Post Road", "3rd Avenue", "Canal Street, Apt. 4\"B\"", "Birch Lane", "Harbor View Terrace"}
	languages   = []string{"en", "en", "en", "en", "es", "es", "fr", "zh", ""}
	pronouns    = []string{"she/her", "he/him", "they/them", "", ""}
)

// person rolls the client with the number n.
func (g *generator) person(n int) *person {
	p := &person{n: n, key: firstClient + int64(n), slot: slot(n % blockSize), r: rand.New(rand.NewPCG(g.seed, uint64(n)+1))}
	y, m, d := g.now.Date()
	switch {
	case p.slot == slotJustAdult:
		p.born = g.day(0).AddDate(-18, 0, -2)
	case p.slot == slotAlmostAdult:
		p.born = g.day(0).AddDate(-18, 0, 5)
	case p.slot.minor():
		p.born = g.day(0).AddDate(-8-p.r.IntN(8), 0, -p.r.IntN(300))
	default:
		p.born = g.day(0).AddDate(-22-p.r.IntN(50), -int(m)%7, -d%20-y%3)
	}
	p.therapist = pick(p.r, g.workers("", "therapist"))
	if p.slot == slotPlain && n/blockSize%2 == 0 {
		p.therapist = pick(p.r, g.workers("", "intern"))
	}
	if p.slot == slotMedication {
		p.therapist = g.workers("", "psychiatrist")[0]
	}
	if p.slot.inPart2() {
		p.part2 = pick(p.r, g.workers(programmePart2, "sud-counselor"))
	}
	return p
}

// register writes the client's own row and their contacts.
func (g *generator) register(p *person) {
	first, last := pick(p.r, firstNames), pick(p.r, lastNames)
	since := local(g.day(-500 - p.r.IntN(700)))
	status := "active"
	switch p.slot {
	case slotWaiting:
		status = "waitlist"
	case slotDischarged:
		status = "closed"
	}
	email := any(nil)
	if !chance(p.r, 20) {
		email = fmt.Sprintf("client%d@mail.example", p.key)
	}
	g.in.insert("clients", "id, mrn, first_name, middle_name, last_name, preferred_name, birth_date, sex, pronouns, street, city, state, zip, phone, email, language, therapist_id, status, created_by, created_at, updated_at",
		p.key, fmt.Sprintf("CB-%06d", p.key), first, null(pick(p.r, middleNames)), last, null(pick(p.r, []string{"", "", "", first[:1] + "J", "Sunny \u2600"})), p.born.Format(layoutDate),
		pick(p.r, []string{"F", "F", "M", "M", "X", "U"}), null(pick(p.r, pronouns)), fmt.Sprintf("%d %s", 10+p.r.IntN(900), pick(p.r, streets)), "Easton", "NJ",
		fmt.Sprintf("0700%d", 1+p.r.IntN(8)), fmt.Sprintf("+1-555-%04d", 1000+p.key%9000), email, null(pick(p.r, languages)), p.therapist.id, status, 12, since, since)
	g.contacts(p, last)
}

// contacts writes the people around the client: legal representatives with the time of their authority, and others who have none.
func (g *generator) contacts(p *person, last string) {
	const columns = "client_id, first_name, last_name, relationship, phone, is_legal_representative, authority_from, authority_until, emergency"
	phone := fmt.Sprintf("+1-555-%04d", 1000+(p.key*7)%9000)
	switch {
	case p.slot.minor() || p.slot == slotJustAdult:
		relationship := pick(p.r, []string{"mother", "father", "guardian"})
		p.guardian = g.add("client_contacts", columns, p.key, pick(p.r, firstNames), last, relationship, phone, 1, p.born.Format(layoutDate), p.born.AddDate(18, 0, 0).Format(layoutDate), 1)
		if chance(p.r, 30) { // a grandparent who brings the child, without authority
			g.add("client_contacts", columns, p.key, pick(p.r, firstNames), pick(p.r, lastNames), "grandparent", phone, 0, nil, nil, 0)
		}
	case p.slot == slotRepresented:
		p.guardian = g.add("client_contacts", columns, p.key, pick(p.r, firstNames), last, "health-care-poa", phone, 1, g.date(-700), nil, 1)
		// one whose authority has ended
		g.add("client_contacts", columns, p.key, pick(p.r, firstNames), last, "guardian", phone, 1, g.date(-3000), g.date(-701), 0)
	case chance(p.r, 60):
		g.add("client_contacts", columns, p.key, pick(p.r, firstNames), pick(p.r, lastNames), pick(p.r, []string{"spouse", "friend", "sibling"}), phone, 0, nil, nil, 1)
	}
}
