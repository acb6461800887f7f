package cases

import "encoding/json"

// fixedChart is the chart of every exhaustive case: each resource differs from the others in label, type, time or author.
var fixedChart = []json.RawMessage{
	fixed("N", nil, object{"resourceType": "Patient", "id": "anna", "birthDate": "1985-06-01"}),
	fixed("N", some("MH"), object{
		"resourceType": "Encounter", "id": "e1", "status": "finished", "class": code(actCode, "AMB"), "subject": ref(anna),
		"period":      object{"start": "2026-11-03T09:00:00Z", "end": "2026-11-03T10:00:00Z"},
		"participant": some(object{"individual": ref(therapist)}),
	}),
	fixed("N", some("MH"), fixedNote("d1", progressNote, "2026-11-03T10:05:00Z", therapist)),
	fixed("R", nil, fixedNote("d2", discharge, "2025-02-01T11:00:00Z", doctor)),
	fixed("R", some("SUD", "42CFRPart2"), fixedNote("d3", progressNote, "2026-10-01T11:00:00Z", "")),
	fixed("V", nil, fixedNote("d4", progressNote, "", therapist)),
	fixed("R", some("ETHUD"), object{
		"resourceType": "Condition", "id": "c1", "subject": ref(anna), "code": concept(code(icd10, alcohol)), "onsetDateTime": "2022",
		"clinicalStatus": concept(code("http://terminology.hl7.org/CodeSystem/condition-clinical", "active")), "recorder": ref(therapist),
	}),
	fixed("N", some("HIV"), object{
		"resourceType": "Observation", "id": "o1", "status": "final", "subject": ref(anna), "code": concept(code(loinc, phq9)),
		"effectiveDateTime": "2026-05", "encounter": ref("Encounter/e1"),
	}),
}

func fixed(conf string, sensitivities []any, r object) json.RawMessage {
	labels := some(code(confidentiality, conf))
	for _, s := range sensitivities {
		labels = append(labels, code(actCode, s.(string)))
	}
	r["meta"] = object{"security": labels}
	return encode(r)
}

func fixedNote(id, kind, date, author string) object {
	d := object{
		"resourceType": "DocumentReference", "id": id, "status": "current", "subject": ref(anna), "type": concept(code(loinc, kind)),
		"content": some(object{"attachment": object{"contentType": "text/plain", "url": "Binary/" + id}}),
	}
	if id == "d1" {
		d["context"] = object{"encounter": some(ref("Encounter/e1"))}
	}
	if date != "" {
		d["date"] = date
	}
	if author != "" {
		d["author"] = some(ref(author))
	}
	return d
}
