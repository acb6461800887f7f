package mapping_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/practice"
)

// The ties of several clients are those that each one's chart gives, whatever is wrong with the rows.
func TestTiesOfSeveralClientsAreThoseOfTheirCharts(t *testing.T) {
	loose := with(t, "tie.yaml", "WHERE client IN (:clients)", "WHERE client IN (:clients) OR id = 2")
	twice := with(t, "tie.yaml", "SELECT id, client, npi FROM referrals WHERE client IN (:clients)",
		"SELECT id, client, npi FROM referrals WHERE client IN (:clients) UNION ALL SELECT id, client, npi FROM referrals WHERE client IN (:clients) AND id = 1")
	for name, one := range map[string]struct {
		maps    map[string]string
		changes []string
		some    bool
	}{
		"as they are":                 {clinic(), nil, true},
		"two of one client":           {clinic(), []string{"INSERT INTO referrals VALUES (3,7,'4444444444')"}, true},
		"one each":                    {clinic(), []string{"INSERT INTO referrals VALUES (3,8,'4444444444')"}, true},
		"a row that is broken":        {clinic(), []string{"INSERT INTO referrals VALUES (3,8,x'00ff')"}, true},
		"an empty value":              {clinic(), []string{"UPDATE referrals SET npi = ''"}, false},
		"a row of another than asked": {loose, []string{"UPDATE referrals SET npi = '5555555555' WHERE id = 2"}, true},
		"a key that stands twice":     {twice, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			m, src := load(t, one.maps), source(t, database(t, one.changes...))
			clients := []practice.ClientKey{"7", "8", "999"}
			got, err := m.Ties(t.Context(), src, clients)
			if err != nil {
				t.Fatal(err)
			}
			want := map[practice.ClientKey][]mapping.Tie{}
			for _, c := range clients {
				chart, err := m.Chart(t.Context(), src, c)
				if err != nil {
					t.Fatal(err)
				}
				if len(chart.Ties) > 0 {
					want[c] = chart.Ties
				}
			}
			if diff := cmp.Diff(want, got); diff != "" || (len(want) > 0) != one.some {
				t.Errorf("%d clients are tied\n%s", len(want), diff)
			}
		})
	}
}

func TestTiesThatCannotBeReadAreAnError(t *testing.T) {
	m := load(t, clinic())
	if ties, err := m.Ties(t.Context(), source(t, database(t, "DROP TABLE referrals")), []practice.ClientKey{"7"}); ties != nil || !errors.Is(err, practice.ErrUnavailable) {
		t.Errorf("%v, %v", ties, err)
	}
	if ties, err := m.Ties(t.Context(), source(t, database(t, "DROP TABLE referrals")), nil); err != nil || len(ties) > 0 {
		t.Errorf("of nobody: %v, %v", ties, err)
	}
}
