package conformance

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/consentry/gateway/conformance/oracle/answers"
)

// usCoreSearches are those of all types that can be served.
func usCoreSearches(t *testing.T) map[string]searches {
	t.Helper()
	all, more := map[string]searches{}, map[string]searches{}
	readTestdata(t, "searches.yaml", &all)
	readTestdata(t, "searches-folder.yaml", &more)
	maps.Copy(all, more)
	return all
}

// declares demands that the CapabilityStatement has each search of US Core: the parameters, and their combination where there are several.
func (e *export) declares(t *testing.T, all map[string]searches) {
	t.Helper()
	statement := decodeObject(t, (&caller{base: e.base}).get(t, "metadata").body)
	seen := 0
	for _, r := range at(statement, "rest.resource") {
		typ := texts(r, "type")[0]
		var combined []string
		for _, x := range at(r, "extension") {
			if strings.HasSuffix(texts(x, "url")[0], "search-parameter-combination") {
				names := slices.DeleteFunc(texts(x, "extension.valueString"), func(name string) bool { return name == "" })
				slices.Sort(names)
				combined = append(combined, strings.Join(names, " "))
			}
		}
		for _, names := range slices.Concat(all[typ].Shall, all[typ].Should) {
			if slices.ContainsFunc(names, func(n string) bool { return all[typ].Missing[n] != "" }) {
				continue
			}
			seen++
			for _, n := range names {
				if !slices.Contains(texts(r, "searchParam.name"), n) {
					t.Errorf("the CapabilityStatement has no parameter %s of %s", n, typ)
				}
			}
			if typ == "Encounter" && slices.Contains(names, "identifier") {
				continue // one parameter for US Core: it is we who want the client as well
			}
			if sorted := slices.Sorted(slices.Values(names)); len(names) > 1 && !slices.Contains(combined, strings.Join(sorted, " ")) {
				t.Errorf("the CapabilityStatement does not combine %v of %s", names, typ)
			}
		}
	}
	if seen < 40 {
		t.Errorf("%d searches of US Core are declared", seen)
	}
}

// askUSCore asks each search of US Core for each client, with values that are there, and compares with the oracle. Each must find something, if there is
// anything that has such values.
func (c *compared) askUSCore(t *testing.T, a *asking, who asker, all map[string]searches) {
	t.Helper()
	for _, typ := range slices.Sorted(maps.Keys(all)) {
		for _, names := range slices.Concat(all[typ].Shall, all[typ].Should) {
			found, asked := c.entries, 0
			for _, client := range a.world.Clients() {
				for _, values := range valuesFor(a.world, client, typ, names) {
					asked++
					c.ask(t, who, answers.Question{Method: http.MethodGet, Path: typ + "?" + values})
				}
			}
			if asked > 0 && c.entries == found {
				t.Errorf("%s by %v was asked %d times and found nothing", typ, names, asked)
			}
		}
	}
}

// valuesFor are the parameters with the values of a record of a chart, or of the directory, that has them all, or none.
func valuesFor(w *answers.World, client, typ string, names []string) (queries []string) {
	for _, ref := range w.Refs(client) {
		outside := slices.Contains(directoryTypes, typ) && w.Directory[ref] == nil // found by its id alone
		if !strings.HasPrefix(ref, typ+"/") || len(queries) > 0 || outside {
			continue
		}
		var parts []string
		for _, n := range names {
			if n == "patient" {
				parts = append(parts, "patient="+idPart(client))
			} else if v := w.Value(client, ref, n); v != "" {
				parts = append(parts, n+"="+strings.NewReplacer("|", "%7C", "+", "%2B", " ", "%20", ",", `\,`).Replace(v))
			}
		}
		if typ == "RelatedPerson" && !slices.Contains(names, "patient") {
			parts = append(parts, "patient="+idPart(client))
		}
		if len(parts) >= len(names) {
			queries = append(queries, strings.Join(parts, "&"))
		}
	}
	return queries
}
