package mapping_test

import (
	"testing"

	"github.com/consentry/gateway/internal/mapping"
)

func TestAStatementsRowsComeFromItsOwnTable(t *testing.T) {
	for statement, want := range map[string]string{
		"SELECT id FROM notes WHERE client IN (:clients)":                                                             "notes",
		"select id\nfrom\tnotes n join staff s on s.id = n.by":                                                        "notes",
		"SELECT r.id, (SELECT json_group_array(x.kind) FROM kinds x WHERE x.release = r.id) AS kinds FROM releases r": "releases",
		"SELECT CASE WHEN EXISTS (SELECT 1 FROM (SELECT 2 FROM deep)) THEN 1 END FROM [sign-offs]":                    "sign-offs",
		"SELECT ' from texts ', \"from\" -- from comments\n/* from more\nof them */ FROM `forms`":                     "forms",
		"SELECT 'it''s from (here' FROM main.\"notes\"":                                                               "main.notes",
		"SELECT a IS NOT DISTINCT FROM b FROM notes":                                                                  "notes",
		"SELECT extract(year FROM at) FROM notes":                                                                     "notes",
		"SELECT * FROM (SELECT a.id FROM amended a UNION SELECT id FROM plain) u":                                     "amended",
		"WITH recent AS (SELECT * FROM notes) SELECT * FROM recent":                                                   "recent",
		"SELECT 1":                   "",
		"VALUES (1) -- from nowhere": "",
		"":                           "",
	} {
		if got := mapping.TableOf(statement); got != want {
			t.Errorf("%s: %q, want %q", statement, got, want)
		}
	}
}
