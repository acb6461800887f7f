package conformance

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/demo"
)

// signed is who made a record: when it happened, when it was recorded, who wrote it, who signed and who signed beside.
type signed struct{ client, when, recorded, author, attester, verifier string }

// signatures are what the tables say of that, by type; each row is a record of its client.
var signatures = map[string]string{
	"Encounter":         `SELECT p.client_id, s.starts_at, s.updated_at, s.staff_id, NULL, NULL ` + takePart + ` WHERE ` + finished,
	"Condition":         `SELECT client_id, recorded_at, recorded_at, recorded_by, NULL, NULL FROM diagnoses WHERE deleted=0 AND status<>'entered_in_error'`,
	"MedicationRequest": `SELECT client_id, prescribed_at, prescribed_at, prescribed_by, NULL, NULL FROM medications WHERE deleted=0`,
	"Observation":       `SELECT client_id, taken_at, taken_at, administered_by, NULL, NULL FROM assessments WHERE deleted=0 AND status<>'void' AND total IS NOT NULL`,
	"CarePlan":          `SELECT client_id, starts_on, signed_at, staff_id, signed_by, NULL FROM treatment_plans WHERE deleted=0 AND status<>'draft' AND signed_at IS NOT NULL`,
	"DocumentReference": `SELECT c.id, n.written_at, n.signed_at, n.author_id, n.signed_by, CASE WHEN n.cosigned_at IS NOT NULL THEN n.cosigned_by END FROM notes n ` + subjects + ` WHERE ` + inForce + `
		UNION ALL SELECT client_id, uploaded_at, uploaded_at, uploaded_by, NULL, NULL FROM documents WHERE deleted=0 AND status='final' AND content IS NOT NULL`,
	"Goal": `SELECT g.client_id, g.starts_on, p.signed_at, p.staff_id, NULL, NULL FROM plan_goals g JOIN treatment_plans p ON p.id=g.plan_id AND p.client_id=g.client_id
		WHERE g.deleted=0 AND p.deleted=0 AND p.status<>'draft' AND p.signed_at IS NOT NULL`,
	"Patient": `SELECT id, birth_date, updated_at, created_by, NULL, NULL FROM clients WHERE deleted=0`,
	// A form is signed by its client, or by a contact who may act for them; who else has signed is nobody's record.
	"Consent": `SELECT r.client_id, r.signed_at, NULL, CASE WHEN r.signed_by_contact IS NULL THEN 'the client' ELSE coalesce((SELECT concat_ws(' ', k.first_name, k.last_name, k.phone)
		FROM client_contacts k WHERE k.id=r.signed_by_contact AND k.client_id=r.client_id AND k.is_legal_representative=1 AND k.deleted=0), 'somebody else') END, NULL, NULL FROM releases r WHERE r.deleted=0`,
}

// stated are what of that a resource says itself, where no other test compares it.
var stated = []table{{typ: "Patient", when: "birthDate"}, {typ: "Consent", when: "dateTime", who: "performer"}}

// signedRows reads a table.
func (c *clinic) signedRows(t *testing.T, typ string) (out []signed) {
	t.Helper()
	for _, text := range c.rows(t, `SELECT concat_ws(char(31), CAST(a AS TEXT), ifnull(b,''), ifnull(c,''), ifnull(d,''), ifnull(e,''), ifnull(f,'')) FROM (SELECT NULL a, NULL b, NULL c, NULL d, NULL e, NULL f WHERE 0 UNION ALL `+signatures[typ]+`)`) {
		f := strings.Split(text, "\x1f")
		out = append(out, signed{f[0], f[1], f[2], f[3], f[4], f[5]})
	}
	return out
}

// fits says whether a row says whatever is told. Who may not see people is told of none.
func (told signed) fits(row signed) bool {
	return told.client == row.client && told.when == row.when && (told.recorded == "" || told.recorded == row.recorded) &&
		(told.author == "" || told.author == row.author) && (told.attester == "" || told.attester == row.attester) && (told.verifier == "" || told.verifier == row.verifier)
}

