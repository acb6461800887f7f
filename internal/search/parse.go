package search

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/consentry/gateway/internal/fhir"
)

// The bounds of one request.
const (
	maxCriteria = 64
	maxValues   = 256
)

// Config is what a Parser needs to know.
type Config struct {
	// Base is the absolute URL of the FHIR endpoint, without a slash at its end: references to it are references to us.
	Base string
	// Zone is the practice's time zone, in which dates without one are read. It is required.
	Zone *time.Location
	// DefaultCount and MaxCount bound a page; 0 means 50 and 200. A greater `_count` is cut down to MaxCount.
	DefaultCount, MaxCount int
}

// Parser reads search requests. It is immutable and safe for concurrent use.
type Parser struct {
	base         string
	zone         *time.Location
	defaultCount int
	maxCount     int
}

// NewParser makes a Parser.
func NewParser(c Config) (*Parser, error) {
	if c.Zone == nil {
		return nil, errors.New("search: no time zone")
	}
	if c.DefaultCount <= 0 {
		c.DefaultCount = 50
	}
	if c.MaxCount <= 0 {
		c.MaxCount = 200
	}
	return &Parser{base: strings.TrimSuffix(c.Base, "/"), zone: c.Zone, defaultCount: min(c.DefaultCount, c.MaxCount), maxCount: c.MaxCount}, nil
}

// ParseText reads the text of a query string or of a form (`application/x-www-form-urlencoded`).
func (p *Parser) ParseText(resourceType, text string, strict bool) (*Query, error) {
	values, err := url.ParseQuery(text)
	if err != nil {
		return nil, fail("", BadQueryText)
	}
	return p.Parse(resourceType, values, strict)
}

// Parse reads the parameters of a search, from the URL and from the form of a POST together. Strict is `Prefer: handling=strict`: a
// parameter that the type does not have is then an error and not just ignored. Every error is an *Error.
func (p *Parser) Parse(resourceType string, values url.Values, strict bool) (*Query, error) {
	r, ok := Lookup(resourceType)
	if !ok {
		return nil, fail("", UnknownType)
	}
	b := builder{parser: p, query: &Query{resource: r, count: p.defaultCount}, strict: strict}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := b.parameter(name, values[name]); err != nil {
			return nil, err
		}
	}
	return b.finish()
}

// builder collects a Query while its parameters are read.
type builder struct {
	parser *Parser
	query  *Query
	strict bool
	self   []string
	values int
	// summarized says that `_summary` was given, with whatever value.
	summarized bool
	// including says that the query has an inclusion, though it may lead nowhere.
	including bool
}

// parameter reads all occurrences of one name, in order.
func (b *builder) parameter(name string, occurrences []string) error {
	given := make([]string, 0, len(occurrences))
	for _, o := range occurrences {
		if o != "" { // an empty value says nothing (FHIR R4 3.1.1.3)
			given = append(given, o)
		}
	}
	if len(given) == 0 {
		return nil
	}
	if read, ok := controls[name]; ok {
		return b.control(name, given, read)
	}
	base, modifier, modified := strings.Cut(name, ":")
	if base == "_has" {
		return fail("_has", NotHere) // ignored, it would answer another question than was asked
	}
	param, ok := b.query.resource.Parameter(base)
	if !ok {
		return b.unknown(name)
	}
	if modified && modifier == "" {
		return fail(param.Name, BadModifier)
	}
	slices.Sort(given)
	for _, g := range slices.Compact(given) {
		if err := b.criterion(param, modifier, g); err != nil {
			return err
		}
	}
	return nil
}

// control reads a parameter that shapes the answer.
func (b *builder) control(name string, given []string, read func(*builder, string) error) error {
	if repeats(name) {
		slices.Sort(given)
		given = slices.Compact(given)
	}
	switch {
	case len(given) > maxCriteria:
		return fail(name, TooMany)
	case len(given) > 1 && !repeats(name):
		return fail(name, Repeated)
	}
	for _, g := range given {
		if err := read(b, g); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) unknown(name string) error {
	if b.strict {
		return fail(readable(name), UnknownName)
	}
	b.ignore(name)
	return nil
}

// ignore notes what is left out of account, for the outcome entry.
func (b *builder) ignore(name string) {
	if len(b.query.ignored) < maxCriteria {
		b.query.ignored = append(b.query.ignored, readable(name))
	}
}

// readable cuts a name down to what the names of parameters, elements and inclusions are made of.
func readable(name string) string {
	keep := func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("_-.:=*", r) {
			return r
		}
		return -1
	}
	if name = strings.Map(keep, name); len(name) > 64 {
		name = name[:64]
	}
	return name
}

