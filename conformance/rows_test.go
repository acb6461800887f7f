package conformance

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/demo"
)

// table is what the practice's own tables say of one type of resource, read naively and by nobody else: each row is a line of its client, when, until, code,
// status and who. One that must not leave has no line.
type table struct {
	typ  string
	rows string
	// line is what a resource says of the same, and who as a reference.
	when, until, code, status, who string
	// codes are the resource's, by the table's; without them a code is the table's own, with the system before it.
	codes, statuses map[string]string
	system          string
}

const (
	finished = `s.deleted=0 AND (p.attended=1 OR s.status<>'completed')`
	takePart = `FROM sessions s JOIN session_participants p ON p.session_id=s.id`
	inForce  = `n.deleted=0 AND n.status NOT IN ('draft','unsigned') AND n.signed_at IS NOT NULL AND (n.cosign_required=0 OR n.cosigned_at IS NOT NULL) AND n.author_id IS NOT NULL`
	// A joint session is about each who takes part, and so is its note; any other note is about the client under whom it is filed, who must have been there.
	subjects = `LEFT JOIN sessions s ON s.id=n.session_id JOIN clients c ON
		CASE WHEN s.kind IN ('couple','family') THEN EXISTS (SELECT 1 FROM session_participants x WHERE x.session_id=s.id AND x.client_id=c.id) ELSE c.id=n.client_id END
		AND (n.session_id IS NULL OR EXISTS (SELECT 1 FROM session_participants x WHERE x.session_id=s.id AND x.client_id=n.client_id))`
)

