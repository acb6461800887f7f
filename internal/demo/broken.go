package demo

import "math/rand/v2"

// broken writes a few rows that a real database has: an impossible date, a note without an author, a status nobody knows. Each must be
// withheld whole and reported, and must not disturb its neighbours. They stand in the charts of clients who are not the story's.
func (g *generator) broken() {
	if g.clients < 40 {
		return
	}
	client := int64(firstClient + blockSize + int(slotPlain))
	now := local(g.at(-15, 9))
	r := rand.New(rand.NewPCG(g.seed, 0))
	count := func(table string) { g.p.Broken[table]++ }

	g.add("assessments", "client_id, session_id, instrument, taken_at, total, administered_by, status", client, nil, "PHQ-9", "2025-02-30 10:00:00", 9, 2, "final")
	count("assessments")
	g.add("diagnoses", diagnosisColumns, client, nil, "F41.1", "Generalized anxiety disorder", "???", true, nil, nil, nil, 2, now, false)
	count("diagnoses")
	g.add("diagnoses", diagnosisColumns, client, nil, "F41.1", "Generalized anxiety disorder", "active", true, nil, "last spring", nil, 2, now, false)
	count("diagnoses")
	// Two notes that the map itself withholds: one without an author, one that was filed under a session of somebody else's.
	g.add("notes", noteColumns, client, nil, "soap", nil, nil, now, "Felt better.", "Alert.", "Improving.", "Continue. Ref. "+marker(r), nil, nil, "signed", now, nil, false, nil, nil, nil, now, false)
	g.add("notes", noteColumns, client, 1, "soap", 2, nil, now, "Felt better.", "Alert.", "Improving.", "Continue. Ref. "+marker(r), nil, nil, "signed", now, 2, false, nil, nil, nil, now, false)
	g.add("notes", noteColumns, client, nil, "soap", 2, nil, "soon", "Felt better.", "Alert.", "Improving.", "Continue. Ref. "+marker(r), nil, nil, "signed", now, 2, false, nil, nil, nil, now, false)
	count("chart_notes")
	session := g.add("sessions", sessionColumns, "individual", nil, nil, 2, 1, "yesterday", now, "completed", "90834", false, false, 12, now, now)
	g.in.insert("session_participants", "session_id, client_id, role, attended", session, client, "client", 1)
	count("chart_sessions") // as an Encounter
	count("chart_sessions") // as a Procedure
}
