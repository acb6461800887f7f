package demo

import "time"

// code is a code with its wording.
type code struct{ code, text string }

var (
	diagnosesUsual = []code{
		{"F32.1", "Major depressive disorder, single episode, moderate"}, {"F32.9", "Major depressive disorder, single episode, unspecified"}, {"F33.1", "Major depressive disorder, recurrent, moderate"},
		{"F41.1", "Generalized anxiety disorder"}, {"F41.9", "Anxiety disorder, unspecified"}, {"F43.10", "Post-traumatic stress disorder, unspecified"}, {"F43.23", "Adjustment disorder with mixed anxiety and depressed mood"},
		{"F40.10", "Social phobia, unspecified"}, {"F60.3", "Borderline personality disorder"},
	}
	diagnosesRecovery = []code{{"F10.20", "Alcohol dependence, uncomplicated"}, {"F11.20", "Opioid dependence, uncomplicated"}, {"F12.20", "Cannabis dependence, uncomplicated"}}
	diagnosesMinor    = []code{{"F90.0", "Attention-deficit hyperactivity disorder, predominantly inattentive type"}, {"F93.0", "Separation anxiety disorder of childhood"}, {"F43.23", "Adjustment disorder with mixed anxiety and depressed mood"}}
	relational        = code{"Z63.0", "Problems in relationship with spouse or partner"}
	// diagnosesGuarded carry sensitivities of their own (HIV, violence).
	diagnosesGuarded = []code{{"Z21", "Asymptomatic human immunodeficiency virus [HIV] infection status"}, {"Z69.11", "Encounter for mental health services for victim of spousal or partner abuse"}}

	drugs = []code{
		{"312941", "sertraline 50 MG Oral Tablet"}, {"349332", "escitalopram 10 MG Oral Tablet"}, {"310385", "fluoxetine 20 MG Oral Capsule"},
		{"993541", "24 HR bupropion hydrochloride 150 MG Extended Release Oral Tablet"}, {"856377", "trazodone hydrochloride 50 MG Oral Tablet"},
		{"866083", "buspirone hydrochloride 10 MG Oral Tablet"}, {"198427", "lamotrigine 100 MG Oral Tablet"},
	}
	drugsRecovery = []code{{"1483744", "naltrexone hydrochloride 50 MG Oral Tablet"}, {"835726", "acamprosate calcium 333 MG Delayed Release Oral Tablet"}}
)

// clinical writes diagnoses, medications, scores, plans.
func (g *generator) clinical(p *person) {
	first := firstCompleted(p)
	g.diagnose(p, first)
	g.scores(p)
	if p.slot == slotMedication || p.slot == slotFull || chance(p.r, 35) && p.slot != slotWaiting {
		g.prescribe(p, pick(p.r, drugs), g.workers("", "psychiatrist")[0], "")
	}
	if p.slot.inPart2() && p.slot != slotRecoveryEarly {
		g.prescribe(p, pick(p.r, drugsRecovery), g.workers(programmePart2, "psychiatrist")[0], programmePart2)
	}
	if p.slot.inPart2() {
		since := g.date(-120)
		g.add("enrollments", "client_id, programme, started_on, ended_on", p.key, programmePart2, since, nil)
	}
	if p.slot != slotWaiting {
		g.plan(p)
	}
}

// firstCompleted is the client's intake, or else the first session that took place; the zero session for none.
func firstCompleted(p *person) session {
	var first session
	for _, s := range p.sessions {
		if s.status == "completed" && (first.id == 0 || s.kind == "intake") {
			first = s
		}
	}
	return first
}

const diagnosisColumns = "client_id, session_id, icd10, description, status, on_problem_list, programme, onset_on, resolved_on, recorded_by, recorded_at, deleted"

