package demo

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/consentry/gateway/internal/practice"
	_ "modernc.org/sqlite" // the practice's database driver
)

// Name is the practice's own.
const Name = "Cedar Bridge Counseling"

// Zone is the practice's time zone: all local times in its database are of it.
const Zone = "America/New_York"

// Names of the two database files in the folder.
const (
	DatabaseFile      = "practice.db"
	PsychotherapyFile = "psychotherapy.db"
)

// applicationID marks database files that this package wrote (PRAGMA application_id), so that no other file is ever overwritten.
const applicationID = 0x436e7379

//go:embed schema.sql
var schema string

//go:embed indexes.sql
var indexes string

//go:embed psychotherapy.sql
var psychotherapySchema string

// Options say what practice to write.
type Options struct {
	Clients int       // how many clients, at least 1; the story needs 20
	Seed    uint64    // the same seed, count and Now give the same practice
	Now     time.Time // the practice's today; required
	Dir     string    // where the two files go; required
}

// Practice is a written practice: where it lies, and who is in it. It holds keys, never names.
type Practice struct {
	Database      string // path of the practice's record
	Psychotherapy string // path of the psychotherapy notes, which the gateway never opens
	Zone          *time.Location
	Now           time.Time
	Clients       []practice.ClientKey
	Story         Story
	// Shapes lists the signed forms by their shape.
	Shapes map[Shape][]SignedForm
	// Broken counts the deliberately broken rows by table.
	Broken map[string]int
}

// SignedForm is a form on file: whose it is, and its number (releases.id).
type SignedForm struct {
	Client  practice.ClientKey
	Release int64
}

// Write writes a new practice into o.Dir, replacing one that Write wrote there before.
func Write(ctx context.Context, o Options) (*Practice, error) {
	if o.Clients < 1 || o.Now.IsZero() || o.Dir == "" {
		return nil, errors.New("demo: a practice needs a number of clients, the time and a folder")
	}
	zone, err := time.LoadLocation(Zone)
	if err != nil {
		return nil, fmt.Errorf("demo: time zone of the practice: %w", err)
	}
	p := &Practice{
		Database:      filepath.Join(o.Dir, DatabaseFile),
		Psychotherapy: filepath.Join(o.Dir, PsychotherapyFile),
		Zone:          zone, Now: o.Now.In(zone),
		Shapes: map[Shape][]SignedForm{}, Broken: map[string]int{},
	}
	record, err := create(ctx, p.Database, schema)
	if err != nil {
		return nil, err
	}
	defer record.Close()
	apart, err := create(ctx, p.Psychotherapy, psychotherapySchema)
	if err != nil {
		return nil, err
	}
	defer apart.Close()

	g := &generator{
		p: p, seed: o.Seed, clients: o.Clients, now: p.Now,
		in: newInserter(ctx, record), apart: newInserter(ctx, apart), ids: map[string]int64{},
	}
	if err := g.generate(); err != nil {
		return nil, err
	}
	if err := finish(ctx, record, indexes); err != nil {
		return nil, err
	}
	return p, finish(ctx, apart, "")
}

// create makes an empty database at path with the schema, and removes one of ours that lies there.
func create(ctx context.Context, path, schema string) (*sql.DB, error) {
	if err := removeOurs(ctx, path); err != nil {
		return nil, err
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil { // SQLite would make it readable by others
		return nil, fmt.Errorf("demo: %w", err)
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(DELETE)&_pragma=synchronous(OFF)&_pragma=cache_size(-65536)")
	if err != nil {
		return nil, fmt.Errorf("demo: open %s: %w", filepath.Base(path), err)
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id=%d;", applicationID)+schema); err != nil {
		return nil, errors.Join(fmt.Errorf("demo: schema of %s: %w", filepath.Base(path), err), db.Close())
	}
	return db, nil
}

// removeOurs removes a database that this package wrote; it refuses any other file.
func removeOurs(ctx context.Context, path string) error {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		return fmt.Errorf("demo: open %s: %w", filepath.Base(path), err)
	}
	var id int64
	err = errors.Join(db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id), db.Close())
	if err != nil || id != applicationID {
		return fmt.Errorf("demo: %s is there already and is no synthetic practice; it is left as it is", filepath.Base(path))
	}
	return os.Remove(path)
}

// finish adds the indexes and makes sure that all of it is on disk.
func finish(ctx context.Context, db *sql.DB, indexes string) error {
	if _, err := db.ExecContext(ctx, indexes+"ANALYZE; PRAGMA synchronous=FULL; PRAGMA user_version=1;"); err != nil {
		return fmt.Errorf("demo: finish: %w", err)
	}
	return nil
}
