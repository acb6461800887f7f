package answers

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// ReadPage reads a searchset as it came, with its links.
func ReadPage(base string, body []byte) (page Page, self, next string, err error) {
	b, err := Decode(body)
	if err != nil {
		return page, "", "", err
	}
	if b["resourceType"] != "Bundle" || b["type"] != "searchset" {
		return page, "", "", fmt.Errorf("a %v of the type %v, no searchset", b["resourceType"], b["type"])
	}
	page.Total = -1
	if n, is := b["total"].(json.Number); is {
		total, err := n.Int64()
		if err != nil {
			return page, "", "", err
		}
		page.Total = int(total)
	}
	for _, l := range list(b["link"]) {
		switch child(l, "relation") {
		case "self":
			self = text(child(l, "url"))
		case "next":
			next = text(child(l, "url"))
		}
	}
	page.Next = next != ""
	if at := b["entry"]; at != nil && len(list(at)) == 0 {
		return page, "", "", fmt.Errorf("an empty list of entries")
	}
	for _, e := range list(b["entry"]) {
		if err := page.take(base, e); err != nil {
			return page, "", "", err
		}
	}
	return page, self, next, nil
}

// take puts an entry where it belongs. Matches go before includes, and the outcome last.
func (p *Page) take(base string, entry any) error {
	r, _ := child(entry, "resource").(Object)
	mode := text(child(child(entry, "search"), "mode"))
	if mode != "outcome" && text(child(entry, "fullUrl")) != base+"/"+refOf(r) {
		return fmt.Errorf("the fullUrl of a %v is not its own", r["resourceType"])
	}
	switch {
	case mode == "match" && len(p.Includes) == 0 && !p.outcome:
		p.Matches = append(p.Matches, r)
	case mode == "include" && !p.outcome:
		p.Includes = append(p.Includes, r)
	case mode == "outcome" && !p.outcome && r["resourceType"] == "OperationOutcome":
		p.outcome = true
		for _, issued := range list(r["issue"]) {
			if name, is := strings.CutPrefix(text(child(issued, "diagnostics")), "Parameter: "); is {
				p.Ignored = append(p.Ignored, name)
			} else {
				p.Notices = append(p.Notices, readIssue(issued))
			}
		}
	default:
		return fmt.Errorf("an entry of the mode %q out of place", mode)
	}
	return nil
}

// ReadNotices reads the notices in an OperationOutcome.
func ReadNotices(outcome Object) (out []string) {
	for _, issued := range list(outcome["issue"]) {
		out = append(out, readIssue(issued))
	}
	return out
}

func readIssue(issued any) string {
	return fmt.Sprintf("%s %s: %s (%s)", text(child(issued, "severity")), text(child(issued, "code")), text(child(child(issued, "details"), "text")), text(child(issued, "diagnostics")))
}

// ReadSelf reads the parameters of a self link.
func ReadSelf(base, link string) (path string, pairs [][2]string, err error) {
	rest, ok := strings.CutPrefix(link, base+"/")
	if !ok {
		return "", nil, fmt.Errorf("a self link that is not below the base")
	}
	path, query, _ := strings.Cut(rest, "?")
	pairs, ok = pairsOf(query)
	if !ok {
		return "", nil, fmt.Errorf("a self link that cannot be read")
	}
	return path, pairs, nil
}

// sameSelf says whether two lists of parameters ask the same: in any order, of names and of the alternatives in a value.
func sameSelf(want, got [][2]string) bool {
	return slices.Equal(normalSelf(want), normalSelf(got))
}

func normalSelf(pairs [][2]string) (out []string) {
	for _, p := range pairs {
		values := []string{p[1]}
		if p[0] != "_sort" {
			values = split(p[1])
			slices.Sort(values)
			values = slices.Compact(values)
		}
		if p[0] == "_count" && len(p[1]) > 2 {
			values = []string{"200"} // the most that there is
		}
		out = append(out, p[0]+"="+url.QueryEscape(strings.Join(values, ",")))
	}
	slices.Sort(out)
	return slices.Compact(out)
}
