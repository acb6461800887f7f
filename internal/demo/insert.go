package demo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// inserter streams rows into one database: prepared statements, one transaction per batch. The first error sticks, so that the generator
// need not look at each row's.
type inserter struct {
	ctx   context.Context
	db    *sql.DB
	tx    *sql.Tx
	stmts map[string]*sql.Stmt
	rows  int
	err   error
}

// batchRows is how many rows a transaction holds.
const batchRows = 20_000

func newInserter(ctx context.Context, db *sql.DB) *inserter {
	return &inserter{ctx: ctx, db: db, stmts: map[string]*sql.Stmt{}}
}

// insert adds one row. columns is the list as SQL writes it; it is also the key of the prepared statement.
func (in *inserter) insert(table, columns string, values ...any) {
	if in.err != nil {
		return
	}
	if in.tx == nil {
		if in.tx, in.err = in.db.BeginTx(in.ctx, nil); in.err != nil {
			return
		}
	}
	stmt, err := in.statement(table, columns)
	if err != nil {
		in.err = err
		return
	}
	if _, err := stmt.ExecContext(in.ctx, values...); err != nil {
		in.err = fmt.Errorf("demo: insert into %s: %w", table, err)
		return
	}
	if in.rows++; in.rows%batchRows == 0 {
		in.flush()
	}
}

func (in *inserter) statement(table, columns string) (*sql.Stmt, error) {
	key := table + ":" + columns
	if s := in.stmts[key]; s != nil {
		return s, nil
	}
	marks := strings.Repeat(",?", strings.Count(columns, ",")+1)[1:]
	s, err := in.tx.PrepareContext(in.ctx, "INSERT INTO "+table+" ("+columns+") VALUES ("+marks+")")
	if err != nil {
		return nil, fmt.Errorf("demo: prepare insert into %s: %w", table, err)
	}
	in.stmts[key] = s
	return s, nil
}

// flush commits what was inserted so far.
func (in *inserter) flush() {
	if in.tx == nil {
		return
	}
	err := in.err
	if err == nil {
		err = in.tx.Commit()
	} else {
		err = errors.Join(err, in.tx.Rollback())
	}
	in.tx, in.err = nil, err
	clear(in.stmts)
}
