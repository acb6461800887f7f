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
}

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

// wrongSignatures are the Provenances, and the documents, of a type's records that say what no row says.
func (c *clinic) wrongSignatures(t *testing.T, typ string, all []resource) (out []string) {
	t.Helper()
	zone, err := time.LoadLocation(demo.Zone)
	must(t, err)
	clients, staff := c.known(t, all)
	x := tables[slices.IndexFunc(tables, func(x table) bool { return x.typ == typ })]
	of := map[string]signed{}
	told, filled := map[signed]bool{}, signed{}
	for _, r := range all {
		if r.Type != typ {
			continue
		}
		l := x.said(r, clients[texts(r.Tree, "subject.reference")[0]], zone, staff)
		of[r.ref()] = signed{client: l.client, when: l.when}
		told[signed{client: l.client, when: l.when, author: l.who, attester: somebody(staff, texts(r.Tree, "authenticator.reference"))}] = true
	}
	for _, r := range all {
		if r.Type != "Provenance" {
			continue
		}
		agents := map[string]string{}
		for _, a := range at(r.Tree, "agent") {
			agents[texts(a, "type.coding.code")[0]] = somebody(staff, texts(a, "who.reference"))
		}
		for _, target := range texts(r.Tree, "target.reference") {
			if s, is := of[target]; is {
				s.recorded, s.author, s.attester, s.verifier = local(texts(r.Tree, "recorded")[0], zone), agents["author"], agents["attester"], agents["verifier"]
				told[s] = true
			}
		}
	}
	rows, wrong := c.signedRows(t, typ), map[string]int{}
	for s := range told {
		filled = signed{"", "", cmp.Or(filled.recorded, s.recorded), cmp.Or(filled.author, s.author), cmp.Or(filled.attester, s.attester), cmp.Or(filled.verifier, s.verifier)}
		if !slices.ContainsFunc(rows, s.fits) {
			wrong[s.nearest(rows)]++
		}
	}
	for what, n := range wrong {
		out = append(out, fmt.Sprintf("%d of %d %ss and what says who made them: no row says the same %s", n, len(told), typ, what))
	}
	if filled.recorded == "" || filled.author == "" || strings.Contains(signatures[typ], "signed_by") && filled.attester == "" || strings.Contains(signatures[typ], "cosigned_by") && filled.verifier == "" {
		out = append(out, fmt.Sprintf("no %s says who made it", typ))
	}
	return out
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

// TestAMapThatNamesSomebodyElseIsFound changes the maps of a clinic: they take another's key for who recorded a diagnosis, and the author for who signed a note beside.
func TestAMapThatNamesSomebodyElseIsFound(t *testing.T) {
	t.Parallel()
	c := changedClinic(t)
	changed := 0
	maps, err := filepath.Glob(filepath.Join(c.dir, "maps", "*.yaml"))
	must(t, err)
	for _, path := range maps {
		text, err := os.ReadFile(path)
		must(t, err)
		other := strings.NewReplacer(`recorded_by AS "by"`, `recorded_by % 5 + 1 AS "by"`, `cosigner: {practitioner: cosigner,`, `cosigner: {practitioner: author,`).Replace(string(text))
		if other != string(text) {
			changed++
		}
		must(t, os.WriteFile(path, []byte(other), 0o600))
	}
	if changed < 5 {
		t.Fatalf("%d maps are changed", changed)
	}
	must(t, c.open())
	t.Cleanup(func() { must(t, c.stop()) })
	all, _ := c.as(t, newDawn).all(t, "Practitioner?_count=200")
	for _, k := range c.practice.Clients {
		id := c.id(t, k)
		for _, typ := range []string{"Condition", "DocumentReference", "Provenance"} {
			found, _ := c.person(t, id, "Patient/"+id).all(t, typ+"?_count=200&patient="+id)
			all = append(all, found...)
		}
	}
	zone, err := time.LoadLocation(demo.Zone)
	must(t, err)
	clients, staff := c.known(t, all)
	conditions := tables[slices.IndexFunc(tables, func(x table) bool { return x.typ == "Condition" })]
	for what, found := range map[string][]string{
		"who":      conditions.wrong(conditions.lines(t, c), conditions.told(all, clients, zone, staff)),
		"author":   c.wrongSignatures(t, "Condition", all),
		"verifier": c.wrongSignatures(t, "DocumentReference", all),
	} {
		if !slices.ContainsFunc(found, func(d string) bool { return strings.HasSuffix(d, "the same "+what) }) {
			t.Errorf("the map's other %s is not found: %q", what, found)
		}
	}
}
