package fhirapi

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/search"
)

// occurs says how often a parameter of an operation may be given.
type occurs uint8

const (
	never occurs = iota // an operation does not have it
	once
	repeated
)

// everywhere are the parameters of the API itself, which every operation has; they are read before it.
var everywhere = map[string]bool{"_format": true, "_pretty": true}

// operands are the parameters of an operation (https://hl7.org/fhir/R4/operations.html), from the URL and the body together.
type operands struct {
	given   url.Values // without what is empty
	ignored []string
}

// maxIgnored bounds how many of the requester's own words are named in an answer.
const maxIgnored = 64

// operandsOf reads what the operation has. What it does not have is ignored and named in the answer, or an error where that was asked for.
func operandsOf(r *Request, known map[string]occurs) (operands, error) {
	o := operands{given: url.Values{}}
	for _, name := range slices.Sorted(maps.Keys(r.Params)) {
		values := slices.DeleteFunc(slices.Clone(r.Params[name]), func(s string) bool { return s == "" })
		switch {
		case len(values) == 0 || everywhere[name]:
		case known[name] == never && r.Strict:
			return o, &search.Error{Param: search.Readable(name), Problem: search.UnknownName}
		case known[name] == never:
			if len(o.ignored) < maxIgnored {
				o.ignored = append(o.ignored, search.Readable(name))
			}
		case known[name] == once && len(values) > 1:
			return o, &search.Error{Param: name, Problem: search.Repeated}
		default:
			o.given[name] = values
		}
	}
	return o, nil
}

func malformed(name string) error { return &search.Error{Param: name, Problem: search.Malformed} }

// list gives the values of a parameter that repeats or has commas, each once and sorted.
func (o operands) list(name string) []string {
	var all []string
	for _, v := range o.given[name] {
		all = append(all, strings.Split(v, ",")...)
	}
	slices.Sort(all)
	all = slices.Compact(slices.DeleteFunc(all, func(s string) bool { return s == "" }))
	if o.given.Del(name); len(all) > 0 {
		o.given.Set(name, strings.Join(all, ","))
	}
	return all
}

// count gives the size of a page, at most so many; if none was asked for, that many.
func (o operands) count(most int) (int, error) {
	text := o.given.Get("_count")
	if text == "" {
		return most, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, malformed("_count")
	}
	o.given.Set("_count", strconv.Itoa(min(int(n), most)))
	return min(int(n), most), nil
}

// date gives the interval of a date, or false if there is none.
func (o operands) date(p *search.Parser, name string) (fhir.Interval, bool, error) {
	text := o.given.Get(name)
	if text == "" {
		return fhir.Interval{}, false, nil
	}
	i, ok := p.Date(text)
	if !ok {
		return i, false, malformed(name)
	}
	return i, true, nil
}

// period gives the time from the beginning of `start` to the end of `end`. stated is false if there is neither.
func (o operands) period(p *search.Parser) (between fhir.Interval, stated bool, err error) {
	start, hasStart, err := o.date(p, "start")
	if err != nil {
		return fhir.Interval{}, false, err
	}
	end, hasEnd, err := o.date(p, "end")
	if err != nil {
		return fhir.Interval{}, false, err
	}
	return fhir.Interval{Start: start.Start, End: end.End}, hasStart || hasEnd, nil
}

// page gives the token of a page, empty for the first.
func (o operands) page() string { return o.given.Get("_page") }

// self writes what was used, so that two requests that mean the same are written alike.
func (o operands) self() string { return o.given.Encode() }
