package demo_test

import (
	"context"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/practice"
)

// Only care and coverage that have begun, and have not ended, tie an organisation to a client (design rule 13).
func TestOnlyPresentCareAndCoverageTie(t *testing.T) {
	today := time.Now().UTC()
	day := func(days int) string { return today.AddDate(0, 0, days).Format(time.DateOnly) }
	m := mapPractice(t, 60)
	w, err := m.practice.Writer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	client := untied(t, m)
	for _, c := range []struct {
		name       string
		start, end any
		ties       int
	}{
		{"begun long ago", day(-300), nil, 2},
		{"begins tomorrow", day(1), nil, 0},
		{"begins in years", day(1500), nil, 0},
		{"begins on no known day", nil, nil, 0},
		{"has ended", day(-300), day(-10), 0},
		{"will end", day(-300), day(10), 0},
	} {
		for table, more := range map[string]string{"care_team": ", role", "coverages": ", member_id"} {
			_, err := w.Exec(t.Context(), "DELETE FROM "+table+" WHERE client_id = ?", string(client))
			if err != nil {
				t.Fatal(err)
			}
			_, err = w.Exec(t.Context(), "INSERT INTO "+table+" (client_id, organization_id, starts_on, ends_on"+more+
				") SELECT ?, id, ?, ?, 'x' FROM organizations WHERE npi IS NOT NULL AND naic IS NULL AND ? = 'care_team' OR naic IS NOT NULL AND ? = 'coverages' LIMIT 1",
				string(client), c.start, c.end, table, table)
			if err != nil {
				t.Fatal(err)
			}
		}
		ties, err := m.maps.Ties(context.Background(), m.source, []practice.ClientKey{client})
		if err != nil {
			t.Fatal(err)
		}
		if got := len(ties[client]); got != c.ties {
			t.Errorf("%s: %d ties; want %d", c.name, got, c.ties)
		}
	}
}

// untied is a client whom nothing ties to anybody.
func untied(t *testing.T, m mapped) practice.ClientKey {
	t.Helper()
	ties, err := m.maps.Ties(context.Background(), m.source, m.practice.Clients)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range m.practice.Clients {
		if len(ties[c]) == 0 {
			return c
		}
	}
	t.Fatal("everybody is tied")
	return ""
}
