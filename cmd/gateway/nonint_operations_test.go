package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/search"
)

// operations asks for whole charts, documents and compartments, by the dates and types of what is withheld, and for what has changed since.
func (x *asking) operations(patient string) (all []inquiry) {
	add := func(q inquiry) { all = append(all, q) }
	everything := "Patient/" + patient + "/$everything"
	add(inquiry{method: "GET", target: everything, kind: "$everything"})
	add(inquiry{method: pick(x.clinic, "GET", "HEAD"), target: fmt.Sprintf("%s?_count=%d", everything, x.rng.IntN(4)), kind: "paged $everything"})
	add(inquiry{method: "GET", target: "DocumentReference/$docref?patient=" + patient + pick(x.clinic, "", "&_count=1"), kind: "$docref"})
	if resources := search.Resources(); x.rng.IntN(2) == 0 {
		r := resources[x.rng.IntN(len(resources))]
		add(inquiry{method: "GET", target: "Patient/" + patient + "/" + r.Type + pick(x.clinic, "", "?_count=1", "?_sort=-_lastUpdated"), kind: "compartment of " + r.Type})
	}
	for range 3 {
		if len(x.withheld) == 0 {
			break
		}
		f := x.withheld[x.rng.IntN(len(x.withheld))].Facts()
		add(x.everythingOf(everything, f))
		add(inquiry{method: "GET", target: "DocumentReference/$docref?patient=" + patient + "&" + x.around(f).Encode(), kind: "$docref by dates"})
	}
	for _, e := range x.chart {
		if len(x.withheld) > 0 && x.shown[e.ref] && x.rng.IntN(4) == 0 {
			since := x.withheld[x.rng.IntN(len(x.withheld))].Facts().LastUpdated.Start
			add(inquiry{method: "GET", target: e.ref.String(), ifModifiedSince: since.UTC().Format(http.TimeFormat), kind: "read of a " + e.ref.Type + " if it was modified"})
		}
	}
	return all
}

// everythingOf asks for the whole chart by what a withheld resource is.
func (x *asking) everythingOf(target string, f *stage.Facts) inquiry {
	q := url.Values{}
	if x.clinic.chance(50) {
		q = x.around(f)
	}
	if x.clinic.chance(50) {
		q.Set("_type", f.Type+pick(x.clinic, "", ",Patient", ",Provenance"))
	}
	if x.clinic.chance(30) {
		q.Set("_since", f.LastUpdated.Start.UTC().Format("2006-01-02T15:04:05Z"))
	}
	if x.clinic.chance(50) {
		q.Set("_count", fmt.Sprint(x.rng.IntN(4)))
	}
	if x.clinic.chance(20) {
		return inquiry{method: "POST", target: target, form: q.Encode(), kind: "POST of $everything by type and dates"}
	}
	return inquiry{method: "GET", target: target + "?" + q.Encode(), kind: "$everything by type and dates"}
}

// around is a period that a withheld resource begins or ends.
func (x *asking) around(f *stage.Facts) url.Values {
	q := url.Values{}
	if t := f.When.Start; !t.IsZero() {
		q.Set(pick(x.clinic, "start", "end"), t.UTC().Format("2006-01-02"))
	}
	if t := f.When.End; !t.IsZero() && x.clinic.chance(50) {
		q.Set(pick(x.clinic, "start", "end"), t.UTC().Format("2006-01-02"))
	}
	return q
}

// batchOf asks for some of the same in one batch.
func (x *asking) batchOf(all []inquiry) inquiry {
	type request struct {
		Method      string `json:"method"`
		URL         string `json:"url"`
		IfNoneMatch string `json:"ifNoneMatch,omitempty"`
	}
	var entries []map[string]request
	for range 10 {
		q := all[x.rng.IntN(len(all))]
		entries = append(entries, map[string]request{"request": {Method: q.method, URL: q.target}})
	}
	entries = append(entries, map[string]request{"request": {Method: "GET", URL: all[0].target, IfNoneMatch: "*"}})
	text, err := json.Marshal(map[string]any{"resourceType": "Bundle", "type": "batch", "entry": entries})
	if err != nil {
		panic(err)
	}
	return inquiry{method: "POST", batch: string(text), kind: "batch"}
}
