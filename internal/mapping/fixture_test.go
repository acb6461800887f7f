package mapping_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/practice/sqldb"
)

const clinicSchema = `
CREATE TABLE clients (id INTEGER PRIMARY KEY, family TEXT, given TEXT, sex TEXT, born DATE, changed DATETIME);
CREATE TABLE practice (id INTEGER PRIMARY KEY, name TEXT, npi TEXT);
CREATE TABLE staff (npi TEXT PRIMARY KEY, family TEXT, given TEXT);
CREATE TABLE encounters (id INTEGER PRIMARY KEY, client INTEGER, began DATETIME, ended DATETIME, npi TEXT);
CREATE TABLE notes (id INTEGER, client INTEGER, enc INTEGER, note_type TEXT, at DATETIME, s TEXT, o TEXT, npi TEXT, signed DATETIME, snpi TEXT,
  cosigned DATETIME, cnpi TEXT, sens TEXT);
CREATE TABLE organizations (id TEXT, client INTEGER, name TEXT, npi TEXT);
CREATE TABLE releases (id INTEGER, client INTEGER, state TEXT, signed DATE, until DATE, orgs TEXT, purposes TEXT);
CREATE TABLE referrals (id INTEGER PRIMARY KEY, client INTEGER, npi TEXT);`

const clinicRows = `
INSERT INTO clients VALUES (7,'Sommer','Ana','F','1990-04-01','2026-10-01 08:00:00'), (8,'Berg',NULL,'X',NULL,'2026-10-02 08:00:00');
INSERT INTO practice VALUES (1,'Lakeside <Therapy> & Co','1234567893');
INSERT INTO staff VALUES ('1111111112','Doe','Kim'), ('2222222228','Roe','Sam');
INSERT INTO encounters VALUES (70,7,'2026-10-05 09:00:00','2026-10-05 09:50:00','1111111112'), (71,8,'2026-10-06 09:00:00',NULL,NULL);
INSERT INTO notes VALUES
 (1,7,70,'soap','2026-10-05 10:00:00','Sleeps better.','Calm "today" <ok>' || char(8232),'1111111112','2026-10-05 11:00:00','1111111112','2026-10-06 08:00:00.250','2222222228','["SUD","R","http://loinc.org|x"]'),
 (2,7,NULL,'soap','2026-10-06 10:00:00','No encounter.',NULL,NULL,'2026-10-06 11:00:00',NULL,NULL,NULL,NULL),
 (3,7,70,'soap','2026-10-07 10:00:00','Unsigned.',NULL,'1111111112',NULL,NULL,NULL,NULL,NULL),
 (4,8,71,'soap','2026-10-08 10:00:00','Another client.',NULL,'1111111112','2026-10-08 11:00:00','1111111112',NULL,NULL,NULL);
INSERT INTO organizations VALUES ('ins',7,'Insurer',NULL), ('clinic',7,'Clinic','3333333334');
INSERT INTO releases VALUES (1,7,'signed','2026-01-02','2027-01-02','["ins","clinic"]','["TREAT","HPAYMT"]'), (2,8,'revoked','2026-01-03',NULL,'["ins"]','[]');
INSERT INTO referrals VALUES (1,7,'3333333334'), (2,7,NULL);`

// database writes the clinic's rows, and then what the test changes.
func database(t testing.TB, changes ...string) string {
	t.Helper()
	return filled(t, append([]string{clinicSchema, clinicRows}, changes...)...)
}

func filled(t testing.TB, statements ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clinic.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, one := range statements {
		if _, err := db.Exec(one); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func source(t testing.TB, path string) practice.Source {
	t.Helper()
	s, err := sqldb.Open(sqldb.Config{Database: "sqlite", Path: path, Zone: chicago,
		Separation: practice.Separation{Probes: []string{"SELECT 1 FROM psychotherapy_notes"}, Files: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}