func (g *generator) diagnose(p *person, first session) {
	at := g.at(-100, 9)
	if first.id != 0 {
		at = first.end
	}
	usual := diagnosesUsual
	if p.slot.minor() {
		usual = diagnosesMinor
	}
	write := func(c code, status string, problem bool, programme string, session int64, by worker) {
		onset, resolved := any(at.AddDate(0, -1-p.r.IntN(30), 0).Format("2006-01")), any(nil)
		if chance(p.r, 30) {
			onset = nil
		}
		if status == "resolved" {
			resolved = g.date(-40)
		}
		g.add("diagnoses", diagnosisColumns, p.key, nullID(session), c.code, c.text, status, problem, null(programme), onset, resolved, by.id, local(at), status == "removed")
	}
	main := pick(p.r, usual)
	if p.slot == slotRecovery || p.slot == slotRecoveryEarly {
		write(pick(p.r, diagnosesRecovery), "active", true, programmePart2, first.id, p.part2)
		return
	}
	if p.slot == slotDischarged {
		write(main, "resolved", true, "", first.id, p.therapist)
	} else {
		write(main, "active", true, "", 0, p.therapist)
	}
	if first.id != 0 && first.programme == "" {
		write(main, "active", false, "", first.id, p.therapist)
	}
	if p.slot.inPart2() {
		write(pick(p.r, diagnosesRecovery), "active", true, programmePart2, 0, p.part2)
	}
	switch p.slot {
	case slotCoupleA, slotCoupleB, slotSignedHalf, slotUnsignedHalf:
		write(relational, "active", false, "", first.id, p.therapist)
	case slotPlain, slotRepresented:
		write(pick(p.r, diagnosesGuarded), "active", true, "", 0, p.therapist)
	}
	if chance(p.r, 12) {
		write(pick(p.r, usual), pick(p.r, []string{"rule_out", "resolved", "entered_in_error", "removed"}), true, "", 0, p.therapist)
	}
}

// prescribe writes a prescription, made at the client's latest own session of the programme if there is one.
func (g *generator) prescribe(p *person, drug code, by worker, programme string) {
	status, stopped, session, at := "active", any(nil), int64(0), g.at(-90, 11)
	if chance(p.r, 25) {
		status, stopped = "stopped", g.date(-2)
	}
	for _, s := range p.completed(programme) {
		if s.kind != "couple" && s.kind != "family" && s.kind != "group" {
			session, at = s.id, s.end
		}
	}
	g.add("medications", "client_id, session_id, rxnorm, drug, directions, refills, programme, status, prescribed_by, prescribed_at, stopped_on, deleted", p.key, nullID(session),
		drug.code, drug.text, pick(p.r, []string{"Take 1 tablet by mouth daily", "1 tab PO qHS", "Take 1 by mouth twice daily with food"}), p.r.IntN(4), null(programme), status, by.id,
		local(at), stopped, chance(p.r, 3))
}

// scores writes a PHQ-9 and a GAD-7 at every second session, falling over time.
func (g *generator) scores(p *person) {
	total := 12 + p.r.IntN(10)
	for i, s := range p.sessions {
		if s.status != "completed" || i%2 == 1 || s.kind == "couple" || s.kind == "family" || s.kind == "group" {
			continue
		}
		status := "final"
		if chance(p.r, 4) {
			status = "void"
		}
		const columns = "client_id, session_id, instrument, taken_at, total, administered_by, programme, status, deleted"
		at := local(s.start.Add(-10 * time.Minute))
		g.add("assessments", columns, p.key, s.id, "PHQ-9", at, min(27, total), s.staff.id, null(s.programme), status, false)
		g.add("assessments", columns, p.key, s.id, "GAD-7", at, min(21, max(0, total-2)), s.staff.id, null(s.programme), "final", chance(p.r, 2))
		total = max(1, total-p.r.IntN(5))
	}
}

// plan writes a treatment plan with its goals, and the plan's note.
func (g *generator) plan(p *person) {
	owner, programme, wording := p.therapist, "", goals
	if p.slot == slotRecovery || p.slot == slotRecoveryEarly {
		owner, programme, wording = p.part2, programmePart2, recoveryGoals
	}
	at := g.at(-80, 10)
	status, signed, by, ended := "active", any(local(at.Add(time.Hour))), nullID(owner.id), any(nil)
	if p.slot == slotDischarged {
		status, ended = "completed", g.date(-6)
	} else if chance(p.r, 6) {
		status, signed, by = "draft", nil, nil
	}
	p.plan = g.add("treatment_plans", "client_id, staff_id, programme, starts_on, review_on, ended_on, status, signed_at, signed_by, created_at", p.key, owner.id, null(programme),
		at.Format(layoutDate), g.date(10), ended, status, signed, by, local(at))
	for range 1 + p.r.IntN(2) {
		g.add("plan_goals", "plan_id, client_id, goal, intervention, status, starts_on, target_on, deleted", p.plan, p.key, sentence(p.r, wording), pick(p.r, interventions),
			pick(p.r, []string{"active", "active", "achieved", "dropped"}), at.Format(layoutDate), g.date(60), chance(p.r, 3))
	}
	if status != "draft" && owner.supervisor == 0 {
		g.note(p, note{kind: "treatment_plan", author: owner, programme: programme, at: at, status: "signed", assessment: sentence(p.r, assessments), plan: sentence(p.r, plans), b: sentence(p.r, wording)})
	}
}
