package main

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A database in a folder that is there may come back; a folder that is not there is a typing error.
func TestAPracticeDatabaseThatIsNotThere(t *testing.T) {
	for name, c := range map[string]struct {
		path    string
		started bool
		want    string
	}{
		"no such file":          {"mistyped.db", true, "there is no such file: mistyped.db"},
		"a percent sign in it":  {"50%v.db", true, "there is no such file: 50%v.db"},
		"no such folder":        {"srv/practice.db", false, "gateway.yaml:7: practice.sqlite: there is no such folder: srv"},
		"a file for a folder":   {"practice.db/practice.db", false, "gateway.yaml:7: practice.sqlite: there is no such folder: practice.db"},
		"a folder for the file": {"maps", false, "gateway.yaml:7: practice.sqlite: maps is no file"},
	} {
		t.Run(name, func(t *testing.T) {
			config := practiceFolder(t)
			edit(t, config, "sqlite: practice.db", "sqlite: "+c.path)
			if got := report(t, config); len(got) != 1 || !strings.HasPrefix(got[0], c.want) {
				t.Errorf("what reads at once says:\n%s", strings.Join(got, "\n"))
			}
			cfg, err := readConfig(config)
			noError(t, err)
			var log strings.Builder
			g, err := openGateway(t.Context(), cfg, slog.New(slog.NewTextHandler(&log, nil)), time.Now)
			if (err == nil) != c.started {
				t.Fatalf("a gateway: %v", err)
			}
			if err != nil {
				return
			}
			defer g.Close()
			said := strings.ReplaceAll(log.String(), filepath.Dir(config)+"/", "")
			if !strings.Contains(said, "level=WARN") || !strings.Contains(said, c.want) {
				t.Errorf("the log: %s", said)
			}
			edit(t, config, "maps: maps", "maps: none")
			got := report(t, config)
			if len(got) != 2 || got[0] != "gateway.yaml:7: practice.sqlite: "+c.want || !strings.HasPrefix(got[1], "gateway.yaml:9: maps: ") {
				t.Errorf("beside a problem:\n%s", strings.Join(got, "\n"))
			}
		})
	}
}
