-- Psychotherapy notes (45 CFR 164.501) and SUD counseling notes (42 CFR 2.11), kept apart from the record by the therapists themselves.
CREATE TABLE psychotherapy_notes (
  id INTEGER PRIMARY KEY, client_id INTEGER NOT NULL, session_id INTEGER, kind TEXT NOT NULL, author_id INTEGER NOT NULL, written_at TEXT NOT NULL,
  body TEXT NOT NULL, canary TEXT NOT NULL UNIQUE);
