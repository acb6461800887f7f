package main

import (
	"context"
	"net/http"
	"time"
)

// optOut is a form by which a client refuses all sharing.
const optOut = `INSERT INTO releases (id, client_id, form, form_version, status, signed_at, entire_record, entered_at, updated_at)
	VALUES ((SELECT max(id)+1 FROM releases), ?1, 'opt_out', '3.1', 'active', ?2, 1, '2020-01-01 10:00:00', '2020-01-01 10:00:00')`

// fillers are forms that say nothing about sharing.
const fillers = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<300) INSERT INTO releases (id, client_id, form, form_version, status, signed_at, entire_record, entered_at, updated_at)
	SELECT (SELECT max(id) FROM releases)+i, ?1, 'npp_ack', '3.1', 'active', '2021-01-01 10:00:00', 0, '2021-01-01 10:00:00', '2021-01-01 10:00:00' FROM n`

func denyWins(p *probe) {
	x, restore := begin(p)
	last := must(column[int64](p.ctx(), p.s.books.db, "SELECT max(id) FROM releases"))(p)[0]
	back := func() {
		x.exec(context.WithoutCancel(p.ctx()), "DELETE FROM releases WHERE id > ?", last)
		restore()
	}
	defer back()
	add := func(signed any) { x.exec(p.ctx(), optOut, x.of.Key, signed) }
	x.each(back, map[string]func(){
		"with an opt-out of before the permits": func() { add("2020-01-01 10:00:00") },
		"with an opt-out of today":              func() { add(time.Now().In(p.s.m.zone).Add(-time.Minute).Format(time.DateTime)) },
		"with an undated opt-out":               func() { add(nil) },
		"with an opt-out behind 300 forms": func() {
			x.exec(p.ctx(), fillers, x.of.Key)
			add("2020-01-01 10:00:00")
		},
		"with an opt-out before 300 forms": func() {
			add("2020-01-01 10:00:00")
			x.exec(p.ctx(), fillers, x.of.Key)
		},
		"with an opt-out of an unknown status": func() {
			add("2020-01-01 10:00:00")
			x.exec(p.ctx(), "UPDATE releases SET status='perhaps' WHERE id > ?", last)
		},
	})
}

// exec changes the practice.
func (x *change) exec(ctx context.Context, statement string, args ...any) {
	if _, err := x.p.s.books.db.ExecContext(ctx, statement, args...); err != nil {
		x.p.broken("the practice cannot be changed: %v", err)
	}
}

// reclassified finds a released note in the practice's record and makes it one that must not leave, in each way.
func reclassified(p *probe) {
	if p.s.readOnly {
		p.notApplicable("--read-only")
	}
	x, note := p.releasedNote()
	const columns = "note_type, status, signed_at, deleted"
	var kind, status, signedAt string
	var deleted int64
	if err := p.s.books.db.QueryRowContext(p.ctx(), "SELECT "+columns+" FROM notes WHERE id=?", note).Scan(&kind, &status, &signedAt, &deleted); err != nil {
		p.broken("the note cannot be read: %v", err)
	}
	restore := func() {
		x.exec(context.WithoutCancel(p.ctx()), "UPDATE notes SET note_type=?, status=?, signed_at=?, deleted=? WHERE id=?", kind, status, signedAt, deleted, note)
	}
	defer restore()
	for what, assignment := range map[string]string{"a psychotherapy note": "note_type='psychotherapy_stub'", "of a kind that nobody knows": "note_type='diary'", "of no kind": "note_type=''", "a draft": "status='draft'", "unsigned": "signed_at=NULL", "deleted": "deleted=1"} {
		before := x.c.get(x.seen.ref())
		if before.status != http.StatusOK {
			p.broken("the note is not released before it is changed")
		}
		provenance, _ := x.c.get("Provenance?_count=200&target=" + x.seen.ref() + "&patient=" + x.of.ID).bundle()
		x.exec(p.ctx(), "UPDATE notes SET "+assignment+" WHERE id=?", note)
		requests := ways("DocumentReference", x.of.ID)
		one := get("DocumentReference/{ID}")
		p.same(x.c, "a note that is now "+what, x.seen.id, append(requests, one.with("If-None-Match", before.header.Get("Etag")), one.with("If-Modified-Since", before.header.Get("Last-Modified")), request{method: http.MethodHead, path: one.path})...)
		for _, e := range provenance.entries {
			p.same(x.c, "the Provenance of a note that is now "+what, e.id, get("Provenance/{ID}"), get("Provenance?_id={ID}"))
		}
		restore()
	}
}

// releasedNote is a document that a partner gets, and the row of the practice's notes that it was made of.
func (p *probe) releasedNote() (*change, int64) {
	for _, f := range p.focuses() {
		for _, d := range f.own.ofType("DocumentReference") {
			at, err := time.Parse(time.RFC3339, d.text("date"))
			if err != nil || len(d.texts("context.encounter.reference")) == 0 {
				continue
			}
			rows := must(column[int64](p.ctx(), p.s.books.db, "SELECT id FROM notes WHERE client_id=? AND written_at=? AND deleted=0 AND signed_at IS NOT NULL AND note_type IN ('soap','dap','sud_progress','group_progress','intake')", f.of.Key, at.In(p.s.m.zone).Format(time.DateTime)))(p)
			if len(rows) == 1 {
				return &change{p: p, who: f.who, of: f.of, c: p.as(f.who), seen: d}, rows[0]
			}
		}
	}
	p.need(false, "no released note whose row is known")
	return nil, 0
}
