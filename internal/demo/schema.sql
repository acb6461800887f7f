-- The practice's own record, as a small EHR keeps it. Times are local, without a zone. `deleted` is a soft delete.
CREATE TABLE sites (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, npi TEXT, phone TEXT, street TEXT, city TEXT, state TEXT, zip TEXT,
  is_main INTEGER NOT NULL DEFAULT 0, active INTEGER NOT NULL DEFAULT 1);

CREATE TABLE staff (
  id INTEGER PRIMARY KEY, username TEXT NOT NULL UNIQUE, first_name TEXT NOT NULL, last_name TEXT NOT NULL, credentials TEXT, npi TEXT,
  position TEXT NOT NULL, work_email TEXT, work_phone TEXT, supervisor_id INTEGER, site_id INTEGER, active INTEGER NOT NULL DEFAULT 1);

CREATE TABLE organizations (
  id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, name TEXT NOT NULL, kind TEXT NOT NULL, npi TEXT, naic TEXT, ein TEXT, phone TEXT,
  street TEXT, city TEXT, state TEXT, zip TEXT, active INTEGER NOT NULL DEFAULT 1);

CREATE TABLE outside_people (
  id INTEGER PRIMARY KEY, organization_id INTEGER, first_name TEXT NOT NULL, last_name TEXT NOT NULL, credentials TEXT, npi TEXT, phone TEXT);

CREATE TABLE clients (
  id INTEGER PRIMARY KEY, mrn TEXT NOT NULL UNIQUE, first_name TEXT NOT NULL, middle_name TEXT, last_name TEXT NOT NULL, preferred_name TEXT,
  birth_date TEXT, sex TEXT, pronouns TEXT, street TEXT, city TEXT, state TEXT, zip TEXT, phone TEXT, email TEXT, language TEXT,
  deceased_on TEXT, therapist_id INTEGER, status TEXT NOT NULL, created_by INTEGER, created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
  deleted INTEGER NOT NULL DEFAULT 0);

CREATE TABLE client_contacts (
  id INTEGER PRIMARY KEY, client_id INTEGER NOT NULL, first_name TEXT NOT NULL, last_name TEXT NOT NULL, relationship TEXT NOT NULL, phone TEXT,
  is_legal_representative INTEGER NOT NULL DEFAULT 0, authority_from TEXT, authority_until TEXT, emergency INTEGER NOT NULL DEFAULT 0,
  deleted INTEGER NOT NULL DEFAULT 0);

