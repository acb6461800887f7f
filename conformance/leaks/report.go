package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// verdict is what became of a line.
type verdict string

const (
	passed       verdict = "passed"
	leaked       verdict = "LEAK"
	inapplicable verdict = "not applicable"
	// notTried counts as a failure: the line found nothing to try itself on.
	notTried verdict = "not tried"
)

// result is what became of one line.
type result struct {
	Section  string   `json:"section"`
	Name     string   `json:"name"`
	Title    string   `json:"title"`
	Source   string   `json:"source"`
	Tried    string   `json:"tried"`
	Requests int64    `json:"requests"`
	Examined int64    `json:"resources"`
	Verdict  verdict  `json:"verdict"`
	Reason   string   `json:"reason,omitempty"`
	Leaks    []string `json:"leaks,omitempty"`
}

// report is what became of all.
type report struct {
	Target  string   `json:"target"`
	Results []result `json:"results"`
}

// effort says how much was looked at.
func (x result) effort() string {
	if x.Requests == 0 {
		return fmt.Sprintf("%d resources", x.Examined)
	}
	return fmt.Sprintf("%d requests", x.Requests)
}

// names are the lines that ended so.
func (r *report) names(v verdict) (out []string) {
	for _, x := range r.Results {
		if x.Verdict == v {
			out = append(out, x.Name)
		}
	}
	return out
}

func (r *report) count(v verdict) int { return len(r.names(v)) }

// clean tells whether nothing leaked and everything was tried that could be.
func (r *report) clean() bool {
	return len(r.Results) > 0 && r.count(passed)+r.count(inapplicable) == len(r.Results)
}

func (r *report) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// shownLeaks is how many of a line's leaks the text shows.
const shownLeaks = 5

func (r *report) writeText(w io.Writer) error {
	fmt.Fprintf(w, "Leaks that happened elsewhere, tried on %s\n", r.Target)
	section := ""
	var requests int64
	for _, x := range r.Results {
		if x.Section != section {
			section = x.Section
			fmt.Fprintf(w, "\n%s\n", section)
		}
		requests += x.Requests
		fmt.Fprintf(w, "  %-14s  %-26s  %s [%s]\n", x.Verdict, x.Name, x.Title, x.Source)
		if x.Reason != "" {
			fmt.Fprintf(w, "                  because %s\n", x.Reason)
		} else {
			fmt.Fprintf(w, "                  tried: %s (%s)\n", x.Tried, x.effort())
		}
		for i, l := range x.Leaks {
			if i == shownLeaks {
				fmt.Fprintf(w, "      and %d more\n", len(x.Leaks)-i)
				break
			}
			fmt.Fprintf(w, "      %s\n", l)
		}
	}
	for _, v := range []verdict{leaked, notTried} {
		if names := r.names(v); len(names) > 0 {
			fmt.Fprintf(w, "\n%s: %s\n", v, strings.Join(names, ", "))
		}
	}
	_, err := fmt.Fprintf(w, "\n%d lines, %d requests: %d passed, %d leak, %d not tried, %d not applicable\n",
		len(r.Results), requests, r.count(passed), r.count(leaked), r.count(notTried), r.count(inapplicable))
	return err
}
