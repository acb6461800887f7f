package accounting

import (
	_ "embed"
	"io"
	"strconv"
	"strings"
	"text/template"
	"time"
)

// Letter says what a letter states besides the accounting.
type Letter struct {
	Client         string // the practice's own number of the client; no name is needed
	Made, From, To time.Time
	Zone           *time.Location
	// Unread says that some records could not be read.
	Unread bool
}

//go:embed letter.txt
var letterText string

var letter = template.Must(template.New("letter").Parse(letterText))

// WriteText writes the accounting as a letter that the client can read.
func (a *Accounting) WriteText(w io.Writer, l Letter) error {
	type entry struct {
		Name, Address, When, What, Purpose, Ground, Why string
		Part2                                           bool
	}
	var page struct {
		Client, Made, From, To string
		Unread                 bool
		Required, Others       []entry
		Part2From              string
	}
	page.Client, page.Made, page.From, page.To, page.Unread = l.Client, day(l.Made, l.Zone), day(l.From, l.Zone), day(l.To, l.Zone), l.Unread
	page.Part2From = day(l.To.AddDate(-Part2Years, 0, 0), l.Zone)
	for _, d := range a.Lines {
		e := entry{
			Name: d.Recipient.Name, Address: d.Recipient.Address, When: d.when(l.Zone), What: wrapped(strings.Join(d.What, ", ")),
			Purpose: wrapped(strings.Join(d.Purposes, ", ")), Ground: wrapped(d.Ground), Why: d.Excluded.String(), Part2: d.Part2,
		}
		if d.Excluded == Listed {
			page.Required = append(page.Required, e)
		} else {
			page.Others = append(page.Others, e)
		}
	}
	return letter.Execute(w, page)
}

// when says when, and how often if more than once (164.528(b)(3)).
func (d Disclosure) when(zone *time.Location) string {
	first, last := day(d.First, zone), day(d.Last, zone)
	switch {
	case d.Times == 1:
		return first
	case first == last:
		return plural(d.Times) + " on " + first
	}
	return plural(d.Times) + ", first on " + first + ", last on " + last
}

func plural(n int) string {
	if n == 2 {
		return "twice"
	}
	return strconv.Itoa(n) + " times"
}

// The width of a letter's lines, and what stands before the text of an entry.
const (
	width  = 80
	indent = "            "
)

// wrapped breaks a text at blanks, each further line below the first.
func wrapped(text string) string {
	var b strings.Builder
	line := len(indent)
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case line+1+len(word) > width:
			b.WriteString("\n" + indent)
			line = len(indent)
		default:
			b.WriteByte(' ')
			line++
		}
		b.WriteString(word)
		line += len(word)
	}
	return b.String()
}

// String says why the law leaves the disclosure out.
func (e Exclusion) String() string {
	return [exclusionsNumber]string{
		Operations:      "for treatment, payment or health care operations",
		ToIndividual:    "to you, or to who may act for you",
		UnderAuthorized: "you authorized it in writing",
	}[e]
}
