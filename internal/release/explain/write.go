package explain

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/consentry/gateway/internal/release/consent"
)

// WriteJSON writes one line of JSON for each resource, in the order of the file.
func (a *Answer) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, l := range a.Lines {
		if err := e.Encode(l); err != nil {
			return err
		}
	}
	return nil
}

// WriteText writes one line for each resource and a summary, for a privacy officer.
func (a *Answer) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "DECISION\tRESOURCE\tREASON\tCONSENT\tPROVISION")
	for _, l := range a.Lines {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", l.Decision, l.Resource, l.Reason, dash(l.Consent), dash(l.Provision))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s\n", a.summary())
	return err
}

// meanings say the reasons in plain words.
var meanings = map[consent.Reason]string{
	consent.Permitted:         "a Consent permits it",
	consent.SelfAccess:        "the client, or a representative, asks for it",
	consent.NoConsent:         "no Consent permits it, or none that the token names",
	consent.Denied:            "a Consent denies it, or cannot be read",
	consent.PsychotherapyNote: "psychotherapy note or SUD counselling note: never released to anybody",
	consent.Scope:             "the scopes do not reach it",
	consent.Token:             "the token itself forbids it",
	consent.Purpose:           "no purpose is stated, or not one that the partner may state",
	consent.PurposeRule:       "more than is necessary for the purpose",
	consent.Restriction:       "a restriction that no Consent lifts",
	consent.Label:             "a label that no Consent covers, or that excludes it",
	consent.Unclassified:      "not classified, or about nobody known",
	consent.OtherPatient:      "about another client",
}

func (a *Answer) summary() string {
	counts := map[consent.Reason]int{}
	released := 0
	for _, l := range a.Lines {
		counts[l.Reason]++
		if l.Decision == "release" {
			released++
		}
	}
	reasons := make([]consent.Reason, 0, len(counts))
	for r := range counts {
		reasons = append(reasons, r)
	}
	slices.Sort(reasons)
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d resources released, %d withheld", released, len(a.Lines), len(a.Lines)-released)
	for _, r := range reasons {
		fmt.Fprintf(&b, "\n  %5d  %s: %s", counts[r], r, meanings[r])
	}
	if !a.ValidUntil.IsZero() && a.ValidUntil.Before(consent.Forever) {
		fmt.Fprintf(&b, "\nThe answer may change at %s.", a.ValidUntil.Format(time.RFC3339))
	}
	for _, r := range a.Remarks {
		b.WriteString("\n" + r)
	}
	return b.String()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
