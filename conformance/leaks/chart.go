package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// resourceType is a type that the gateway says it answers.
type resourceType struct {
	name                  string
	params                []string
	includes, revincludes []string // values of _include and _revinclude
}

func (t resourceType) has(param string) bool { return slices.Contains(t.params, param) }

// ofClients tells whether resources of the type are about a client.
func (t resourceType) ofClients() bool { return t.name == "Patient" || t.has("patient") }

// readCapabilities learns from the CapabilityStatement what can be asked.
func (s *suite) readCapabilities() error {
	a, err := (&caller{p: &probe{s: s}}).try(get("metadata"))
	if err != nil {
		return fmt.Errorf("%s does not answer: %w; is the demo running?", s.target, cause(err))
	}
	var statement struct {
		Rest []struct {
			Resource []struct {
				Type             string
				SearchParam      []struct{ Name string }
				SearchInclude    []string
				SearchRevInclude []string
			}
		}
	}
	if err := json.Unmarshal(a.body, &statement); err != nil || len(statement.Rest) == 0 {
		return fmt.Errorf("%s has no CapabilityStatement", s.target)
	}
	for _, r := range statement.Rest[0].Resource {
		t := resourceType{name: r.Type, includes: r.SearchInclude, revincludes: r.SearchRevInclude}
		for _, p := range r.SearchParam {
			t.params = append(t.params, p.Name)
		}
		s.types = append(s.types, t)
	}
	if len(s.clientTypes()) < 2 {
		return errors.New("the CapabilityStatement names no types of clients")
	}
	return nil
}

func (s *suite) clientTypes() []resourceType {
	return slices.DeleteFunc(slices.Clone(s.types), func(t resourceType) bool { return !t.ofClients() })
}

// as asks as the partner's software, with all its scopes, or as a person.
func (p *probe) as(who *partner) *caller {
	if who.tokenFile != "" {
		text := must(os.ReadFile(who.tokenFile))(p)
		return &caller{p: p, partner: who, token: strings.TrimSpace(string(text)), good: true}
	}
	c, ok := p.scoped(who, who.Scopes)
	if !ok {
		p.broken("%s gets no token", who.ID)
	}
	return c
}

// scoped asks with these scopes. ok is false where the partner is not given them.
func (p *probe) scoped(who *partner, scopes string) (c *caller, ok bool) {
	minute := time.Since(p.s.began) / (2 * time.Minute) // tokens live for five
	g := must(remembered(&p.s.tokens, fmt.Sprint(who.ID, " ", scopes, " ", minute), func() (grant, error) { return p.s.m.token(p.s.ctx, who, scopes) }))(p)
	return &caller{p: p, partner: who, token: g.Access, good: true}, g.Access != ""
}

// nobody asks without a token.
func (p *probe) nobody() *caller { return &caller{p: p} }

// pages follows a search to its end. What is refused has no pages.
func (c *caller) pages(path string) (all []bundle, err error) {
	for path != "" {
		if len(all) > 500 {
			return nil, errors.New("the pages have no end")
		}
		a, err := c.try(get(path))
		if err != nil {
			return nil, err
		}
		b, ok := a.bundle()
		if !ok {
			return all, nil
		}
		all, path = append(all, b), b.next
	}
	return all, nil
}

// chart is all that a partner gets of one client by searching for it plainly.
type chart map[string]resource

func (c chart) ofType(t string) []resource {
	var out []resource
	for _, ref := range slices.Sorted(maps.Keys(c)) {
		if c[ref].typ == t {
			out = append(out, c[ref])
		}
	}
	return out
}

// files are the Binaries that documents of the chart lead to, each with its document.
func (c chart) files() map[string]resource {
	out := map[string]resource{}
	for _, d := range c.ofType("DocumentReference") {
		for _, at := range d.texts("content.attachment.url") {
			if i := strings.Index(at, "/Binary/"); i >= 0 {
				out[at[i+1:]] = d
			}
		}
	}
	return out
}

// plain is the plain search for a type's resources of a client.
func plain(t, id string) string {
	if t == "Patient" {
		return "Patient?_count=200&_id=" + id
	}
	return t + "?_count=200&patient=" + id
}

// chart gets a client's chart, type by type, once.
func (p *probe) chart(who *partner, of client) chart {
	c := (&probe{s: p.s, line: "charts"}).as(who) // they are every line's
	got := must(remembered(&p.s.charts, who.ID+" "+of.Key, func() (chart, error) { return c.crawl(of) }))(p)
	p.examined.Add(int64(len(got)))
	return got
}

func (c *caller) crawl(of client) (chart, error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	var errs error
	got := chart{}
	for _, t := range c.p.s.clientTypes() {
		wg.Go(func() {
			pages, err := c.pages(plain(t.name, of.ID))
			mu.Lock()
			defer mu.Unlock()
			errs = errors.Join(errs, err)
			for _, b := range pages {
				for _, e := range b.entries {
					if e.id != "" {
						got[e.ref()] = e.resource
					}
				}
			}
		})
	}
	wg.Wait()
	return got, errs
}

// reach are the clients that the partner can find.
func (p *probe) reach(who *partner) []client {
	c := (&probe{s: p.s, line: "charts"}).as(who)
	return must(remembered(&p.s.reaches, who.ID, func() ([]client, error) {
		pages, err := c.pages("Patient?_count=200")
		var out []client
		for _, b := range pages {
			for _, id := range b.entries {
				out = append(out, p.s.m.client(id.id))
			}
		}
		return out, err
	}))(p)
}