// wrongSignatures are the Provenances, and the records themselves, of a type that say what no row says.
func (c *clinic) wrongSignatures(t *testing.T, typ string, all []resource) (out []string) {
	t.Helper()
	told, rows := c.toldSignatures(t, typ, all), c.signedRows(t, typ)
	wrong, filled, there := map[string]int{}, signed{}, signed{}
	for s := range told {
		filled = filled.or(s)
		if !slices.ContainsFunc(rows, s.fits) {
			wrong[s.nearest(rows)]++
		}
	}
	for what, n := range wrong {
		out = append(out, fmt.Sprintf("%d of %d %ss and what says who made them: no row says the same %s", n, len(told), typ, what))
	}
	for _, r := range rows {
		there = there.or(r)
	}
	if there.author == "" || (there.recorded == "") != (filled.recorded == "") || filled.author == "" || (there.attester == "") != (filled.attester == "") || (there.verifier == "") != (filled.verifier == "") {
		out = append(out, fmt.Sprintf("no %s says who made it", typ))
	}
	return out
}

// or has whatever one of two says.
func (told signed) or(o signed) signed {
	return signed{"", "", cmp.Or(told.recorded, o.recorded), cmp.Or(told.author, o.author), cmp.Or(told.attester, o.attester), cmp.Or(told.verifier, o.verifier)}
}

// toldSignatures are what the records of a type, and the Provenances of them, say of who made them.
func (c *clinic) toldSignatures(t *testing.T, typ string, all []resource) map[signed]bool {
	t.Helper()
	zone, err := time.LoadLocation(demo.Zone)
	must(t, err)
	clients, people := c.knownSigners(t, all)
	compared := slices.Concat(tables, stated)
	x := compared[slices.IndexFunc(compared, func(x table) bool { return x.typ == typ })]
	of, told := map[string]signed{}, map[signed]bool{}
	for _, r := range all {
		if r.Type != typ || slices.Contains(texts(r.Tree, "meta.profile"), ours+"consent-extract") { // an extract does not say who signed
			continue
		}
		whose := slices.Concat(texts(r.Tree, "subject.reference"), texts(r.Tree, "patient.reference"), []string{r.ref()})[0]
		l := x.said(r, clients[whose], zone, people)
		if typ == "Consent" {
			l.who = cmp.Or(l.who, "nobody") // its client sees it whole
		}
		of[r.ref()] = signed{client: l.client, when: l.when}
		told[signed{client: l.client, when: l.when, author: l.who, attester: somebody(people, texts(r.Tree, "authenticator.reference"))}] = true
	}
	for _, r := range all {
		if r.Type != "Provenance" {
			continue
		}
		agents := map[string]string{}
		for _, a := range at(r.Tree, "agent") {
			agents[texts(a, "type.coding.code")[0]] = somebody(people, texts(a, "who.reference"))
		}
		for _, target := range texts(r.Tree, "target.reference") {
			if s, is := of[target]; is {
				s.recorded, s.author, s.attester, s.verifier = local(texts(r.Tree, "recorded")[0], zone), agents["author"], agents["attester"], agents["verifier"]
				told[s] = true
			}
		}
	}
	return told
}

// knownSigners are the clients, and all who may sign: the practice's people, by their keys, clients and those who may act for them.
func (c *clinic) knownSigners(t *testing.T, all []resource) (clients, people map[string]string) {
	t.Helper()
	clients, people = c.known(t, all)
	for _, r := range all {
		switch r.Type {
		case "Patient":
			people[r.ref()] = "the client"
		case "RelatedPerson":
			people[r.ref()] = strings.Join(slices.Concat(texts(r.Tree, "name.given"), texts(r.Tree, "name.family"), texts(r.Tree, "telecom.value")), " ")
		}
	}
	return clients, people
}

// somebody is the practice's own person who is named, "somebody else", or nobody.
func somebody(staff map[string]string, refs []string) string {
	if len(refs) == 0 {
		return ""
	}
	return cmp.Or(staff[refs[0]], "somebody else")
}

