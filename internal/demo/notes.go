package demo

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// note is a note of the record before it is written.
type note struct {
	kind                                             string
	session                                          int64
	author                                           worker
	programme                                        string
	at                                               time.Time
	subjective, objective, assessment, plan, data, b string
	status                                           string // draft, unsigned, signed, cosigned, amended
	replaces                                         int64
	deleted                                          bool
}

const noteColumns = "client_id, session_id, note_type, author_id, programme, written_at, subjective, objective, assessment, plan, data, body, status, " +
	"signed_at, signed_by, cosign_required, cosigned_at, cosigned_by, replaces_id, updated_at, deleted"

// note writes a note with the signatures that its status means.
func (g *generator) note(p *person, n note) int64 {
	var signedAt, signedBy, cosignedAt, cosignedBy any
	if n.status != "draft" && n.status != "unsigned" {
		signedAt, signedBy = local(n.at.Add(25*time.Minute)), nullID(n.author.id)
	}
	if n.status == "cosigned" {
		cosignedAt, cosignedBy = local(n.at.Add(26*time.Hour)), nullID(n.author.supervisor)
	}
	if neverReleased(n) {
		n.plan += " Ref. " + marker(p.r)
	}
	return g.add("notes", noteColumns, p.key, nullID(n.session), n.kind, nullID(n.author.id), null(n.programme), local(n.at), null(n.subjective), null(n.objective),
		null(n.assessment), null(n.plan), null(n.data), null(n.b), n.status, signedAt, signedBy, n.author.supervisor != 0, cosignedAt, cosignedBy, nullID(n.replaces),
		local(n.at.Add(27*time.Hour)), n.deleted)
}

// mappedKinds are the kinds of note that profiles/maps/demo lists.
var mappedKinds = []string{"soap", "dap", "intake", "treatment_plan", "discharge_summary", "consultation", "sud_progress", "group_progress"}

// neverReleased tells whether a note is one that must not leave, whoever asks and whatever was signed.
func neverReleased(n note) bool {
	listed := false
	for _, k := range mappedKinds {
		listed = listed || k == n.kind
	}
	awaiting := n.author.supervisor != 0 && n.status == "signed"
	return !listed || n.deleted || n.status == "draft" || n.status == "unsigned" || awaiting
}

// markerPrefix starts the marker of a note that must not leave.
const markerPrefix = "NR-"

// marker is a unique text for a test to look for.
func marker(r *rand.Rand) string { return markerPrefix + letters(r, 14) }

// letters are so many random letters and digits of base32.
func letters(r *rand.Rand, n int) string {
	const alphabet = "abcdefghijklmnopqrstuvwxyz234567"
	var b strings.Builder
	for range n {
		b.WriteByte(alphabet[r.IntN(len(alphabet))])
	}
	return b.String()
}

// progress writes the progress note of a session that took place, in one of the states in which notes are found.
func (g *generator) progress(s session, p *person) {
	n := note{kind: "soap", session: s.id, author: s.staff, programme: s.programme, at: s.end, status: "signed"}
	r := p.r
	switch {
	case s.programme == programmePart2:
		n.kind = "sud_progress"
		n.data, n.assessment, n.plan = sentence(r, recoveryData), sentence(r, recoveryAssessment), sentence(r, recoveryPlan)
	case s.kind == "couple" || s.kind == "family":
		n.kind = "dap"
		n.data, n.assessment, n.plan = sentence(r, jointData), sentence(r, jointAssessment), sentence(r, plans)
	case r.IntN(3) == 0:
		n.kind = "dap"
		n.data, n.assessment, n.plan = sentence(r, subjectives)+" "+sentence(r, objectives), sentence(r, assessments), sentence(r, plans)
	default:
		n.subjective, n.objective, n.assessment, n.plan = sentence(r, subjectives), sentence(r, objectives), sentence(r, assessments), sentence(r, plans)
	}
	if s.staff.supervisor != 0 && !chance(r, 25) {
		n.status = "cosigned"
	}
	switch roll := r.IntN(100); {
	case s.staff.supervisor != 0: // a student's note: co-signed or waiting for it
	case roll < 4:
		n.status = "draft"
	case roll < 8:
		n.status = "unsigned"
	case roll < 11:
		n.deleted = true
	case roll < 16:
		n.status = "amended"
		g.amend(p, n)
		return
	}
	g.note(p, n)
}

