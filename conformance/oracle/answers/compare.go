package answers

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
)

// Compare says in what an answer differs from what must come back, by kind of difference, type and place. Values it says only if they are to be shown.
func Compare(want, got Answer, show bool) []string {
	c := comparison{show: show}
	if want.Status != got.Status {
		c.say("the status is %d, want %d", got.Status, want.Status)
		return c.found
	}
	c.headers(want.Header, got.Header)
	if want.Tagged != got.Tagged {
		c.say("there is an entity tag: %v, want %v", got.Tagged, want.Tagged)
	}
	if want.Issue != got.Issue {
		c.say("the error is %q, want %q", got.Issue, want.Issue)
	}
	if !slices.Equal(want.Noticed, got.Noticed) {
		c.say("%d notices beside it, want %d, or they say something else", len(got.Noticed), len(want.Noticed))
		c.values(want.Noticed, got.Noticed)
	}
	if !bytes.Equal(want.Content, got.Content) {
		c.say("a content of %d bytes is not that of %d", len(got.Content), len(want.Content))
	}
	if want.Resource != nil || got.Resource != nil {
		c.resource("the resource", want.Resource, got.Resource)
	}
	if len(want.Pages) != len(got.Pages) {
		c.say("%d pages, want %d", len(got.Pages), len(want.Pages))
	}
	for i := range min(len(want.Pages), len(got.Pages)) {
		c.where = fmt.Sprintf("page %d: ", i+1)
		c.page(want.Pages[i], got.Pages[i])
	}
	c.where = ""
	if len(want.Pages) > 0 && !sameSelf(want.Self, got.Self) {
		c.say("the self link has other parameters")
		c.values(normalSelf(want.Self), normalSelf(got.Self))
	}
	return c.found
}

// comparison collects differences.
type comparison struct {
	show  bool
	where string
	found []string
}

func (c *comparison) say(format string, args ...any) {
	c.found = append(c.found, c.where+fmt.Sprintf(format, args...))
}

func (c *comparison) values(want, got any) {
	if c.show {
		c.say("   want %s", encode(want))
		c.say("   got  %s", encode(got))
	}
}

// headers compares all headers that an answer has.
func (c *comparison) headers(want, got Headers) {
	names := slices.Collect(maps.Keys(want))
	names = slices.AppendSeq(names, maps.Keys(got))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if !slices.Equal(want[name], got[name]) {
			c.say("the header %s differs (there: %d, wanted: %d)", name, len(got[name]), len(want[name]))
			c.values(want[name], got[name])
		}
	}
}

func (c *comparison) page(want, got Page) {
	if want.Total != got.Total {
		c.say("the total is %d, want %d", got.Total, want.Total)
	}
	if want.Next != got.Next {
		c.say("there is a next link: %v, want %v", got.Next, want.Next)
	}
	c.list("match", want.Matches, got.Matches)
	c.list("include", want.Includes, got.Includes)
	w, g := slices.Sorted(slices.Values(want.Ignored)), slices.Sorted(slices.Values(got.Ignored))
	if !slices.Equal(w, g) {
		c.say("it names as ignored %q, want %q", g, w)
	}
	if !slices.Equal(want.Notices, got.Notices) {
		c.say("%d notices, want %d, or they say something else", len(got.Notices), len(want.Notices))
		c.values(want.Notices, got.Notices)
	}
	c.headers(want.Header, got.Header)
}

func (c *comparison) list(mode string, want, got []Object) {
	if len(want) != len(got) {
		c.say("%d of the mode %s, want %d", len(got), mode, len(want))
	}
	for i := range max(len(want), len(got)) {
		if i >= len(want) || i >= len(got) || refOf(want[i]) != refOf(got[i]) {
			c.say("%s %d is not the one that it should be", mode, i+1)
			c.values(want, got)
			return
		}
		c.resource(fmt.Sprintf("%s %d", mode, i+1), want[i], got[i])
	}
}

// resource says which elements of a resource differ.
func (c *comparison) resource(what string, want, got Object) {
	for _, name := range members(want, got) {
		w, inWant := want[name]
		g, inGot := got[name]
		if inWant != inGot || !bytes.Equal(encode(w), encode(g)) {
			c.say("%s, a %s: %s differs (there: %v, wanted: %v)", what, want["resourceType"], name, inGot, inWant)
			c.values(w, g)
		}
	}
}

func members(a, b Object) (out []string) {
	for n := range a {
		out = append(out, n)
	}
	for n := range b {
		out = append(out, n)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