// licensed is everything that the partner gets by searching plainly for each client in its reach.
func (p *probe) licensed(who *partner) chart {
	reach := p.reach(who)
	all := must(remembered(&p.s.charts, who.ID, func() (chart, error) {
		all := chart{}
		for _, c := range reach {
			maps.Copy(all, p.chart(who, c))
		}
		return all, nil
	}))(p)
	p.examined.Add(int64(len(all)))
	return all
}

// strangers are the clients of whom the partner must not know that they are clients.
func (s *suite) strangers(who *partner) []client {
	return slices.DeleteFunc(slices.Clone(s.m.Clients), func(c client) bool { return slices.Contains(s.known[who.ID], c.Key) })
}

// focus is a client of whom a partner sees something, while others see what is withheld from it.
type focus struct {
	who    *partner
	of     client
	own    chart
	hidden []resource
}

// unknown tells whether a text names an id that the partner has not got.
func (f focus) unknown(text string) bool {
	for _, id := range sealedID.FindAllString(text, -1) {
		if id != f.of.ID && !slices.ContainsFunc(slices.Collect(maps.Values(f.own)), func(r resource) bool { return r.id == id }) {
			return true
		}
	}
	return false
}

// some are withheld resources, of each type as many.
func (f focus) some(each int) []resource {
	n := map[string]int{}
	return slices.DeleteFunc(slices.Clone(f.hidden), func(r resource) bool { n[r.typ]++; return n[r.typ] > each })
}

// focus is what a partner gets of a client, and what it does not get that others do.
func (p *probe) focus(who *partner, of client, others []*partner) focus {
	f := focus{who: who, of: of, own: p.chart(who, of)}
	all := chart{}
	for _, other := range others {
		maps.Copy(all, p.chart(other, of))
	}
	for _, ref := range slices.Sorted(maps.Keys(all)) {
		if _, ok := f.own[ref]; !ok {
			f.hidden = append(f.hidden, all[ref])
		}
	}
	return f
}

// focuses gives, for each partner from which something is withheld that another partner gets, the client of whom most is.
func (p *probe) focuses() []focus {
	seers := map[string][]*partner{}
	for _, who := range p.s.machines() {
		for _, c := range p.reach(who) {
			seers[c.Key] = append(seers[c.Key], who)
		}
	}
	best := map[string]focus{}
	for _, of := range p.s.m.Clients {
		if len(seers[of.Key]) < 2 {
			continue
		}
		for _, who := range seers[of.Key] {
			if f := p.focus(who, of, seers[of.Key]); len(f.hidden) > len(best[who.ID].hidden) {
				best[who.ID] = f
			}
		}
	}
	p.need(len(best) > 0, "no client of whom two partners get different parts")
	out := slices.Collect(maps.Values(best))
	slices.SortFunc(out, func(a, b focus) int {
		return cmp.Or(cmp.Compare(len(b.hidden), len(a.hidden)), cmp.Compare(a.who.ID, b.who.ID))
	})
	return out
}

// invented is an id of the right form that stands for nothing.
func invented() string {
	const alphabet = "abcdefghijklmnopqrstuvwxyz234567"
	b := make([]byte, 64)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	for i := range b {
		b[i] = alphabet[b[i]&31]
	}
	return string(b)
}

// public are the types that are about no client.
var public = []string{"Bundle", "OperationOutcome", "CapabilityStatement", "Parameters", "Practitioner", "PractitionerRole", "Organization", "Location", "StructureDefinition", "ValueSet", "CodeSystem", "SearchParameter", "OperationDefinition"}

// within reports every resource in an answer, however deep, that the partner does not get by asking plainly.
func (p *probe) within(c *caller, r request, a *answer) {
	var tree any
	if json.Unmarshal(a.body, &tree) != nil {
		return
	}
	may := p.licensed(c.partner)
	eachResource(tree, func(x resource) {
		_, ok := may[x.ref()]
		if x.typ == "Binary" {
			_, ok = may.files()[x.ref()]
		}
		if !ok && x.id != "" && !slices.Contains(public, x.typ) {
			p.leak("%s gets a %s that is withheld from it, by %s", c.partner.ID, x.typ, r.name())
		}
	})
}

// same reports every request whose answer tells something that is there from something that never was.
func (p *probe) same(c *caller, what, there string, requests ...request) {
	for _, r := range requests {
		if d := difference(p.ofNothing(c, r), c.do(r.about(there)).masked(there)); d != "" {
			p.leak("%s can tell %s from what never was, by %s: %s differs", c.partner.ID, what, r.name(), d)
		}
	}
}

// ofNothing is the answer about what never was. A line that changes nothing asks for it once.
func (p *probe) ofNothing(c *caller, r request) *answer {
	ask := func() (*answer, error) {
		never := invented()
		return c.do(r.about(never)).masked(never), nil
	}
	if p.changes {
		return must(ask())(p)
	}
	return must(remembered(&p.nothing, fmt.Sprint(c.token, r), ask))(p)
}

// ctx is the context of the run.
func (p *probe) ctx() context.Context { return p.s.ctx }
