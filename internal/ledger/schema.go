package ledger

import "github.com/consentry/gateway/internal/store"

var schema = []store.Migration{{
	Name: "commits, tips and checkpoints",
	SQLite: `
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
	Postgres: `
CREATE TABLE commits (
	writer  BYTEA NOT NULL,
	seq     BIGINT NOT NULL,
	hash    BYTEA NOT NULL,
	records BYTEA NOT NULL,
	PRIMARY KEY (writer, seq)
);
CREATE TABLE tips (
	writer     BYTEA NOT NULL PRIMARY KEY,
	seq        BIGINT NOT NULL,
	hash       BYTEA NOT NULL,
	checkpoint BIGINT NOT NULL,
	signature  BYTEA NOT NULL
);
CREATE TABLE checkpoints (
	number    BIGINT NOT NULL PRIMARY KEY,
	prev      BYTEA NOT NULL,
	at        BIGINT NOT NULL,
	moved     BYTEA NOT NULL,
	signature BYTEA NOT NULL
);
`,
}, {
	Name: "an index of whom the chains are about",
	SQLite: `
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
	Postgres: `
CREATE TABLE segments (
	writer    BYTEA NOT NULL,
	last      BIGINT NOT NULL,
	hash      BYTEA NOT NULL,
	after     BIGINT NOT NULL,
	prev      BYTEA NOT NULL,
	clients   BYTEA NOT NULL,
	signature BYTEA NOT NULL,
	PRIMARY KEY (writer, last)
);
`,
}}
