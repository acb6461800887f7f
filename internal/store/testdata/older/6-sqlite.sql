BEGIN TRANSACTION;
CREATE TABLE app_grants (
	id      TEXT NOT NULL PRIMARY KEY,
	family  BLOB UNIQUE,
	secret  BLOB,
	app     TEXT NOT NULL,
	patient TEXT NOT NULL,
	person  TEXT NOT NULL,
	scope   TEXT NOT NULL,
	until   INTEGER NOT NULL,
	ended   INTEGER NOT NULL
, begun INTEGER NOT NULL DEFAULT 0, ended_by TEXT NOT NULL DEFAULT '', ended_at INTEGER NOT NULL DEFAULT 0, operator TEXT NOT NULL DEFAULT '', redeemed INTEGER NOT NULL DEFAULT 1) STRICT, WITHOUT ROWID;
INSERT INTO "app_grants" VALUES('grant-1',X'D34A569AB7AAA54DACD715AE64953455D86B768846CD0085EF4E9E7471489B7B',X'16367AACB67A4A017C8DA8AB95682CCB390863780F7114DDA0A0E0C55644C7C4','diary','Patient/p1','Patient/p1','patient/*.rs',4070908800,0,1793534400,'',0,'',1);
INSERT INTO "app_grants" VALUES('grant-2',NULL,NULL,'diary','Patient/p1','Patient/p1','patient/*.rs',4070908800,1,1793534400,'operator',1793534400,'somebody',1);
INSERT INTO "app_grants" VALUES('grant-3',NULL,NULL,'','','','',4070908800,1,0,'reuse',1793534400,'',1);
CREATE TABLE client_handles (
		handle INTEGER PRIMARY KEY AUTOINCREMENT,
		client_key TEXT NOT NULL UNIQUE
	) STRICT;
INSERT INTO "client_handles" VALUES(1,'client-1');
INSERT INTO "client_handles" VALUES(2,'client-2');
CREATE TABLE partners (
	id      TEXT NOT NULL PRIMARY KEY,
	entry   TEXT NOT NULL,
	enabled INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "partners" VALUES('clinic','entry of the clinic',1);
INSERT INTO "partners" VALUES('plan','entry of the plan',0);
CREATE TABLE revoked (
	mark  BLOB NOT NULL PRIMARY KEY,
	until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "revoked" VALUES(X'0102030000000000000000000000000000000000000000000000000000000000',4070908800000000000);
CREATE TABLE schema_migrations (
		step INTEGER PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL) STRICT;
INSERT INTO "schema_migrations" VALUES(1,'client handles','99e7ca7efab188073ae72b73f33b8794e5a29656c09d2a3ab766cff406748753');
INSERT INTO "schema_migrations" VALUES(2,'partners, and what is revoked','9a7b1558b9225438c2c0530353a665411069e1becfa48c1574a93902316b2b30');
INSERT INTO "schema_migrations" VALUES(3,'what clients have given to apps','4c29bba5bf834e115ce4b8c27640f7c2203fc35cf66aa7ce3c13b896112b08e2');
INSERT INTO "schema_migrations" VALUES(4,'since when apps have what they were given','ac0cde72ac75283c650d9053507dd92bfd3b4040cfce54076975142ca20467fd');
INSERT INTO "schema_migrations" VALUES(5,'who has ended what apps were given','e27df0ce56db4c27a1a427f8cb86c02e5a0d5c6db5e16f3c4061946f5254fcac');
INSERT INTO "schema_migrations" VALUES(6,'what apps were given and have not come for','cca77caa0279f2678a8170b0adc027efe7788117cf5e2ac37c63a97cd987e19d');
CREATE TABLE standing (version INTEGER NOT NULL) STRICT;
INSERT INTO "standing" VALUES(4);
CREATE INDEX app_grants_until ON app_grants (until);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('client_handles',2);
COMMIT;
