package demo

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/consentry/gateway/internal/practice"
)

// Note is a note that a test or the story writes into the record.
type Note struct {
	Client  practice.ClientKey
	Session int64
	Kind    string // as in notes.note_type: soap, dap, ...
	Author  int64  // staff.id
	At      time.Time
	Body    string
	Status  string // draft, unsigned, signed
}

// InsertNote writes a note and gives its id. A signed note is signed by its author.
func (w *Writer) InsertNote(ctx context.Context, n Note) (int64, error) {
	client, err := clientID(n.Client)
	if err != nil {
		return 0, err
	}
	at := local(n.At.In(w.zone))
	var signedAt, signedBy any
	if n.Status == "signed" {
		signedAt, signedBy = at, nullID(n.Author)
	}
	var id int64
	err = w.inTransaction(ctx, func(add adder) error {
		id = add("notes", noteColumns, client, nullID(n.Session), n.Kind, nullID(n.Author), nil, at, null(n.Body), nil, nil, nil, null(n.Body), null(n.Body), n.Status,
			signedAt, signedBy, false, nil, nil, nil, at, false)
		return nil
	})
	return id, err
}

// UpdateNote changes the text of a note in place.
func (w *Writer) UpdateNote(ctx context.Context, id int64, body string, at time.Time) error {
	return w.one(ctx, "UPDATE notes SET subjective=?, data=?, body=?, updated_at=? WHERE id=?", body, body, body, local(at.In(w.zone)), id)
}

// SignNote signs a draft.
func (w *Writer) SignNote(ctx context.Context, id, staff int64, at time.Time) error {
	when := local(at.In(w.zone))
	return w.one(ctx, "UPDATE notes SET status='signed', signed_at=?, signed_by=?, updated_at=? WHERE id=? AND signed_at IS NULL", when, staff, when, id)
}

// DeleteNote deletes a note as the EHR does: softly.
func (w *Writer) DeleteNote(ctx context.Context, id int64, at time.Time) error {
	return w.one(ctx, "UPDATE notes SET deleted=1, updated_at=? WHERE id=?", local(at.In(w.zone)), id)
}

// RemoveNote removes a note's row for good.
func (w *Writer) RemoveNote(ctx context.Context, id int64) error {
	return w.one(ctx, "DELETE FROM notes WHERE id=?", id)
}

// MarkSelfPaid says of a session whether the client paid for it themselves.
func (w *Writer) MarkSelfPaid(ctx context.Context, session int64, paid bool) error {
	return w.one(ctx, "UPDATE sessions SET self_pay=? WHERE id=?", paid, session)
}

// clientID is the number of the client.
func clientID(key practice.ClientKey) (int64, error) {
	id, err := strconv.ParseInt(string(key), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("demo: a client key of this practice is a number: %w", strconv.ErrSyntax)
	}
	return id, nil
}

// Releases are the ids of a client's forms, oldest first.
func (w *Writer) Releases(ctx context.Context, client practice.ClientKey) ([]int64, error) {
	return w.ids(ctx, "SELECT id FROM releases WHERE client_id=? AND NOT deleted ORDER BY id", string(client))
}

// Notes are the ids of a client's notes of a kind, oldest first.
func (w *Writer) Notes(ctx context.Context, client practice.ClientKey, kind string) ([]int64, error) {
	return w.ids(ctx, "SELECT id FROM notes WHERE client_id=? AND note_type=? ORDER BY written_at, id", string(client), kind)
}

func (w *Writer) ids(ctx context.Context, query string, args ...any) ([]int64, error) {
	rows, err := w.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("demo: read ids: %w", err)
	}
	defer rows.Close()
	var out []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("demo: read ids: %w", err)
		}
		out = append(out, id)
	}
	return out, rows.Err()
}
