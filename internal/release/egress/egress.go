package egress

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/consentry/gateway/internal/release/facts"
)

// Options are what an Egress needs. Only PsychotherapyKinds, Alarm, GuardCapacity, PageBytes and AnswerBytes may be left out.
type Options struct {
	// Base is the absolute URL of the FHIR service, "https://gateway.example/fhir". It never comes from a request.
	Base string
	// TagKey is the key of the entity tags, at least 32 bytes.
	TagKey []byte
	// PsychotherapyKinds are the kinds of note that the maps withhold, psychotherapy notes first of all: the guard lets none of them out,
	// besides its own list.
	PsychotherapyKinds []string
	// Alarm is told of every hit of the guard, nil for nobody.
	Alarm func(Alarm)
	// GuardCapacity is how many bodies the guard remembers as examined, 0 for 65,536.
	GuardCapacity int
	// PageBytes bounds the encoded pages that are kept, 0 for 64 MiB.
	PageBytes uint64
	// AnswerBytes bounds what answers of more than 128 KiB hold at once until they are written, 0 for 512 MiB. Beyond it they are refused (503).
	AnswerBytes int64
	// Zone is the practice's zone and Types reads the resource types: with them the facts of a projected body are made anew.
	Zone  *time.Location
	Types *facts.Types
}

// Egress encodes answers. It is safe for concurrent use.
type Egress struct {
	base      string // without a slash at its end
	full      []byte // `{"fullUrl":"` and the base and a slash, encoded
	tags      *tagger
	guard     *guard
	zone      *time.Location
	types     *facts.Types
	projected projections
	budget    budget
	// pages are encoded pages that were asked for more than once. A Page belongs to one view, so none is ever stale; they are dropped by size.
	pages *otter.Cache[*Page, Answer]
}

var (
	errNotPatient = errors.New("egress: not a Patient")
	errNoTerms    = errors.New("egress: a Part 2 record without the scope of its consent")
	errSubset     = errors.New("egress: a body of which no subset can be made")
)

const (
	minTagKey        = 32
	defaultPageBytes = 64 << 20
)

// New makes an Egress.
func New(o Options) (*Egress, error) {
	u, err := url.Parse(o.Base)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, errors.New("egress: the base must be an absolute http(s) URL without query, fragment and user")
	}
	if len(o.TagKey) < minTagKey {
		return nil, errors.New("egress: the key for entity tags must have at least 32 bytes")
	}
	if o.Zone == nil || o.Types == nil {
		return nil, errors.New("egress: no zone, or no reading of the resource types")
	}
	base := strings.TrimRight(o.Base, "/")
	full := append([]byte(`{"fullUrl":`), appendString(nil, base+"/")...)
	if o.PageBytes == 0 {
		o.PageBytes = defaultPageBytes
	}
	if o.AnswerBytes == 0 {
		o.AnswerBytes = defaultAnswerBytes
	}
	return &Egress{
		budget: budget{most: o.AnswerBytes},
		base:   base,
		full:   full[:len(full)-1], // the type, the id and the quote follow
		tags:   newTagger(o.TagKey),
		guard:  newGuard(o.PsychotherapyKinds, o.GuardCapacity, o.Alarm),
		zone:   o.Zone,
		types:  o.Types,
		pages: otter.Must(&otter.Options[*Page, Answer]{
			MaximumWeight: o.PageBytes, Weigher: func(_ *Page, a Answer) uint32 { return uint32(min(len(a.body)+pageRoom, 1<<31)) },
		}),
	}, nil
}
