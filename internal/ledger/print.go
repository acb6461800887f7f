package ledger

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Write states the report in words, one line each.
func (r *Report) Write(w io.Writer) error {
	_, err := fmt.Fprintf(w, "records: %d, chains: %d, checkpoints: %d\n", r.Records, r.Chains, r.Checkpoints)
	for _, p := range r.Problems {
		place := ""
		if p.Writer != "" {
			place = " chain " + p.Writer
		}
		if p.Seq > 0 {
			place += fmt.Sprintf(" number %d", p.Seq)
		}
		_, e := fmt.Fprintf(w, "PROBLEM%s: %s\n", place, p.Finding)
		err = firstOf(err, e)
	}
	if r.More > 0 {
		_, e := fmt.Fprintf(w, "and %d problems more\n", r.More)
		err = firstOf(err, e)
	}
	if r.Last.Number > 0 {
		_, e := fmt.Fprintf(w, "last checkpoint %s\n", r.Last)
		err = firstOf(err, e)
	}
	return err
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// line is an entry as JSON states it.
type line struct {
	At           time.Time         `json:"at"`
	RequestID    string            `json:"requestId,omitempty"`
	Recipient    string            `json:"recipient"`
	Purposes     []string          `json:"purposes,omitempty"`
	Interaction  string            `json:"interaction"`
	Status       int               `json:"status"`
	Client       string            `json:"client,omitempty"`
	ChartVersion string            `json:"chartVersion,omitempty"`
	Consents     []consentLine     `json:"consents,omitempty"`
	Released     []string          `json:"released"`
	Withheld     map[string]uint32 `json:"withheld,omitempty"`
	Accountable  bool              `json:"accountable"`
	ToIndividual bool              `json:"toIndividual,omitempty"`
	Authorized   bool              `json:"authorized,omitempty"`
	Part2        bool              `json:"part2,omitempty"`
	Digest       string            `json:"digest"`
	Chain        string            `json:"chain"`
	Number       uint64            `json:"number"`
}

type consentLine struct {
	Reference string `json:"reference"`
	Version   string `json:"version"`
}

// MarshalJSON gives the entry, expanded.
func (e Entry) MarshalJSON() ([]byte, error) {
	r := &e.Record
	l := line{At: r.At, RequestID: r.RequestID, Recipient: r.Partner, Purposes: r.Purposes, Interaction: r.Interaction, Status: r.Status, Client: r.Client,
		ChartVersion: r.ChartVersion, Released: r.Released, Withheld: r.Withheld, Accountable: r.Accountable,
		ToIndividual: r.ToIndividual, Authorized: r.Authorized, Part2: r.Part2, Digest: hex.EncodeToString(r.Digest[:]),
		Chain: e.Writer.String(), Number: e.Seq}
	if l.Released == nil {
		l.Released = []string{}
	}
	for _, c := range r.Consents {
		l.Consents = append(l.Consents, consentLine{Reference: c.Reference, Version: hex.EncodeToString(c.Version[:])})
	}
	return json.Marshal(l)
}

// Describe gives the entry in one line: what an accounting states of it (45 CFR 164.528(b)(2)), date, recipient, what and why.
func (e Entry) Describe(zone *time.Location) string {
	r := &e.Record
	kinds := map[string]int{}
	for _, id := range r.Released {
		typ, _, _ := strings.Cut(id, "/")
		kinds[typ]++
	}
	var what []string
	for _, typ := range slices.Sorted(maps.Keys(kinds)) {
		what = append(what, fmt.Sprintf("%d %s", kinds[typ], typ))
	}
	if len(what) == 0 {
		what = []string{"nothing"}
	}
	var why []string
	for _, p := range r.Purposes {
		why = append(why, p[strings.LastIndexByte(p, '|')+1:])
	}
	accountable := ""
	if r.Accountable {
		accountable = " [accountable]"
	}
	return fmt.Sprintf("%s  %s  for %s  %s (%d): %s%s", r.At.In(zone).Format("2006-01-02 15:04:05"), r.Partner, strings.Join(why, ","), r.Interaction,
		r.Status, strings.Join(what, ", "), accountable)
}
