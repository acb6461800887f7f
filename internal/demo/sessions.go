package demo

import (
	"time"
)

// session is a session while its notes are being written.
type session struct {
	id         int64
	kind       string // intake, individual, couple, family, group, medication
	programme  string
	start, end time.Time
	staff      worker
	status     string
	selfPay    bool
}

const sessionColumns = "kind, group_id, programme, staff_id, site_id, starts_at, ends_at, status, cpt, self_pay, telehealth, created_by, created_at, updated_at"

// session writes a session and who took part. The first of people is the one in whose name it was booked.
func (g *generator) session(s session, group int64, minutes int, cpt string, people ...*person) session {
	s.end = s.start.Add(time.Duration(minutes) * time.Minute)
	site, programme := 1, s.programme
	if s.programme == programmePart2 {
		site = 2
	}
	billed := any(cpt)
	if s.status != "completed" {
		billed = nil
	}
	r := people[0].r
	booked := local(s.start.AddDate(0, 0, -14))
	updated := booked
	if s.status != "scheduled" {
		updated = local(s.end.Add(10 * time.Minute))
	}
	s.id = g.add("sessions", sessionColumns, s.kind, nullID(group), null(programme), s.staff.id, site, local(s.start), local(s.end), s.status, billed,
		s.selfPay, chance(r, 30), 12, booked, updated)
	for i, p := range people {
		role := "client"
		if i > 0 {
			role = "participant"
		}
		attended := s.status == "completed" && (s.kind != "group" || i == 0 || !chance(p.r, 15))
		g.in.insert("session_participants", "session_id, client_id, role, attended", s.id, p.key, role, attended)
		if attended || s.status != "completed" {
			p.sessions = append(p.sessions, s)
		}
	}
	return s
}

// at is the hour of a working day about so many days from today.
func (g *generator) at(days, hour int) time.Time {
	t := g.day(days)
	switch t.Weekday() {
	case time.Saturday:
		t = t.AddDate(0, 0, -1)
	case time.Sunday:
		t = t.AddDate(0, 0, -2)
	}
	return time.Date(t.Year(), t.Month(), t.Day(), hour, 15*(days&3), 0, 0, t.Location())
}

// lengths are the usual individual sessions with their CPT codes.
var lengths = []struct {
	minutes int
	cpt     string
}{{30, "90832"}, {45, "90834"}, {45, "90834"}, {60, "90837"}}

// individual writes a client's own sessions with their notes: an intake, a run of weekly or fortnightly sessions, the odd no-show, what is booked.
func (g *generator) individual(p *person) {
	hour, every := 8+p.r.IntN(9), 7+7*p.r.IntN(2)
	count := 3 + p.r.IntN(4)
	staff, programme := p.therapist, ""
	if p.slot == slotRecovery || p.slot == slotRecoveryEarly {
		staff, programme = p.part2, programmePart2
	}
	switch p.slot {
	case slotWaiting, slotGroupOnly:
		count = 0
	case slotCoupleA, slotCoupleB, slotFamilyParent, slotSignedHalf, slotUnsignedHalf:
		count = 1
	case slotFull:
		count = 6
	}
	first := -(count*every + 10 + p.r.IntN(20))
	if p.n%3 == 0 { // an earlier course of therapy, years ago
		old := g.session(session{kind: "individual", start: g.at(-1150+p.r.IntN(200), hour), staff: staff, status: "completed", programme: programme}, 0, 45, "90834", p)
		g.progress(old, p)
	}
	intake := g.session(session{kind: "intake", start: g.at(first-7, hour), staff: staff, status: "completed", programme: programme, selfPay: p.slot == slotSelfPaid}, 0, 60, "90791", p)
	g.intake(intake, p)
	for i := range count {
		l := pick(p.r, lengths)
		s := session{kind: "individual", start: g.at(first+i*every, hour), staff: staff, status: "completed", programme: programme,
			selfPay: p.slot == slotSelfPaid || p.slot == slotFull && i == 2}
		if p.slot == slotMedication {
			s.kind = "medication"
		}
		if i > 0 && i < count-1 && chance(p.r, 12) {
			s.status = pick(p.r, []string{"no_show", "cancelled", "late_cancel"})
		}
		s = g.session(s, 0, l.minutes, l.cpt, p)
		if s.status == "completed" {
			g.progress(s, p)
		}
	}
	if p.slot == slotFull || p.slot == slotRecoveryDual {
		g.recovery(p, hour)
	}
	if p.slot != slotDischarged && count > 0 {
		g.session(session{kind: "individual", start: g.at(4+p.r.IntN(9), hour), staff: staff, status: "scheduled", programme: programme, selfPay: p.slot == slotSelfPaid}, 0, 45, "90834", p)
	}
}

// recovery writes the Part 2 side of somebody who is in individual therapy as well.
func (g *generator) recovery(p *person, hour int) {
	for i := range 3 {
		s := g.session(session{kind: "individual", start: g.at(-60+i*14, (hour-8+4)%9+8), staff: p.part2, status: "completed", programme: programmePart2}, 0, 45, "90834", p)
		g.progress(s, p)
	}
}

// joint writes the sessions that several clients had together, with one note about all of them.
func (g *generator) joint(kind string, people ...*person) {
	for _, p := range people {
		if p == nil {
			return
		}
	}
	first := people[0]
	hour := 9 + first.r.IntN(8)
	for i := range 4 {
		s := g.session(session{kind: kind, start: g.at(-70+i*14, hour), staff: first.therapist, status: "completed"}, 0, 50, "90847", people...)
		g.progress(s, first)
	}
	if kind == "family" { // the parents' hour without the child, about the child alone (CPT 90846)
		s := g.session(session{kind: kind, start: g.at(-12, hour), staff: first.therapist, status: "completed"}, 0, 50, "90846", first)
		g.progress(s, first)
	}
}

// group writes a therapy group's sessions: one row per session, one note per client who came.
func (g *generator) group(group int64, people ...*person) {
	var here []*person
	for _, p := range people {
		if p != nil {
			here = append(here, p)
		}
	}
	if len(here) < 2 {
		return
	}
	staff, programme := g.staff[2], ""
	if group == groupRelapse {
		staff, programme = g.staff[5], programmePart2
	}
	for i := range 4 {
		s := g.session(session{kind: "group", start: g.at(-55+i*7, 18), staff: staff, status: "completed", programme: programme}, group, 90, "90853", here...)
		for _, p := range here {
			if n := len(p.sessions); n > 0 && p.sessions[n-1].id == s.id {
				g.groupNote(s, p)
			}
		}
	}
}