// amend writes a note that was amended, and the note that replaces it.
func (g *generator) amend(p *person, n note) {
	old := g.note(p, n)
	n.replaces, n.status, n.at = old, "signed", n.at.Add(48*time.Hour)
	n.plan += " Amended: corrected the time of the next appointment."
	g.note(p, n)
}

func (g *generator) intake(s session, p *person) {
	author, status := s.staff, "signed"
	if author.supervisor != 0 {
		status = "cosigned"
	}
	g.note(p, note{kind: "intake", session: s.id, author: author, programme: s.programme, at: s.end, status: status, subjective: sentence(p.r, presenting),
		data: sentence(p.r, histories), objective: sentence(p.r, objectives), assessment: sentence(p.r, assessments), plan: sentence(p.r, plans)})
}

func (g *generator) groupNote(s session, p *person) {
	g.note(p, note{kind: "group_progress", session: s.id, author: s.staff, programme: s.programme, at: s.end, status: "signed",
		data: sentence(p.r, groupData), assessment: sentence(p.r, assessments), plan: sentence(p.r, plans)})
}

// offSession writes the notes that belong to no session, and those of kinds that no map lists.
func (g *generator) offSession(p *person) {
	at := g.at(-5-p.r.IntN(30), 12)
	if p.slot == slotDischarged {
		g.note(p, note{kind: "discharge_summary", author: p.therapist, at: at, status: "signed", subjective: sentence(p.r, presenting), b: sentence(p.r, discharges), plan: sentence(p.r, plans)})
	}
	if p.slot == slotMedication || p.slot == slotFull || p.slot == slotRepresented {
		psychiatrist := g.workers("", "psychiatrist")[0]
		g.note(p, note{kind: "consultation", author: psychiatrist, at: at, status: "signed", b: sentence(p.r, consultations), plan: sentence(p.r, plans)})
	}
	if p.n%4 == 0 {
		g.note(p, note{kind: "phone_message", author: g.staff[11], at: at, status: "signed", b: "Called about the next appointment; will call back."})
	}
	if p.n%9 == 0 {
		g.note(p, note{kind: "supervision", author: p.therapist, at: at, status: "signed", b: "Discussed in supervision: pacing, countertransference."})
	}
	if len(p.sessions) > 0 && p.n%2 == 0 {
		g.note(p, note{kind: "psychotherapy_stub", session: p.sessions[0].id, author: p.therapist, at: at, status: "signed", b: "Psychotherapy note kept apart."})
	}
}

// separated writes the psychotherapy notes of a client into the second database, each with a text that is nowhere else.
func (g *generator) separated(p *person) {
	for i, s := range p.sessions {
		if s.status != "completed" || i%2 == 1 {
			continue
		}
		kind := "psychotherapy"
		if s.programme == programmePart2 {
			kind = "sud-counseling"
		}
		g.ids["psychotherapy_notes"]++
		id := g.ids["psychotherapy_notes"]
		canary := fmt.Sprintf("%s%s%d", canaryPrefix, letters(p.r, 20), id)
		g.apart.insert("psychotherapy_notes", "id, client_id, session_id, kind, author_id, written_at, body, canary", id, p.key, s.id, kind, s.staff.id, local(s.end),
			sentence(p.r, reflections)+" "+canary+" "+sentence(p.r, reflections), canary)
	}
}

// canaryPrefix starts the unique text of each psychotherapy note.
const canaryPrefix = "cnry"
