package conformance

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/demo"
	"github.com/consentry/gateway/internal/practice"
)

// rows reads one text column of the practice's own record: what the test knows of a client besides what the gateway says.
func (c *clinic) rows(t testing.TB, query string, args ...any) []string {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+c.practice.Database+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	found, err := db.QueryContext(context.Background(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	var out []string
	for found.Next() {
		var s string
		if err := found.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// participants are in the practice's record, by number.
func (c *clinic) jointSessions(t testing.TB, client practice.ClientKey) int {
	t.Helper()
	return len(c.rows(t, `SELECT CAST(s.id AS TEXT) FROM sessions s JOIN session_participants x ON x.session_id = s.id WHERE x.client_id = ? AND s.kind IN ('couple','family') AND s.status = 'completed' AND x.attended AND NOT s.deleted`, string(client)))
}

func counts(of []resource) map[string]int {
	out := map[string]int{}
	for _, r := range of {
		out[r.Type]++
	}
	return out
}

// TestACoupleOfWhomBothSignedOrOne looks at the sessions that two clients share.
func TestACoupleOfWhomBothSignedOrOne(t *testing.T) {
	c := sharedClinic(t)
	s := c.practice.Story
	ask := c.as(t, harbor)
	for name, x := range map[string]struct {
		client practice.ClientKey
		both   bool
	}{"both signed": {s.Couple[0], true}, "both signed, the other": {s.Couple[1], true}, "one signed": {s.HalfCouple[0], false}} {
		joint := c.jointSessions(t, x.client)
		if joint == 0 {
			t.Fatalf("%s: the practice has no joint session", name)
		}
		id := c.id(t, x.client)
		chart := ask.chart(t, id)
		seen := 0
		for _, e := range ofType(chart, "Encounter") {
			if isJoint(c, t, e) {
				seen++
			}
		}
		if x.both && seen != joint || !x.both && seen != 0 {
			t.Errorf("%s: %d of %d joint sessions are released", name, seen, joint)
		}
		if len(chart) == 0 {
			t.Errorf("%s: nothing is released", name)
		}
		for _, other := range append(s.Couple[:], s.HalfCouple[:]...) {
			if other == x.client {
				continue
			}
			for _, r := range chart {
				if strings.Contains(string(r.Raw), c.id(t, other)) {
					t.Errorf("%s: a %s names the other of the couple", name, r.Type)
				}
			}
		}
	}
	if got := ask.chart(t, c.id(t, s.HalfCouple[1])); len(got) != 0 {
		t.Errorf("of the one who did not sign %d resources are released", len(got))
	}
	// In self-access a shared record goes to staff (design rule 20), whoever of the two asks.
	id := c.id(t, s.Couple[0])
	for _, e := range ofType(c.person(t, id, "Patient/"+id).chart(t, id), "Encounter") {
		if isJoint(c, t, e) {
			t.Error("a client's own app gets a session shared with another client")
		}
	}
}

// isJoint tells by the codes of couple and family psychotherapy (CPT 90846, 90847).
func isJoint(_ *clinic, t testing.TB, r resource) bool {
	t.Helper()
	return slices.ContainsFunc(codings(r.Tree, "type"), func(code string) bool { return strings.HasSuffix(code, "|90846") || strings.HasSuffix(code, "|90847") })
}

// TestMinorsAndTheirGuardians asks for minors by partner, as the guardian and as the child, before and after the birthday.
func TestMinorsAndTheirGuardians(t *testing.T) {
	c := sharedClinic(t)
	s := c.practice.Story
	ask := c.as(t, harbor)
	for who, x := range map[string]struct {
		client practice.ClientKey
		gets   bool
	}{"a minor whose guardian signed": {s.Minor, true}, "a minor for five more days": {s.AlmostAdult, true}, "of age since two days, the guardian's form on file": {s.ComingOfAge, false},
		"under a power of attorney": {s.Represented, true}} {
		id := c.id(t, x.client)
		if got := ask.chart(t, id); (len(got) > 0) != x.gets {
			t.Errorf("%s: the clinic gets %v", who, counts(got))
		}
		if a := ask.get(t, "Patient/"+id); (a.status == 200) != x.gets {
			t.Errorf("%s: the clinic reads the Patient with %d", who, a.status)
		}
	}
	for who, x := range map[string]struct {
		client practice.ClientKey
		gets   bool
	}{"a minor's": {s.Minor, true}, "an almost adult's": {s.AlmostAdult, true}, "a grown-up's former": {s.ComingOfAge, false}} {
		id := c.id(t, x.client)
		guardians := ofType(c.person(t, id, "Patient/"+id).chart(t, id), "RelatedPerson")
		if len(guardians) == 0 {
			t.Errorf("%s guardian: the client's own app shows none", who)
			continue
		}
		guardian := c.person(t, id, guardians[0].ref())
		if got := guardian.chart(t, id); (len(got) > 0) != x.gets {
			t.Errorf("%s guardian gets %v", who, counts(got))
		}
		if other := c.id(t, s.Referred); len(guardian.chart(t, other)) != 0 {
			t.Errorf("%s guardian gets another client's chart", who)
		}
	}
}

// TestTheClientsOwnApp reads the client's own chart and nobody else's, and never without a person.
func TestTheClientsOwnApp(t *testing.T) {
	c := sharedClinic(t)
	s := c.practice.Story
	id, other := c.id(t, s.Referred), c.id(t, s.Couple[0])
	mine := counts(c.person(t, id, "Patient/"+id).chart(t, id))
	for _, typ := range []string{"Patient", "Encounter", "DocumentReference", "Condition", "Consent"} {
		if mine[typ] == 0 {
			t.Errorf("a client's own app gets no %s: %v", typ, mine)
		}
	}
	for who, caller := range map[string]*caller{
		"with another's chart":    c.person(t, other, "Patient/"+id),
		"a machine":               c.mint(t, with(c.claims(myRecords), map[string]any{"scope": "patient/*.rs", "patient": id})),
		"system scopes":           c.mint(t, with(c.claims(myRecords), map[string]any{"sub": "u", "scope": "system/*.rs", "patient": id, "fhirUser": "Patient/" + id})),
		"an invented guardian":    c.person(t, id, "RelatedPerson/"+stranger()),
		"a practitioner":          c.person(t, id, "Practitioner/"+stranger()),
		"no person":               c.mint(t, with(c.claims(myRecords), map[string]any{"sub": "u", "scope": "patient/*.rs", "patient": id})),
		"no launch patient":       c.mint(t, with(c.claims(myRecords), map[string]any{"sub": "u", "scope": "patient/*.rs", "fhirUser": "Patient/" + id})),
		"another partner's token": c.mint(t, with(c.claims(northline), map[string]any{"sub": "u", "scope": "patient/*.rs", "patient": id, "fhirUser": "Patient/" + id})),
	} {
		for _, of := range []string{id, other} {
			for _, typ := range []string{"Patient?_id=" + of, "DocumentReference?patient=" + of, "Consent?patient=" + of} {
				if a := caller.get(t, typ); a.status == 200 && len(a.bundle(t).Matches) > 0 {
					t.Errorf("the app %s gets %s", who, withoutQuery(typ))
				}
			}
		}
	}
}

// selfPaid are the records of a client's self-paid sessions, as the client's own app has them: the Encounter, found by when it began, what points
// to it, and the Procedure of the same hour.
func (c *clinic) selfPaid(t *testing.T, client practice.ClientKey) map[string]bool {
	t.Helper()
	began := map[string]bool{}
	for _, local := range c.rows(t, "SELECT s.starts_at FROM sessions s JOIN session_participants x ON x.session_id=s.id WHERE x.client_id=? AND s.self_pay=1 AND s.status='completed' AND x.attended AND NOT s.deleted", string(client)) {
		at, err := time.ParseInLocation("2006-01-02 15:04:05", strings.Replace(local, "T", " ", 1), c.practice.Zone)
		if err != nil {
			t.Fatal("a session's time cannot be read")
		}
		began[at.UTC().Format(time.RFC3339)] = true
	}
	id := c.id(t, client)
	own := c.person(t, id, "Patient/"+id).chart(t, id)
	paid := map[string]bool{}
	for _, r := range own {
		for _, start := range slices.Concat(texts(r.Tree, "period.start"), texts(r.Tree, "performedPeriod.start"), texts(r.Tree, "performedDateTime")) {
			if at, err := time.Parse(time.RFC3339, start); err == nil && began[at.UTC().Format(time.RFC3339)] {
				paid[r.ref()] = true
			}
		}
	}
	if len(began) == 0 || len(paid) < 2*len(began) {
		t.Fatalf("%d self-paid sessions, %d records of them", len(began), len(paid))
	}
	for _, r := range own {
		if r.Type == "Consent" {
			continue // the restriction itself names the session
		}
		r.eachReference(func(ref string) {
			if paid[ref] && strings.HasPrefix(ref, "Encounter/") {
				paid[r.ref()] = true
			}
		})
	}
	return paid
}

// TestASelfPaidSessionIsNotTheInsurers looks for anything of a self-paid session, or that points to it.
func TestASelfPaidSessionIsNotTheInsurers(t *testing.T) {
	c := sharedClinic(t)
	s := c.practice.Story
	insurer := c.as(t, blueriver)
	checked := 0
	for _, client := range []practice.ClientKey{s.Referred, s.SelfPaid} {
		id := c.id(t, client)
		paid := c.selfPaid(t, client)
		got := insurer.chart(t, id)
		for _, r := range got {
			if paid[r.ref()] {
				t.Errorf("the insurer gets a self-paid %s", r.Type)
			}
			r.eachReference(func(ref string) {
				if paid[ref] {
					t.Errorf("a %s that the insurer gets points to a self-paid record", r.Type)
				}
			})
		}
		for ref := range paid {
			checked++
			if a := insurer.get(t, ref); a.status != 404 {
				t.Errorf("the insurer reads a self-paid %s: %d", strings.SplitN(ref, "/", 2)[0], a.status)
			}
			typ, rid, _ := strings.Cut(ref, "/")
			for _, q := range []string{typ + "?_id=" + rid, typ + "?patient=" + id + "&_id=" + rid, "Provenance?patient=" + id + "&target=" + ref, "Observation?patient=" + id + "&encounter=" + rid} {
				if b := insurer.get(t, q).bundle(t); len(b.Matches) > 0 {
					t.Errorf("the insurer finds a self-paid %s by %s", typ, withoutQuery(q))
				}
			}
		}
	}
	if id := c.id(t, s.Referred); len(insurer.chart(t, id)) < 20 || checked < 10 {
		t.Errorf("the insurer gets %d resources of the referred client, %d self-paid ones were checked", len(insurer.chart(t, id)), checked)
	}
}

// TestPart2RecordsGoToWhoHoldsAPart2Consent compares who gets records of the substance use programme, with the notice that must go with them.
func TestPart2RecordsGoToWhoHoldsAPart2Consent(t *testing.T) {
	c := sharedClinic(t)
	s := c.practice.Story
	var holders = map[string]bool{} // clients who signed a Part 2 consent of any kind
	for _, shape := range []demo.Shape{demo.Part2TPO, demo.Part2Named} {
		for _, f := range c.practice.Shapes[shape] {
			holders[string(f.Client)] = true
		}
	}
	isPart2 := func(r resource) bool {
		return slices.ContainsFunc(r.labels(), func(l string) bool { return slices.Contains([]string{"42CFRPart2", "SUD", "ETHUD", "OPIOIDUD"}, l) })
	}
	total := map[string]int{}
	for _, partner := range machines {
		ask := c.as(t, partner)
		for _, client := range c.practice.Clients {
			for _, r := range ask.chart(t, c.id(t, client)) {
				if !isPart2(r) {
					continue
				}
				total[partner]++
				if !holders[string(client)] {
					t.Errorf("%s gets a Part 2 %s of a client who signed no Part 2 consent", partner, r.Type)
				}
				a := ask.get(t, r.ref())
				if slices.Contains(r.labels(), "42CFRPart2") && a.header.Get("Redisclosure-Notice") == "" {
					t.Errorf("%s reads a Part 2 %s without the notice of 42 CFR 2.32", partner, r.Type)
				}
			}
		}
	}
	if total[newDawn] == 0 || total[northline]+total[reyes] > 0 {
		t.Errorf("Part 2 records by partner: %v", total)
	}
	for _, r := range c.as(t, harbor).chart(t, c.id(t, s.Referred)) {
		if isPart2(r) {
			t.Errorf("the referring clinic gets a %s that the client excepted", r.Type)
		}
	}
	b := c.as(t, newDawn).get(t, "DocumentReference?patient="+c.id(t, s.Part2)).bundle(t)
	if len(b.Matches) == 0 || len(b.Outcomes) == 0 || !strings.Contains(string(b.Outcomes[0].Raw), "42 CFR part 2") {
		t.Errorf("%d Part 2 documents, %d notices", len(b.Matches), len(b.Outcomes))
	}
}

// TestAnEmployerGetsWhatNamesItAndNothingElse asks for every client.
func TestAnEmployerGetsNothingUnlessAFormNamesIt(t *testing.T) {
	c := sharedClinic(t)
	named := map[practice.ClientKey]bool{}
	for _, f := range c.practice.Shapes[demo.ToEmployer] {
		named[f.Client] = true
	}
	ask := c.as(t, northline)
	for _, client := range c.practice.Clients {
		got := ask.chart(t, c.id(t, client))
		if len(got) > 0 && !named[client] {
			t.Errorf("the employer gets %v of a client who named no employer", counts(got))
		}
		for _, r := range got {
			if !slices.Contains([]string{"Patient", "Encounter", "Procedure", "Provenance"}, r.Type) {
				t.Errorf("the employer gets a %s", r.Type)
			}
		}
	}
	for _, typ := range []string{"DocumentReference", "Condition", "Observation", "MedicationRequest", "CarePlan", "Goal", "Consent"} {
		if a := ask.get(t, typ+"?patient="+c.id(t, c.practice.Story.Referred)); a.status != 403 {
			t.Errorf("the employer searches %s: %d", typ, a.status)
		}
	}
}

// TestReferencesLeadSomewhere follows every reference of what is released: to what the same partner can read, or it would tell of what is
// withheld.
func TestReferencesLeadSomewhere(t *testing.T) {
	t.Parallel()
	c := sharedClinic(t)
	for _, partner := range machines {
		ask := c.as(t, partner)
		checked := map[string]int{}
		for _, client := range c.practice.Clients {
			for _, r := range ask.chart(t, c.id(t, client)) {
				r.eachReference(func(ref string) {
					if _, known := checked[ref]; !known {
						checked[ref] = ask.get(t, ref).status
					}
					// A minimal scope may not cover the type that a reference leads to: that is 403 for every id alike.
					if status := checked[ref]; status != 200 && !(partner == northline && status == 403) {
						t.Errorf("%s: a reference of a %s leads to a %s that answers %d", partner, r.Type, strings.SplitN(ref, "/", 2)[0], status)
					}
				})
			}
		}
		if partner == harbor && len(checked) < 50 {
			t.Errorf("only %d references were followed", len(checked))
		}
	}
}

// TestReferencesLeadSomewhereInOnesOwnApp is the same for clients in person. Who wrote a record is named to them, but patient/ scopes end with the
// chart: the practice's own staff and sites cannot be read.
func TestReferencesLeadSomewhereInOnesOwnApp(t *testing.T) {
	c := sharedClinic(t)
	s := c.practice.Story
	for _, client := range []practice.ClientKey{s.Referred, s.Couple[0], s.Minor, s.SelfPaid} {
		id := c.id(t, client)
		ask := c.person(t, id, "Patient/"+id)
		checked := map[string]int{}
		for _, r := range ask.chart(t, id) {
			r.eachReference(func(ref string) {
				if _, known := checked[ref]; !known {
					checked[ref] = ask.get(t, ref).status
				}
				staff := strings.HasPrefix(ref, "Practitioner/") || strings.HasPrefix(ref, "Organization/")
				if checked[ref] != 200 && !(staff && checked[ref] == 404) {
					t.Errorf("a reference of a %s leads to a %s that answers %d", r.Type, strings.SplitN(ref, "/", 2)[0], checked[ref])
				}
			})
		}
		if len(checked) < 5 {
			t.Errorf("only %d references were followed", len(checked))
		}
	}
}

// TestReadAndSearchAgree finds each released resource by read, by _id and by _id with its client, with the same content.
func TestReadAndSearchAgree(t *testing.T) {
	c := sharedClinic(t)
	id := c.id(t, c.practice.Story.Referred)
	ask := c.as(t, harbor)
	for _, r := range ask.chart(t, id) {
		read := ask.get(t, r.ref()).resource(t)
		if string(read.Raw) != string(r.Raw) {
			t.Errorf("a %s differs by read and by search", r.Type)
		}
		b := ask.get(t, fmt.Sprintf("%s?_id=%s", r.Type, r.ID)).bundle(t)
		if len(b.Matches) != 1 || string(b.Matches[0].Raw) != string(r.Raw) {
			t.Errorf("a %s differs by _id: %d matches", r.Type, len(b.Matches))
		}
	}
}
