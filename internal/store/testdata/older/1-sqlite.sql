BEGIN TRANSACTION;
CREATE TABLE client_handles (
		handle INTEGER PRIMARY KEY AUTOINCREMENT,
		client_key TEXT NOT NULL UNIQUE
	) STRICT;
INSERT INTO "client_handles" VALUES(1,'client-1');
INSERT INTO "client_handles" VALUES(2,'client-2');
CREATE TABLE schema_migrations (
		step INTEGER PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL) STRICT;
INSERT INTO "schema_migrations" VALUES(1,'client handles','99e7ca7efab188073ae72b73f33b8794e5a29656c09d2a3ab766cff406748753');
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('client_handles',2);
COMMIT;