func (b *builder) criterion(param *Parameter, modifier, text string) error {
	c := criterion{param: param, modifier: modifier}
	if modifier == "missing" {
		if text != "true" && text != "false" {
			return fail(param.Name, Malformed)
		}
		c.missing = text == "true"
		return b.add(c, text)
	}
	restrict, ok := typeModifier(param, modifier)
	if !ok {
		return fail(param.Name, BadModifier)
	}
	if restrict != "" {
		c.modifier = ""
	}
	if !printable(text) {
		return fail(param.Name, Malformed)
	}
	parts := slices.DeleteFunc(split(text, ','), func(s string) bool { return s == "" })
	if len(parts) == 0 {
		return nil
	}
	slices.Sort(parts)
	parts = slices.Compact(parts)
	for _, part := range parts {
		v, ok := b.parser.parseValue(param, modifier, part)
		if !ok {
			return fail(param.Name, Malformed)
		}
		c.values = append(c.values, v)
	}
	if restrict != "" {
		return b.addAs(c, restrict, strings.Join(parts, ","))
	}
	return b.add(c, strings.Join(parts, ","))
}

// typeModifier checks a modifier; for `:Patient` and its like it gives the type.
func typeModifier(param *Parameter, modifier string) (restrict string, ok bool) {
	switch {
	case modifier == "":
		return "", true
	case modifier == "not":
		return "", param.Kind == Token
	case modifier == "exact", modifier == "contains":
		return "", param.Kind == String
	case param.Kind == Reference && slices.Contains(param.Targets, modifier):
		return modifier, true
	}
	return "", false
}

// parseValue reads one alternative.
func (p *Parser) parseValue(param *Parameter, modifier, text string) (value, bool) {
	switch param.Kind {
	case Token:
		return parseToken(text)
	case Date:
		return p.parseDate(text)
	case String:
		return parseText(text, modifier == "exact")
	case Reference:
		return p.parseReference(text, modifier)
	}
	return value{}, false
}

func (b *builder) add(c criterion, text string) error { return b.addAs(c, c.modifier, text) }

func (b *builder) addAs(c criterion, modifier, text string) error {
	b.values += len(c.values)
	if len(b.query.criteria) == maxCriteria || b.values > maxValues {
		return fail("", TooMany)
	}
	b.query.criteria = append(b.query.criteria, c)
	name := c.param.Name
	if modifier != "" {
		name += ":" + modifier
	}
	b.self = append(b.self, name+"="+url.QueryEscape(text))
	return nil
}

// finish checks what only the whole request shows: what does not go together, and whom it names.
func (b *builder) finish() (*Query, error) {
	q := b.query
	if q.token != "" {
		// A `_count` is let pass, since clients add one to whatever link they are given; the count of the search that began holds.
		others := slices.ContainsFunc(b.self, func(s string) bool { return !strings.HasPrefix(s, "_count=") })
		if len(q.criteria) > 0 || others {
			return nil, fail("_page", PageAndOthers)
		}
		return q, nil
	}
	if err := b.shape(); err != nil {
		return nil, err
	}
	if err := b.clients(); err != nil { // last: what is malformed cannot be mended by naming a client
		return nil, err
	}
	q.self = strings.Join(b.self, "&")
	return q, nil
}

func (b *builder) clients() error {
	q := b.query
	var named, ids []fhir.Reference
	for i := range q.criteria {
		c := &q.criteria[i]
		if c.modifier != "" {
			continue
		}
		for _, v := range c.values {
			switch {
			case c.param.names() && !v.nothing && (v.ref.Type == "" || v.ref.Type == "Patient"):
				named = append(named, fhir.Reference{Type: "Patient", ID: v.ref.ID})
			case c.param.names(): // another type, or another server: nobody here, and no match
				named = append(named, fhir.Reference{Type: "Patient"})
			case c.param.origin == fromID && v.anySystem && fhir.IsID(v.code):
				ids = append(ids, fhir.Reference{Type: q.resource.Type, ID: v.code})
			case c.param.origin == fromID:
				return fail("_id", Malformed)
			}
		}
	}
	return b.settle(distinct(named), distinct(ids))
}

// settle decides whom the search is about.
func (b *builder) settle(named, ids []fhir.Reference) error {
	q := b.query
	switch {
	case len(named) > 1:
		return fail("patient", ManyClients)
	case len(named) == 1:
		q.clients = named
	case q.resource.Type == "Patient" || !q.resource.Open:
		q.clients = ids
	}
	if len(q.clients) == 0 && !q.resource.Open {
		return fail("patient", NamesNobody)
	}
	return nil
}

func distinct(refs []fhir.Reference) []fhir.Reference {
	slices.SortFunc(refs, func(a, b fhir.Reference) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(refs)
}
