package conformance

import (
	"maps"
	"slices"
	"testing"

	"github.com/consentry/gateway/conformance/oracle/answers"
)

// mutants counts the answers that were made wrong, by how. A comparison that finds none of them would prove nothing.
type mutants map[string]int

// wrongs make an answer wrong in one way each, where it can be.
var wrongs = map[string]func(who asker, a *answers.Answer) bool{
	"a status": func(_ asker, a *answers.Answer) bool { a.Status++; return true },
	"one match less": onPage(func(_ asker, p *answers.Page) bool {
		if len(p.Matches) == 0 {
			return false
		}
		p.Matches = p.Matches[1:]
		return true
	}),
	"two matches in the other order": onPage(func(_ asker, p *answers.Page) bool {
		if len(p.Matches) < 2 {
			return false
		}
		p.Matches = slices.Clone(p.Matches)
		slices.Reverse(p.Matches)
		return true
	}),
	"a total": onPage(func(_ asker, p *answers.Page) bool { p.Total++; return true }),
	"a total that is not asked for": onPage(func(_ asker, p *answers.Page) bool {
		if p.Total >= 0 {
			return false
		}
		p.Total = len(p.Matches)
		return true
	}),
	"no next page": onPage(func(_ asker, p *answers.Page) bool { was := p.Next; p.Next = false; return was }),
	"a page too many": func(_ asker, a *answers.Answer) bool {
		if len(a.Pages) == 0 {
			return false
		}
		a.Pages = append(slices.Clone(a.Pages), answers.Page{Total: a.Pages[0].Total})
		return true
	},
	"an include of a withheld one": onPage(func(who asker, p *answers.Page) bool {
		withheld := who.oracle.Withheld()
		if len(withheld) == 0 {
			return false
		}
		p.Includes = append(slices.Clone(p.Includes), withheld[0])
		return true
	}),
	"an element of a withheld one": onPage(func(_ asker, p *answers.Page) bool {
		return changeFirst(p, func(r answers.Object) { r["basedOn"] = []any{answers.Object{"display": "somebody"}} })
	}),
	"an element less": onPage(func(_ asker, p *answers.Page) bool {
		return changeFirst(p, func(r answers.Object) { delete(r, "meta") })
	}),
	"a resource read changed": func(_ asker, a *answers.Answer) bool {
		if a.Resource == nil {
			return false
		}
		a.Resource = maps.Clone(a.Resource)
		a.Resource["language"] = "en"
		return true
	},
	"a parameter that is not named as ignored": onPage(func(_ asker, p *answers.Page) bool { had := len(p.Ignored) > 0; p.Ignored = nil; return had }),
	"the notice of Part 2 is not there": func(_ asker, a *answers.Answer) bool {
		if _, noticed := a.Header["Redisclosure-Notice"]; noticed {
			a.Header = maps.Clone(a.Header)
			delete(a.Header, "Redisclosure-Notice")
			return true
		}
		return onPage(func(_ asker, p *answers.Page) bool { had := len(p.Notices) > 0; p.Notices = nil; return had })(asker{}, a)
	},
	"an extract of a Consent that says more": onPage(func(_ asker, p *answers.Page) bool {
		return len(p.Matches) > 0 && p.Matches[0]["resourceType"] == "Consent" && changeFirst(p, func(r answers.Object) { r["dateTime"] = "1999-01-15" })
	}),
	"an AuditEvent that says more": onPage(func(_ asker, p *answers.Page) bool {
		return len(p.Matches) > 0 && p.Matches[0]["resourceType"] == "AuditEvent" && changeFirst(p, func(r answers.Object) {
			r["entity"] = append(slices.Clone(at(r, "entity")), answers.Object{"what": answers.Object{"reference": "Condition/c"}})
		})
	}),
	"another content": func(_ asker, a *answers.Answer) bool {
		if len(a.Content) == 0 {
			return false
		}
		a.Content = append([]byte{a.Content[0] ^ 1}, a.Content[1:]...)
		return true
	},
	"a date of the last change": func(_ asker, a *answers.Answer) bool {
		h := a.Header
		if len(a.Pages) > 0 {
			a.Pages = slices.Clone(a.Pages)
			h = a.Pages[0].Header
		}
		h = maps.Clone(h)
		h["Last-Modified"] = append(slices.Clone(h["Last-Modified"]), "Sun, 22 Nov 2026 00:00:00 GMT")
		if a.Header = h; len(a.Pages) > 0 {
			a.Header, a.Pages[0].Header = nil, h
		}
		return true
	},
	"no entity tag": func(_ asker, a *answers.Answer) bool { had := a.Tagged; a.Tagged = false; return had },
	"another kind of error": func(_ asker, a *answers.Answer) bool {
		had := a.Issue != ""
		a.Issue += "x"
		return had
	},
	"another self link": func(_ asker, a *answers.Answer) bool {
		if len(a.Pages) == 0 {
			return false
		}
		a.Self = append(slices.Clone(a.Self), [2]string{"shoe", "42"})
		return true
	},
}

// onPage changes the first page.
func onPage(change func(asker, *answers.Page) bool) func(asker, *answers.Answer) bool {
	return func(who asker, a *answers.Answer) bool {
		if len(a.Pages) == 0 {
			return false
		}
		a.Pages = slices.Clone(a.Pages)
		return change(who, &a.Pages[0])
	}
}

func changeFirst(p *answers.Page, change func(answers.Object)) bool {
	if len(p.Matches) == 0 {
		return false
	}
	p.Matches = slices.Clone(p.Matches)
	p.Matches[0] = maps.Clone(p.Matches[0])
	change(p.Matches[0])
	return true
}

// spoil makes a right answer wrong in each way that it can be, and compares.
func (m mutants) spoil(t *testing.T, who asker, right answers.Answer) {
	t.Helper()
	for name, change := range wrongs {
		wrong := right
		if !change(who, &wrong) {
			continue
		}
		if m[name]++; len(answers.Compare(right, wrong, false)) == 0 {
			t.Errorf("the comparison does not find %s", name)
		}
	}
}

// complete says which ways did not come up.
func (m mutants) complete(t *testing.T) {
	t.Helper()
	for name := range wrongs {
		if m[name] == 0 {
			t.Errorf("no answer was made wrong by %s", name)
		}
	}
}
