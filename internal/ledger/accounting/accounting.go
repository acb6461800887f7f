// Package accounting makes the accounting of disclosures that a client may ask for (45 CFR 164.528, 42 CFR 2.25) out of the ledger's records:
// as a letter that a client can read, and as CSV. It states who got what, when, for what purpose and on what ground, and nothing of what was
// withheld.
package accounting

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/consentry/gateway/internal/ledger"
)

// Years is how far back an accounting reaches (164.528(a)(1)); Part2Years is the same for records of a Part 2 program (42 CFR 2.25(a)).
const (
	Years      = 6
	Part2Years = 3
)

// Recipient is a partner as a client reads it.
type Recipient struct {
	Name, Address string
}

// Context is what an accounting needs besides the records. All are required.
type Context struct {
	Words *Words
	// Recipient finds a partner by its id. One that is no longer registered has no more than the id.
	Recipient func(partner string) Recipient
	// Signed finds the date of a release by its reference; ok is false for one of which no date is known.
	Signed func(consent string) (date time.Time, ok bool)
	Zone   *time.Location
}

// Exclusion says why the law leaves a disclosure out of an accounting (164.528(a)(1)). The zero value is no reason: it is to be listed.
type Exclusion uint8

// The exclusions that concern this gateway.
const (
	Listed          Exclusion = iota
	Operations                // treatment, payment and health care operations, (a)(1)(i)
	ToIndividual              // to the client or who acts for the client, (a)(1)(ii)
	UnderAuthorized           // under an authorization, (a)(1)(iv)
	exclusionsNumber
)

// Disclosure is one line of an accounting: one disclosure, or several to the same recipient for the same purpose on the same ground, which
// 164.528(b)(3) allows to state together.
type Disclosure struct {
	First, Last time.Time
	Times       int
	Recipient   Recipient
	What        []string // kinds of record, in plain words
	Purposes    []string
	Ground      string
	Excluded    Exclusion
	Part2       bool // records of a substance use disorder program were among them
}

// Accounting is the whole, in the order of the first of each line.
type Accounting struct {
	Lines []Disclosure
	// Records is the number of records that the lines sum up.
	Records int
}

// Of sums up the records of one client that disclosed something. The client's own look at this list is none: see About.
func Of(records []ledger.Record, c Context) *Accounting {
	a := &Accounting{}
	lines := map[string]*Disclosure{}
	var order []string
	for i := range slices.Values(sorted(records)) {
		kinds := About(&i)
		if len(kinds) == 0 {
			continue
		}
		a.Records++
		excluded := excluded(&i)
		key := strings.Join(slices.Concat([]string{i.Partner, string('0' + rune(excluded)), yesNo(i.Part2), "|"}, slices.Sorted(slices.Values(i.Purposes)), []string{"|"},
			references(&i)), "\x00")
		line := lines[key]
		if line == nil {
			line = &Disclosure{First: i.At, Recipient: c.Recipient(i.Partner), Purposes: c.Words.purposes(i.Purposes), Ground: ground(&i, c), Excluded: excluded, Part2: i.Part2}
			lines[key], order = line, append(order, key)
		}
		line.Times, line.Last = line.Times+1, i.At
		for _, k := range c.Words.kinds(kinds) {
			if !slices.Contains(line.What, k) {
				line.What = append(line.What, k)
			}
		}
	}
	for _, key := range order {
		slices.Sort(lines[key].What)
		a.Lines = append(a.Lines, *lines[key])
	}
	return a
}

func sorted(records []ledger.Record) []ledger.Record {
	return slices.SortedStableFunc(slices.Values(records), func(a, b ledger.Record) int { return a.At.Compare(b.At) })
}

// auditEvent is the type of the resources in which a client reads the ledger: to look at it discloses nothing that it does not say itself.
const auditEvent = "AuditEvent"

// About gives the kinds of record that a record of the ledger disclosed, sorted: none for an answer that held nothing, and none for a client's
// look at the ledger itself.
func About(r *ledger.Record) []string {
	types := map[string]bool{}
	for _, ref := range r.Released {
		if typ, _, ok := strings.Cut(ref, "/"); ok && typ != auditEvent {
			types[typ] = true
		}
	}
	return slices.Sorted(maps.Keys(types))
}

func excluded(r *ledger.Record) Exclusion {
	switch {
	case r.Accountable:
		return Listed
	case r.ToIndividual:
		return ToIndividual
	case r.Authorized:
		return UnderAuthorized
	}
	return Operations
}

func references(r *ledger.Record) []string {
	out := make([]string, len(r.Consents))
	for i, c := range r.Consents {
		out[i] = c.Reference
	}
	slices.Sort(out)
	return out
}

// ground says on what a disclosure rested.
func ground(r *ledger.Record, c Context) string {
	if r.ToIndividual {
		return "your right to your own records (45 CFR 164.524)"
	}
	var dates []time.Time
	unknown := 0
	for _, ref := range references(r) {
		if at, ok := c.Signed(ref); ok {
			dates = append(dates, at)
		} else {
			unknown++
		}
	}
	var parts []string
	slices.SortFunc(dates, time.Time.Compare)
	for _, at := range dates {
		parts = append(parts, "your signed release of "+day(at, c.Zone))
	}
	if unknown > 0 {
		parts = append(parts, "a release of yours whose date is not in the practice's records any more")
	}
	return cmp.Or(strings.Join(slices.Compact(parts), "; "), "the law, without a release")
}

func day(t time.Time, zone *time.Location) string { return t.In(zone).Format("2 January 2006") }

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