var tables = []table{
	{typ: "Encounter", rows: `SELECT p.client_id, s.starts_at, s.ends_at, s.cpt, s.status, s.staff_id ` + takePart + ` WHERE ` + finished,
		when: "period.start", until: "period.end", code: "type.coding", status: "status", who: "participant.individual", system: "http://www.ama-assn.org/go/cpt",
		statuses: map[string]string{"completed": "finished", "scheduled": "planned", "no_show": "cancelled", "cancelled": "cancelled", "late_cancel": "cancelled"}},
	{typ: "Procedure", rows: `SELECT p.client_id, s.starts_at, s.ends_at, s.cpt, 'completed', s.staff_id ` + takePart + ` WHERE ` + finished + ` AND s.status='completed' AND s.cpt IS NOT NULL`,
		when: "performedPeriod.start", until: "performedPeriod.end", code: "code.coding", status: "status", who: "performer.actor", system: "http://www.ama-assn.org/go/cpt"},
	{typ: "Condition", rows: `SELECT client_id, recorded_at, resolved_on, icd10, status, recorded_by FROM diagnoses WHERE deleted=0 AND status<>'entered_in_error'`,
		when: "recordedDate", until: "abatementDateTime", code: "code.coding", status: "verificationStatus.coding.code", who: "recorder", system: "http://hl7.org/fhir/sid/icd-10-cm",
		statuses: map[string]string{"active": "confirmed", "resolved": "confirmed", "rule_out": "differential"}},
	{typ: "MedicationRequest", rows: `SELECT client_id, prescribed_at, NULL, rxnorm, status, prescribed_by FROM medications WHERE deleted=0`,
		when: "authoredOn", code: "medicationCodeableConcept.coding", status: "status", who: "requester", system: "http://www.nlm.nih.gov/research/umls/rxnorm"},
	{typ: "Observation", rows: `SELECT client_id, taken_at, total, instrument, status, administered_by FROM assessments WHERE deleted=0 AND status<>'void' AND total IS NOT NULL`,
		when: "effectiveDateTime", until: "valueQuantity.value", code: "code.coding", status: "status", who: "performer",
		codes: map[string]string{"PHQ-9": "http://loinc.org|44261-6", "GAD-7": "http://loinc.org|70274-6"}},
	{typ: "CarePlan", rows: `SELECT client_id, starts_on, ended_on, '', status, staff_id FROM treatment_plans WHERE deleted=0 AND status<>'draft' AND signed_at IS NOT NULL`,
		when: "period.start", until: "period.end", status: "status", who: "author", statuses: map[string]string{"active": "active", "completed": "completed", "cancelled": "revoked"}},
	{typ: "Goal", rows: `SELECT g.client_id, g.starts_on, g.target_on, g.goal, g.status, p.staff_id FROM plan_goals g JOIN treatment_plans p ON p.id=g.plan_id AND p.client_id=g.client_id
		WHERE g.deleted=0 AND p.deleted=0 AND p.status<>'draft' AND p.signed_at IS NOT NULL`,
		when: "startDate", until: "target.dueDate", code: "description.text", status: "lifecycleStatus", who: "expressedBy", statuses: map[string]string{"active": "active", "achieved": "completed", "dropped": "cancelled"}},
	{typ: "DocumentReference", rows: `SELECT c.id, n.written_at, NULL, n.note_type, n.status, n.author_id FROM notes n ` + subjects + ` WHERE ` + inForce + `
		UNION ALL SELECT client_id, uploaded_at, NULL, 'scan', status, NULL FROM documents WHERE deleted=0 AND status='final' AND content IS NOT NULL`,
		when: "date", code: "type.coding", status: "status", who: "author", statuses: map[string]string{"signed": "current", "cosigned": "current", "amended": "superseded", "final": "current"},
		codes: map[string]string{"soap": "http://loinc.org|11506-3", "dap": "http://loinc.org|11506-3", "group_progress": "http://loinc.org|11506-3", "sud_progress": "http://loinc.org|11506-3",
			"intake": "http://loinc.org|78466-0", "treatment_plan": "http://loinc.org|18776-5", "discharge_summary": "http://loinc.org|18842-5", "consultation": "http://loinc.org|11488-4",
			"scan": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor|UNK"}},
}

// line is one fact that a table or a resource states.
type line struct{ typ, client, when, until, code, status, who string }

// lines reads a table. A kind that has no code must not leave.
func (x table) lines(t *testing.T, c *clinic) (out []line) {
	t.Helper()
	const apart = "\x1f"
	for _, text := range c.rows(t, `SELECT concat_ws(char(31), CAST(a AS TEXT), ifnull(b,''), ifnull(c,''), ifnull(d,''), e, ifnull(f,'')) FROM (SELECT NULL a, NULL b, NULL c, NULL d, NULL e, NULL f WHERE 0 UNION ALL `+x.rows+`)`) {
		f := strings.Split(text, apart)
		l := line{x.typ, f[0], f[1], f[2], f[3], cmp.Or(x.statuses[f[4]], f[4]), f[5]}
		if code, known := x.codes[l.code]; known {
			l.code = code
		} else if x.codes != nil {
			continue
		}
		if x.system != "" && l.code != "" {
			l.code = x.system + "|" + l.code
		}
		out = append(out, l)
	}
	return out
}

// said is what a resource says of the same. staff are the keys of the practice's people by the references that leave.
func (x table) said(r resource, client string, zone *time.Location, staff map[string]string) line {
	first := func(path string) string {
		for _, v := range at(r.Tree, path) {
			return fmt.Sprint(v)
		}
		return ""
	}
	l := line{typ: x.typ, client: client, when: local(first(x.when), zone), status: first(x.status)}
	if x.until != "" {
		l.until = local(first(x.until), zone)
	}
	if parent, is := strings.CutSuffix(x.code, ".coding"); is {
		l.code = strings.Join(codings(r.Tree, parent), " ")
	} else if x.code != "" {
		l.code = first(x.code)
	}
	for _, ref := range texts(r.Tree, x.who+".reference") {
		l.who = cmp.Or(staff[ref], "somebody else")
	}
	return l
}

// local is an instant as the practice writes it, without a zone; what is no instant stays as it is.
func local(text string, zone *time.Location) string {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at.In(zone).Format(time.DateTime)
	}
	return text
}

// TestWhatIsReleasedIsWhatTheTablesSay reads the practice's tables by itself, with nothing of the maps, and holds against them whatever anybody gets: a mistake
// of a map would look the same to all partners. And what a client may see of their own is all there.
func TestWhatIsReleasedIsWhatTheTablesSay(t *testing.T) {
	t.Parallel()
	c := sharedClinic(t)
	zone, err := time.LoadLocation(demo.Zone)
	must(t, err)
	all := everythingReleased(t)
	clients, staff := c.known(t, all)
	alone := c.rows(t, `SELECT CAST(id AS TEXT) FROM clients WHERE deleted=0 AND id NOT IN (SELECT client_id FROM documents WHERE category='legal') AND id NOT IN (SELECT client_id FROM diagnoses WHERE status='???')
		AND id NOT IN (SELECT p.client_id `+takePart+` WHERE s.kind IN ('couple','family'))`)
	if len(alone) < 20 {
		t.Errorf("of %d clients nothing is shared, compiled for a court or cannot be read", len(alone))
	}
	for _, x := range tables {
		rows, told := x.lines(t, c), x.told(all, clients, zone, staff)
		for _, d := range slices.Concat(x.wrong(rows, told), x.missing(rows, told, alone)) {
			t.Error(d)
		}
	}
}

// known are the clients and the practice's people, by the references that leave.
func (c *clinic) known(t *testing.T, all []resource) (clients, staff map[string]string) {
	t.Helper()
	clients, staff = map[string]string{}, map[string]string{}
	npis := map[string]string{}
	for _, k := range c.practice.Clients {
		clients["Patient/"+c.id(t, k)] = string(k)
	}
	for _, person := range c.rows(t, `SELECT id || ' ' || coalesce(npi, first_name || ' ' || last_name) FROM staff`) {
		key, npi, _ := strings.Cut(person, " ")
		npis[npi] = key
	}
	for _, r := range all {
		for _, known := range append(texts(r.Tree, "identifier.value"), strings.Join(append(texts(r.Tree, "name.given"), texts(r.Tree, "name.family")...), " ")) {
			if key := npis[known]; key != "" && r.Type == "Practitioner" {
				staff[r.ref()] = key
			}
		}
	}
	if len(staff) < 10 {
		t.Fatalf("%d of the practice's people are known", len(staff))
	}
	return clients, staff
}

// told are the lines of all that is released.
func (x table) told(all []resource, clients map[string]string, zone *time.Location, staff map[string]string) map[line]bool {
	told := map[line]bool{}
	for _, r := range all {
		if r.Type == x.typ {
			told[x.said(r, clients[texts(r.Tree, "subject.reference")[0]], zone, staff)] = true
		}
	}
	return told
}

// wrong says what is told and stands in no row.
func (x table) wrong(rows []line, told map[line]bool) (out []string) {
	have, wrong := map[line]bool{}, map[string]int{}
	for _, l := range rows {
		have[l] = true
		l.who = "" // whose scopes do not reach people is told of nobody
		have[l] = true
	}
	for l := range told {
		if !have[l] {
			wrong[nearest(rows, l)]++
		}
	}
	for what, n := range wrong {
		out = append(out, fmt.Sprintf("%d of %d %ss: no row says %s", n, len(told), x.typ, what))
	}
	return out
}

// missing says which rows of the clients who are alone with all that they have are told to nobody, and what nothing says that is told.
func (x table) missing(rows []line, told map[line]bool, alone []string) (out []string) {
	missing, filled := 0, line{}
	for _, l := range rows {
		if slices.Contains(alone, l.client) && !told[l] {
			missing++
		}
	}
	for l := range told {
		filled.when, filled.until, filled.code, filled.status, filled.who = cmp.Or(filled.when, l.when), cmp.Or(filled.until, l.until), cmp.Or(filled.code, l.code), cmp.Or(filled.status, l.status), cmp.Or(filled.who, l.who)
	}
	if missing > 0 {
		out = append(out, fmt.Sprintf("%d rows of %d are no %s to anybody", missing, len(rows), x.typ))
	}
	if len(told) < 20 || filled.when == "" || filled.status == "" || filled.who == "" || x.code != "" && filled.code == "" || x.until != "" && filled.until == "" {
		out = append(out, fmt.Sprintf("%d different %ss are released, or none has what is compared", len(told), x.typ))
	}
	return out
}

// nearest names what differs from the row that differs least.
func nearest(rows []line, l line) string {
	best := []string{"anything like it"}
	least := 9
	for _, r := range rows {
		var d []string
		for name, differs := range map[string]bool{"client": r.client != l.client, "when": r.when != l.when, "until": r.until != l.until, "code": r.code != l.code, "status": r.status != l.status, "who": r.who != l.who} {
			if differs {
				d = append(d, name)
			}
		}
		if len(d) < least {
			best, least = d, len(d)
		}
	}
	slices.Sort(best)
	return "the same " + strings.Join(best, ", ")
}