CREATE TABLE programmes (code TEXT PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE enrollments (
  id INTEGER PRIMARY KEY, client_id INTEGER NOT NULL, programme TEXT NOT NULL, started_on TEXT NOT NULL, ended_on TEXT);
CREATE TABLE therapy_groups (id INTEGER PRIMARY KEY, name TEXT NOT NULL, programme TEXT, staff_id INTEGER NOT NULL);

-- One row per session, whoever took part.
CREATE TABLE sessions (
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, group_id INTEGER, programme TEXT, staff_id INTEGER NOT NULL, site_id INTEGER,
  starts_at TEXT NOT NULL, ends_at TEXT, status TEXT NOT NULL, cpt TEXT, self_pay INTEGER NOT NULL DEFAULT 0, telehealth INTEGER NOT NULL DEFAULT 0,
  created_by INTEGER, created_at TEXT NOT NULL, updated_at TEXT NOT NULL, deleted INTEGER NOT NULL DEFAULT 0);
CREATE TABLE session_participants (
  session_id INTEGER NOT NULL, client_id INTEGER NOT NULL, role TEXT NOT NULL, attended INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (session_id, client_id)) WITHOUT ROWID;

CREATE TABLE diagnoses (
  id INTEGER PRIMARY KEY, client_id INTEGER NOT NULL, session_id INTEGER, icd10 TEXT NOT NULL, description TEXT NOT NULL, status TEXT NOT NULL,
  on_problem_list INTEGER NOT NULL DEFAULT 0, programme TEXT, onset_on TEXT, resolved_on TEXT, recorded_by INTEGER, recorded_at TEXT NOT NULL,
  deleted INTEGER NOT NULL DEFAULT 0);

CREATE TABLE medications (
  id INTEGER PRIMARY KEY, client_id INTEGER NOT NULL, session_id INTEGER, rxnorm TEXT NOT NULL, drug TEXT NOT NULL, directions TEXT, refills INTEGER,
  programme TEXT, status TEXT NOT NULL, prescribed_by INTEGER, prescribed_at TEXT NOT NULL, stopped_on TEXT, deleted INTEGER NOT NULL DEFAULT 0);

CREATE TABLE assessments (
  id INTEGER PRIMARY KEY, client_id INTEGER NOT NULL, session_id INTEGER, instrument TEXT NOT NULL, taken_at TEXT NOT NULL, total INTEGER,
  administered_by INTEGER, programme TEXT, status TEXT NOT NULL, deleted INTEGER NOT NULL DEFAULT 0);

CREATE TABLE treatment_plans (
  id INTEGER PRIMARY KEY, client_id INTEGER NOT NULL, staff_id INTEGER, programme TEXT, starts_on TEXT NOT NULL, review_on TEXT, ended_on TEXT,
  status TEXT NOT NULL, signed_at TEXT, signed_by INTEGER, created_at TEXT NOT NULL, deleted INTEGER NOT NULL DEFAULT 0);
CREATE TABLE plan_goals (
  id INTEGER PRIMARY KEY, plan_id INTEGER NOT NULL, client_id INTEGER NOT NULL, goal TEXT NOT NULL, intervention TEXT, status TEXT NOT NULL,
  starts_on TEXT, target_on TEXT, deleted INTEGER NOT NULL DEFAULT 0);

-- Notes of the record. Which columns are filled depends on note_type.
CREATE TABLE notes (
  id INTEGER PRIMARY KEY, client_id INTEGER NOT NULL, session_id INTEGER, note_type TEXT NOT NULL, author_id INTEGER, programme TEXT,
  written_at TEXT NOT NULL, subjective TEXT, objective TEXT, assessment TEXT, plan TEXT, data TEXT, body TEXT, status TEXT NOT NULL,
  signed_at TEXT, signed_by INTEGER, cosign_required INTEGER NOT NULL DEFAULT 0, cosigned_at TEXT, cosigned_by INTEGER,
  replaces_id INTEGER, updated_at TEXT NOT NULL, deleted INTEGER NOT NULL DEFAULT 0);

CREATE TABLE documents (
  id INTEGER PRIMARY KEY, client_id INTEGER NOT NULL, category TEXT NOT NULL, title TEXT, file_name TEXT, mime TEXT NOT NULL, content BLOB,
  document_on TEXT, uploaded_by INTEGER, uploaded_at TEXT NOT NULL, status TEXT NOT NULL, deleted INTEGER NOT NULL DEFAULT 0);

CREATE TABLE referrals (
  id INTEGER PRIMARY KEY, client_id INTEGER NOT NULL, direction TEXT NOT NULL, organization_id INTEGER NOT NULL, person_id INTEGER, referred_on TEXT,
  status TEXT NOT NULL, deleted INTEGER NOT NULL DEFAULT 0);
CREATE TABLE care_team (
  id INTEGER PRIMARY KEY, client_id INTEGER NOT NULL, organization_id INTEGER NOT NULL, person_id INTEGER, role TEXT NOT NULL, starts_on TEXT, ends_on TEXT);
CREATE TABLE coverages (
  id INTEGER PRIMARY KEY, client_id INTEGER NOT NULL, organization_id INTEGER NOT NULL, member_id TEXT NOT NULL, starts_on TEXT, ends_on TEXT,
  deleted INTEGER NOT NULL DEFAULT 0);

-- Signed forms about releasing records, entered by the front desk from the paper or the portal.
CREATE TABLE releases (
  id INTEGER PRIMARY KEY, client_id INTEGER NOT NULL, form TEXT NOT NULL, form_version TEXT, status TEXT NOT NULL, signed_at TEXT, signed_by_contact INTEGER,
  effective_on TEXT, expires_on TEXT, records_from TEXT, records_to TEXT, entire_record INTEGER NOT NULL DEFAULT 0, special_condition TEXT,
  identity_verified INTEGER, discloser_organization INTEGER, revoked_at TEXT, document_id INTEGER, entered_by INTEGER, entered_at TEXT NOT NULL,
  updated_at TEXT NOT NULL, deleted INTEGER NOT NULL DEFAULT 0);
CREATE TABLE release_recipients (
  id INTEGER PRIMARY KEY, release_id INTEGER NOT NULL, organization_id INTEGER, person_id INTEGER, npi TEXT, described_as TEXT);
CREATE TABLE release_purposes (id INTEGER PRIMARY KEY, release_id INTEGER NOT NULL, purpose TEXT NOT NULL);
CREATE TABLE release_records (id INTEGER PRIMARY KEY, release_id INTEGER NOT NULL, kind TEXT NOT NULL);
-- The boxes that the client initialled: information that is released only when named.
CREATE TABLE release_topics (id INTEGER PRIMARY KEY, release_id INTEGER NOT NULL, topic TEXT NOT NULL);
-- "Except ..." (effect except) and "also ..." (effect also) lines of a form.
CREATE TABLE release_exceptions (
  id INTEGER PRIMARY KEY, release_id INTEGER NOT NULL, effect TEXT NOT NULL, kind TEXT, topic TEXT, purpose TEXT, organization_id INTEGER,
  person_id INTEGER, records_from TEXT, records_to TEXT, session_id INTEGER);
-- The very records that a form names: only, with_references, with_dependents; or all that one clinician wrote: authored_by.
CREATE TABLE release_named (
  id INTEGER PRIMARY KEY, release_id INTEGER NOT NULL, relation TEXT NOT NULL, session_id INTEGER, plan_id INTEGER, staff_id INTEGER);

-- What clinic IT made for the gateway: a note once in the chart of each client that it is about. A note of a couple or a family is about all who
-- took part; a note that was filed under a client who did not take part in its session is marked.
CREATE VIEW chart_notes AS
SELECT n.id || '-' || p.client_id AS key, p.client_id AS client, n.note_type,
  (SELECT json_group_array(CAST(q.client_id AS TEXT)) FROM session_participants q WHERE q.session_id = n.session_id) AS about,
  n.session_id || '-' || p.client_id AS encounter, n.programme, n.author_id AS author, n.written_at AS at, n.subjective, n.objective, n.assessment, n.plan, n.data, n.body,
  n.status, n.signed_at AS signed, n.signed_by AS signer, n.cosign_required AS needs, n.cosigned_at AS cosigned, n.cosigned_by AS cosigner,
  n.replaces_id || '-' || p.client_id AS replaces, n.updated_at AS updated, n.deleted,
  NOT EXISTS (SELECT 1 FROM session_participants q WHERE q.session_id = n.session_id AND q.client_id = n.client_id) AS misfiled
FROM session_participants p JOIN sessions s ON s.id = p.session_id AND s.kind IN ('couple', 'family') JOIN notes n ON n.session_id = s.id
UNION ALL
SELECT n.id || '-' || n.client_id, n.client_id, n.note_type, json_array(CAST(n.client_id AS TEXT)),
  n.session_id || '-' || n.client_id, n.programme, n.author_id, n.written_at, n.subjective, n.objective, n.assessment, n.plan, n.data, n.body,
  n.status, n.signed_at, n.signed_by, n.cosign_required, n.cosigned_at, n.cosigned_by, n.replaces_id || '-' || n.client_id, n.updated_at, n.deleted,
  n.session_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM session_participants q WHERE q.session_id = n.session_id AND q.client_id = n.client_id)
FROM notes n LEFT JOIN sessions s ON s.id = n.session_id WHERE s.kind IS NULL OR s.kind NOT IN ('couple', 'family');

-- A session once for each client who took part, or is to: with a therapy group that is the client alone, with a couple or a family it is about all.
CREATE VIEW chart_sessions AS
SELECT s.id || '-' || p.client_id AS key, p.client_id AS client, s.kind, s.programme, s.staff_id AS staff, s.starts_at AS start, s.ends_at AS finish, s.status, s.cpt, s.telehealth,
  s.self_pay, s.updated_at AS updated,
  CASE WHEN s.kind IN ('couple', 'family') THEN (SELECT json_group_array(CAST(q.client_id AS TEXT)) FROM session_participants q WHERE q.session_id = s.id)
    ELSE json_array(CAST(p.client_id AS TEXT)) END AS about
FROM session_participants p JOIN sessions s ON s.id = p.session_id
WHERE s.deleted = 0 AND (p.attended = 1 OR s.status <> 'completed');
