package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// line is one leak of the list, and how it is tried.
type line struct {
	section, name string
	title         string // what must not happen
	source        string // where it did
	tries         string // what is tried, for the report
	run           func(*probe)
	alone         bool // it changes the practice: nothing else may run meanwhile
}

// suite is one run.
type suite struct {
	ctx      context.Context
	m        *manifest
	target   string
	books    *books
	needles  *needles
	readOnly bool
	first    bool // a line ends at its first leak
	began    time.Time
	people   []*partner // the clients who ask in person
	types    []resourceType
	known    map[string][]string // by partner: the keys of the clients that the practice's records let it know of at most
	tokens   sync.Map            // partner and scopes -> *once[grant]
	charts   sync.Map            // partner and client -> *once[*chart]
	reaches  sync.Map            // partner -> *once[[]client]
	mu       sync.Mutex
	spilled  []string // where texts came out that never may
	clean    sync.Map // digests of bodies without any
	done     func()   // hears of each line that is, if not nil
}

func openSuite(ctx context.Context, o options) (*suite, error) {
	m, err := readManifest(o.manifest)
	if err != nil {
		return nil, err
	}
	s := &suite{ctx: ctx, m: m, target: strings.TrimSuffix(o.target, "/"), readOnly: o.readOnly, first: o.firstLeak, began: time.Now(), people: m.people(), known: map[string][]string{}}
	if s.target == "" {
		s.target = m.FHIRBase
	}
	if s.books, err = openBooks(ctx, m); err != nil {
		return nil, err
	}
	s.needles = newNeedles(s.books.secrets)
	for _, p := range s.machines() {
		if s.known[p.ID], err = s.books.mayKnow(ctx, p); err != nil {
			return nil, fmt.Errorf("the forms: %w", err)
		}
	}
	for _, p := range s.people {
		s.known[p.ID] = []string{p.self.Key}
	}
	if err := s.readCapabilities(); err != nil {
		return nil, errors.Join(err, s.books.db.Close())
	}
	if err := s.tryTokens(); err != nil {
		return nil, errors.Join(err, s.books.db.Close())
	}
	return s, nil
}

// tryTokens looks whether the partners get tokens and the target takes them, once: with a token that nobody takes all answers are alike.
func (s *suite) tryTokens() error {
	for _, who := range s.everybody() {
		var err error
		if res := s.try(&line{run: func(p *probe) {
			_, err = p.as(who).try(get("Patient?_count=1"))
		}}); res.Reason != "" {
			return errors.New(res.Reason)
		}
		if err != nil {
			return fmt.Errorf("%s: %w; does the manifest belong to %s?", who.ID, cause(err), s.target)
		}
	}
	return nil
}

// cause is why a request failed, without its address.
func cause(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("the time is up (--timeout)")
	}
	return err
}

func (s *suite) close() { _ = s.books.db.Close() }

// machines are the partners whose software asks by itself.
func (s *suite) machines() []*partner {
	return slices.DeleteFunc(slices.Clone(s.m.Partners), func(p *partner) bool { return !p.machine() })
}

// everybody is the partners' software and the people.
func (s *suite) everybody() []*partner { return slices.Concat(s.machines(), s.people) }

// run tries the lines: several at a time, and afterwards those that change the practice.
func (s *suite) run(lines []*line) *report {
	r := &report{Target: s.target, Results: make([]result, len(lines))}
	var wg sync.WaitGroup
	slots := make(chan struct{}, 4)
	for i, l := range lines {
		if l.alone {
			continue
		}
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			r.Results[i] = s.try(l)
		})
	}
	wg.Wait()
	for i, l := range lines {
		if l.alone {
			r.Results[i] = s.try(l)
		}
	}
	return r
}

var errUnfinished = errors.New("another line has failed at what this one needs")

// once makes a value once, however many ask for it.
type once[T any] struct {
	sync.Once
	value T
	err   error
}

// remembered gives the value under the key, made by whoever comes first.
func remembered[T any](in *sync.Map, key string, f func() (T, error)) (T, error) {
	x, _ := in.LoadOrStore(key, &once[T]{})
	o := x.(*once[T])
	o.Do(func() {
		o.err = errUnfinished // it stays if making the value ends the line that makes it
		o.value, o.err = f()
	})
	return o.value, o.err
}

// hear looks for texts that never may leave in everything that comes back.
func (s *suite) hear(c *caller, r request, a *answer) {
	var head bytes.Buffer
	_ = a.header.Write(&head)
	digest := sha256.Sum256(a.body)
	_, clean := s.clean.Load(digest)
	if !clean && !s.needles.in(a.body) {
		s.clean.Store(digest, true)
		clean = true
	}
	if clean && !s.needles.flat(head.Bytes()) {
		return
	}
	who := "nobody"
	if c.partner != nil {
		who = c.partner.ID
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spilled = append(s.spilled, who+": "+r.name())
}

// probe is one line that is tried.
type probe struct {
	s               *suite
	line            string
	changes         bool         // the practice
	nothing         sync.Map     // caller and request -> *once[*answer]
	asked, examined atomic.Int64 // requests, and resources of charts that other lines may have got already
	mu              sync.Mutex
	leaks           []string
}

// verdicts that end a line.
type (
	notApplicable string
	untried       string
	enough        struct{}
)

// stop ends the line if it has found a leak and one is enough.
func (p *probe) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.s.first && len(p.leaks) > 0 {
		panic(enough{})
	}
}

// leak says what came out. It names types, partners and parameters, never a client's data.
func (p *probe) leak(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if text := fmt.Sprintf(format, args...); !slices.Contains(p.leaks, text) {
		p.leaks = append(p.leaks, text)
	}
}

// notApplicable ends the line: there is nothing here that could leak so.
func (p *probe) notApplicable(reason string) { panic(notApplicable(reason)) }

// broken ends the line: it could not be tried.
func (p *probe) broken(format string, args ...any) { panic(untried(fmt.Sprintf(format, args...))) }

// need ends the line if there is nothing to try it on.
func (p *probe) need(ok bool, what string) {
	if !ok {
		p.broken("there is %s to try it on", what)
	}
}

// must ends the line if something of the suite's own fails.
func must[T any](v T, err error) func(*probe) T {
	return func(p *probe) T {
		if err != nil {
			p.broken("%v", cause(err))
		}
		return v
	}
}

// try runs one line.
func (s *suite) try(l *line) (res result) {
	p := &probe{s: s, line: l.name, changes: l.alone}
	res = result{Section: l.section, Name: l.name, Title: l.title, Source: l.source, Tried: l.tries, Verdict: passed}
	if s.done != nil {
		defer s.done()
	}
	defer func() {
		res.Requests, res.Examined = p.asked.Load(), p.examined.Load()
		switch why := recover().(type) {
		case nil:
		case notApplicable:
			res.Verdict, res.Reason = inapplicable, string(why)
		case enough:
		case untried:
			res.Verdict, res.Reason = notTried, string(why)
		default:
			panic(why)
		}
		if len(p.leaks) > 0 {
			res.Verdict, res.Leaks = leaked, p.leaks
		}
	}()
	l.run(p)
	if p.asked.Load()+p.examined.Load() == 0 {
		p.broken("nothing was asked")
	}
	return res
}
