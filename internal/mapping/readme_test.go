package mapping_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/consentry/gateway/profiles"
)

const elmStreet = `
CREATE TABLE facility (title TEXT, npi_no TEXT);
CREATE TABLE user_account (uid TEXT, given TEXT, family TEXT, npi_no TEXT, role TEXT);
CREATE TABLE person (person_no TEXT, given TEXT, family TEXT, born TEXT, sex TEXT);
CREATE TABLE appt (appt_id INTEGER, person_no TEXT, uid TEXT, begins TEXT, ends TEXT, state TEXT, svc_code TEXT, cash INTEGER);
CREATE TABLE chart_entry (entry_id INTEGER, person_no TEXT, appt_id INTEGER, entry_kind TEXT, body TEXT, uid TEXT, written TEXT, locked TEXT);
CREATE TABLE outside_org (org_no INTEGER, title TEXT, npi_no TEXT);
CREATE TABLE auth_form (form_no INTEGER, person_no TEXT, org_no INTEGER, signed TEXT, valid_to TEXT, withdrawn TEXT, what TEXT, why TEXT);
CREATE TABLE referral_in (ref_no INTEGER, person_no TEXT, org_no INTEGER);
INSERT INTO facility VALUES ('Elm Street Therapy', '1093817465');
INSERT INTO user_account VALUES ('mk', 'Mara', 'Kline', '1234567893', 'therapist'), ('fd', 'Front', 'Desk', NULL, 'desk');
INSERT INTO person VALUES ('P1', 'Ada', 'Lo', '1970-02-03', 'F'), ('P2', 'Ben', 'Ray', NULL, NULL);
INSERT INTO appt VALUES (1, 'P1', 'mk', '2026-11-02 09:00', '2026-11-02 09:50', 'held', '90834', 1), (2, 'P2', 'mk', '2026-11-03 09:00', NULL, 'missed', '90834', 0);
INSERT INTO chart_entry VALUES (1, 'P1', 1, 'SOAP', 'one', 'mk', '2026-11-02 10:00', '2026-11-02 10:05'), (2, 'P2', 2, 'DAP', 'two', 'mk', '2026-11-03 10:00', NULL),
	(3, 'P1', NULL, 'PRIVATE_STUB', '', 'mk', '2026-11-02 10:00', NULL);
INSERT INTO outside_org VALUES (1, 'Penobscot Primary Care', '1999009016');
INSERT INTO auth_form VALUES (1, 'P1', 1, '2026-09-01 08:00', '2027-06-30', NULL, 'all', 'care'), (2, 'P2', 1, '2026-09-01 08:00', NULL, NULL, 'the blue folder', 'care');
INSERT INTO referral_in VALUES (1, 'P1', 1);`

// The set of maps that the guide shows whole is one that loads, fits its tables and leaves nothing to look at.
func TestTheGuidesMapsMapASmallPractice(t *testing.T) {
	guide, err := profiles.FS.ReadFile("maps/README.md")
	if err != nil {
		t.Fatal(err)
	}
	maps := map[string]string{}
	for _, m := range regexp.MustCompile("(?s)```yaml\n# ([a-z]+\\.yaml)\n(.*?)```").FindAllStringSubmatch(string(guide), -1) {
		maps[m[1]] = m[2]
	}
	if len(maps) != 9 {
		t.Fatalf("%d maps", len(maps))
	}
	src := source(t, filled(t, elmStreet))
	got, err := load(t, maps).Check(t.Context(), src)
	if err != nil || !got.OK() || got.Clients != 2 {
		t.Fatalf("%v %+v", err, got)
	}
	mapped := map[string]int{}
	for _, r := range got.Maps {
		mapped[r.Map] = r.Mapped
	}
	for _, kind := range strings.Fields("practice practitioner referral note") {
		if mapped[kind] != 1 {
			t.Errorf("%d of %s, want 1", mapped[kind], kind)
		}
	}
	for _, kind := range strings.Fields("patient encounter organization release") {
		if mapped[kind] != 2 {
			t.Errorf("%d of %s, want 2", mapped[kind], kind)
		}
	}
	all, _, err := load(t, maps).MadeOf(t.Context(), src, "P2")
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		if strings.Contains(one.JSON, `"resourceType":"Consent"`) && !strings.Contains(one.JSON, `"class":[{"code":"none",`) {
			t.Errorf("words that nobody knows permit every kind: %s", one.JSON)
		}
	}
}
