package accounting

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
)

var columns = []string{"first_disclosure", "last_disclosure", "times", "recipient", "recipient_address", "what", "purpose", "ground", "required_by_164_528",
	"why_not_required", "part_2_records"}

// WriteCSV writes the accounting as CSV (RFC 4180), dates with their offset from UTC.
func (a *Accounting) WriteCSV(w io.Writer, zone *time.Location) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(columns); err != nil {
		return err
	}
	for _, l := range a.Lines {
		row := []string{
			l.First.In(zone).Format(time.RFC3339), l.Last.In(zone).Format(time.RFC3339), strconv.Itoa(l.Times), l.Recipient.Name, l.Recipient.Address,
			strings.Join(l.What, "; "), strings.Join(l.Purposes, "; "), l.Ground, yesNo(l.Excluded == Listed), l.Excluded.String(), yesNo(l.Part2),
		}
		for i := range row {
			row[i] = inert(row[i])
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// inert keeps a spreadsheet from taking a text for a formula: one that begins, after what is not seen, with a sign that begins formulas gets an
// apostrophe in front, and nothing in it can end its line.
func inert(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
	seen := strings.TrimLeftFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) })
	if seen != "" && strings.ContainsRune("=+-@|%＝＋－＠", []rune(seen)[0]) {
		return "'" + s
	}
	return s
}