// nearest names what differs from the row that differs least.
func (told signed) nearest(rows []signed) string {
	best, least := "record", 9
	for _, r := range rows {
		if r.client != told.client || r.when != told.when {
			continue
		}
		var d []string
		for _, f := range [][3]string{{"recorded", told.recorded, r.recorded}, {"author", told.author, r.author}, {"attester", told.attester, r.attester}, {"verifier", told.verifier, r.verifier}} {
			if f[1] != "" && f[1] != f[2] {
				d = append(d, f[0])
			}
		}
		if len(d) < least {
			best, least = strings.Join(d, ", "), len(d)
		}
	}
	return best
}

// TestWhoMadeARecordIsWhomTheTablesSay: recorders, authors and signers, in the records and in their Provenances.
func TestWhoMadeARecordIsWhomTheTablesSay(t *testing.T) {
	t.Parallel()
	c := sharedClinic(t)
	for typ := range signatures {
		for _, d := range c.wrongSignatures(t, typ, everythingReleased(t)) {
			t.Error(d)
		}
	}
}

// TestAMapThatNamesSomebodyElseIsFound changes the maps of a clinic: they take another's key for who recorded a diagnosis or a client, the author for who signed a note beside,
// the client for who signed a form, and another time for when a goal was.
func TestAMapThatNamesSomebodyElseIsFound(t *testing.T) {
	t.Parallel()
	c := changedClinic(t)
	changed := 0
	maps, err := filepath.Glob(filepath.Join(c.dir, "maps", "*.yaml"))
	must(t, err)
	for _, path := range maps {
		text, err := os.ReadFile(path)
		must(t, err)
		other := strings.NewReplacer(`recorded_by AS "by"`, `recorded_by % 5 + 1 AS "by"`, `cosigner: {practitioner: cosigner,`, `cosigner: {practitioner: author,`,
			`status, created_by AS "by"`, `status, created_by % 5 + 1 AS "by"`, `provenance: {recorded: signed, author: {practitioner: by}}`, `provenance: {recorded: created, author: {practitioner: by}}`,
			`r.signed_by_contact AS signer`, `NULL AS signer`).Replace(string(text))
		if other != string(text) {
			changed++
		}
		must(t, os.WriteFile(path, []byte(other), 0o600))
	}
	if changed < 9 {
		t.Fatalf("%d maps are changed", changed)
	}
	must(t, c.open())
	t.Cleanup(func() { must(t, c.stop()) })
	all, _ := c.as(t, newDawn).all(t, "Practitioner?_count=200")
	for _, k := range c.practice.Clients {
		id := c.id(t, k)
		for _, typ := range []string{"Condition", "Consent", "DocumentReference", "Goal", "Patient", "Provenance", "RelatedPerson"} {
			query := map[bool]string{true: "?_id=", false: "?_count=200&patient="}[typ == "Patient"] + id
			found, _ := c.person(t, id, "Patient/"+id).all(t, typ+query)
			all = append(all, found...)
		}
	}
	zone, err := time.LoadLocation(demo.Zone)
	must(t, err)
	clients, staff := c.known(t, all)
	conditions := tables[slices.IndexFunc(tables, func(x table) bool { return x.typ == "Condition" })]
	for what, found := range map[string][]string{
		"recorded": c.wrongSignatures(t, "Goal", all),
		"who":      conditions.wrong(conditions.lines(t, c), conditions.told(all, clients, zone, staff)),
		"author":   c.wrongSignatures(t, "Condition", all),
		"verifier": c.wrongSignatures(t, "DocumentReference", all),
	} {
		if !slices.ContainsFunc(found, func(d string) bool { return strings.HasSuffix(d, "the same "+what) }) {
			t.Errorf("the map's other %s is not found: %q", what, found)
		}
	}
	for _, typ := range []string{"Patient", "Consent"} {
		if found := c.wrongSignatures(t, typ, all); !slices.ContainsFunc(found, func(d string) bool { return strings.HasSuffix(d, "the same author") }) {
			t.Errorf("another author of a %s is not found: %q", typ, found)
		}
	}
}
