package ledger

import "github.com/consentry/gateway/internal/store"

var schema = []store.Migration{{
	Name: "commits, tips and checkpoints",
	SQL: `
CREATE TABLE commits (
	writer  BLOB NOT NULL,
	seq     INTEGER NOT NULL,
	hash    BLOB NOT NULL,
	records BLOB NOT NULL,
	PRIMARY KEY (writer, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE tips (
	writer     BLOB NOT NULL PRIMARY KEY,
	seq        INTEGER NOT NULL,
	hash       BLOB NOT NULL,
	checkpoint INTEGER NOT NULL,
	signature  BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE checkpoints (
	number    INTEGER NOT NULL PRIMARY KEY,
	prev      BLOB NOT NULL,
	at        INTEGER NOT NULL,
	moved     BLOB NOT NULL,
	signature BLOB NOT NULL
) STRICT, WITHOUT ROWID;
`,
}, {
	Name: "an index of whom the chains are about",
	SQL: `
CREATE TABLE segments (
	writer    BLOB NOT NULL,
	last      INTEGER NOT NULL,
	hash      BLOB NOT NULL,
	after     INTEGER NOT NULL,
	prev      BLOB NOT NULL,
	clients   BLOB NOT NULL,
	signature BLOB NOT NULL,
	PRIMARY KEY (writer, last)
) STRICT, WITHOUT ROWID;
`,
}}
