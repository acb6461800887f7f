package demo

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strings"
)

// ReadCanaries gives the unique text of every psychotherapy note. Only tests may read the second database.
func (p *Practice) ReadCanaries(ctx context.Context) ([]string, error) {
	return readTexts(ctx, p.Psychotherapy, "SELECT canary FROM psychotherapy_notes ORDER BY id")
}

var markers = regexp.MustCompile(markerPrefix + "[a-z2-7]{14}")

// ReadNeverReleased gives the unique text of every note in the record that must not leave either: drafts, unsigned and deleted notes, notes that
// wait for a co-signature, and kinds that no map lists.
func (p *Practice) ReadNeverReleased(ctx context.Context) ([]string, error) {
	plans, err := readTexts(ctx, p.Database, "SELECT plan FROM notes WHERE plan LIKE '%"+markerPrefix+"%' ORDER BY id")
	if err != nil {
		return nil, err
	}
	return markers.FindAllString(strings.Join(plans, "\n"), -1), nil
}

func readTexts(ctx context.Context, path, query string) ([]string, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("demo: read texts: %w", err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, fmt.Errorf("demo: read texts: %w", err)
		}
		out = append(out, s)
	}
	return out, rows.Err()
}
