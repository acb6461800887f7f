package answers

import (
	"cmp"
	"slices"
	"strings"
)

// order sorts what was found.
func (a *Asker) order(q *query, found []hit) {
	slices.SortStableFunc(found, func(x, y hit) int {
		for _, s := range q.sort {
			name, down := strings.CutPrefix(s, "-")
			p, _ := knows(q.resourceType, name)
			kx, hasX := a.key(p, x, name, down)
			ky, hasY := a.key(p, y, name, down)
			switch {
			case !hasX && !hasY:
				continue
			case !hasX:
				return 1
			case !hasY:
				return -1
			}
			if d := strings.Compare(kx, ky); d != 0 {
				if down {
					return -d
				}
				return d
			}
		}
		return cmp.Compare(text(x.r["id"]), text(y.r["id"]))
	})
}

// key is what a resource is sorted by: the lowest of its values ascending, the highest descending.
func (a *Asker) key(p parameter, h hit, name string, down bool) (string, bool) {
	var keys []string
	if name == "patient" {
		return h.in.client, true
	}
	for _, v := range p.values(h.r) {
		switch p.kind {
		case "token":
			for _, t := range tokens(p, v) {
				keys = append(keys, strings.ToLower(t.code))
			}
		case "date":
			if s, ok := timeOf(v, a.Zone); ok {
				keys = append(keys, timeKey(s))
			}
		case "string":
			for _, s := range strings1(v) {
				keys = append(keys, plain(s))
			}
		case "reference":
			if r := referenceOf(v); r != "" {
				keys = append(keys, r)
			}
		}
	}
	if len(keys) == 0 {
		return "", false
	}
	if down {
		return slices.Max(keys), true
	}
	return slices.Min(keys), true
}

// timeKey writes the beginning so that text compares as time does; one that is open lies before everything.
func timeKey(s span) string {
	if s.from.IsZero() {
		return "0"
	}
	return "5" + s.from.UTC().Format("2006-01-02T15:04:05.000000000")
}
