// Package explain is the decision on files: given a client's Consents, a chart labeled as it stands and one who asks, it says for each resource
// what package consent decides and why. `gateway explain` is its face.
//
// It owns the reading of those files and the wording of the answer, and decides nothing itself. It must not import practice or gin: a file is all
// that it needs.
package explain

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/mapping/fhirsource"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/facts"
	"github.com/consentry/gateway/internal/release/label"
	"github.com/consentry/gateway/internal/release/policy"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/search"
	"github.com/consentry/gateway/internal/smart"
)

// Question is what is asked of the files.
type Question struct {
	Consents  File
	Resources File
	// Chart is Resources as ReadChart read it, where several questions are asked of one chart; nil reads Resources.
	Chart     *Chart
	Requester *Requester
	At        time.Time
	Zone      *time.Location
	// Practice is this practice. Without it the rule on who discloses is not applied.
	Practice fhir.Reference
	Rules    *consent.Rules
	Types    *facts.Types
}

// Chart is a file of resources, read and labeled as it stands.
type Chart struct {
	all      []stage.Labeled
	people   []stage.Labeled
	byClient map[fhir.Reference][]int
}

// File is a file of NDJSON, with its name for reports.
type File struct {
	Name string
	io.Reader
}

// Answer is what is decided of each resource, in the order of the file.
type Answer struct {
	Lines      []Line
	ValidUntil time.Time
	// Remarks say what could not be read as it was meant: places in the files, never values.
	Remarks []string
}

// Line is the answer for one resource.
type Line struct {
	Resource  string         `json:"resource"`
	Decision  string         `json:"decision"` // release or withhold
	Reason    consent.Reason `json:"reason"`
	Consent   string         `json:"consent"`
	Provision string         `json:"provision"`
	Labels    []string       `json:"labels"`
}

// maxLine bounds one line of a file.
const maxLine = 16 << 20

// nobody stands for the client of resources about nobody known.
var nobody = fhir.Reference{Type: "Patient", ID: "none"}

// Explain decides.
func Explain(q Question) (*Answer, error) {
	if q.Requester == nil || q.Zone == nil || q.Rules == nil || q.Types == nil || q.At.IsZero() {
		return nil, errors.New("explain: the question is not complete")
	}
	a := &Answer{ValidUntil: consent.Forever}
	policies, refused, err := q.policies(a)
	if err != nil {
		return nil, err
	}
	chart := q.Chart
	if chart == nil {
		if chart, err = q.ReadChart(); err != nil {
			return nil, err
		}
	}
	a.Lines = make([]Line, len(chart.all))
	for client, places := range chart.byClient {
		in := q.input(client, pick(chart.all, places), policies)
		in.People, in.Refused = chart.people, refused
		res := consent.Decide(in)
		for i, place := range places {
			a.Lines[place] = line(chart.all[place], res.Decisions[i])
		}
		if res.ValidUntil.Before(a.ValidUntil) {
			a.ValidUntil = res.ValidUntil
		}
	}
	return a, nil
}

func (q Question) input(client fhir.Reference, chart []stage.Labeled, policies map[fhir.Reference][]*policy.Policy) consent.Input {
	in := consent.Input{
		Requester: q.Requester.who, Permission: smart.Read, Client: client, Chart: chart, Policies: map[fhir.Reference]policy.Set{},
		Related: map[fhir.Reference]bool{client: q.Requester.related}, AnyDiscloser: q.Practice == fhir.Reference{}, Now: q.At, Zone: q.Zone, Rules: q.Rules, Granular: granular,
	}
	if !in.AnyDiscloser {
		in.Practice = []requester.Party{{Reference: q.Practice}}
	}
	in.Policies[client] = policy.NewSet(policies[client]...)
	for _, l := range chart {
		for _, c := range consent.Concerned(l.Facts(), q.Rules) {
			in.Policies[c], in.Related[c] = policy.NewSet(policies[c]...), q.Requester.related
		}
	}
	return in
}

func granular(f *stage.Facts, p smart.Param) bool {
	ok, err := search.Matches(f, p.Name, p.Value)
	return ok && err == nil
}

// peopleOf picks the clients and those who may represent one, and whom the roles mean in which others act.
func peopleOf(chart []stage.Labeled) []stage.Labeled {
	var people []stage.Labeled
	for _, l := range chart {
		if t := l.Facts().Type; t == "Patient" || t == "RelatedPerson" || t == "PractitionerRole" {
			people = append(people, l)
		}
	}
	return people
}

// policies compiles the Consents. refused says that the client of one cannot be told.
func (q Question) policies(a *Answer) (by map[fhir.Reference][]*policy.Policy, refused bool, err error) {
	lines, err := read(q.Consents)
	if err != nil {
		return nil, false, err
	}
	by = map[fhir.Reference][]*policy.Policy{}
	for _, l := range lines {
		p, err := policy.Compile(l.json, q.Zone, q.Rules)
		if errors.Is(err, policy.ErrClient) {
			a.remark(l, "not a Consent whose client can be told: everything is withheld")
			refused = true
			continue
		}
		if err != nil {
			return nil, false, fmt.Errorf("%s: %w", l.place, err)
		}
		for _, note := range p.Notes {
			a.remark(l, remarkOf(p)+": "+note)
		}
		by[p.Patient] = append(by[p.Patient], p)
	}
	return by, refused, nil
}

// remarkOf says what follows from what could not be read in a Consent.
func remarkOf(p *policy.Policy) string {
	switch {
	case p.Unreadable:
		return "withholds everything of its client but self-access"
	case p.Doubt:
		return "can only deny"
	}
	return "its permits are silent"
}

func (a *Answer) remark(l ndline, what string) { a.Remarks = append(a.Remarks, l.place+": "+what) }

// ReadChart reads the resources, labeled as they stand. What cannot be read is an error with its place: an answer that leaves resources out
// would explain something else than was asked.
func (q Question) ReadChart() (*Chart, error) {
	lines, err := read(q.Resources)
	if err != nil {
		return nil, err
	}
	jsons := make([][]byte, len(lines))
	for i, l := range lines {
		jsons[i] = l.json
	}
	origin := stage.Origin{Map: q.Resources.Name, Listed: true}
	candidates, unread := fhirsource.Candidates(jsons, fhirsource.Options{Zone: q.Zone, Types: q.Types, Origin: origin})
	if len(unread) > 0 {
		var problems []error
		for _, u := range unread[:min(len(unread), mostProblems)] {
			problems = append(problems, fmt.Errorf("%s: not a FHIR R4 resource that can be read: %s", lines[u.Index].place, why(u.Err)))
		}
		if more := len(unread) - len(problems); more > 0 {
			problems = append(problems, fmt.Errorf("%s: and %d more lines; each line is one resource", q.Resources.Name, more))
		}
		return nil, errors.Join(problems...)
	}
	all := label.AsTheyStand(candidates)
	return &Chart{all: all, people: peopleOf(all), byClient: byClient(all)}, nil
}

// mostProblems is how many lines that cannot be read are told one by one.
const mostProblems = 10

// why is what an error says without the name of the package that says it. No error of parsing holds a value.
func why(err error) string {
	_, text, found := strings.Cut(err.Error(), ": ")
	if !found {
		return err.Error()
	}
	return text
}

// byClient gives the places of each client's resources.
func byClient(chart []stage.Labeled) map[fhir.Reference][]int {
	by := map[fhir.Reference][]int{}
	for i, l := range chart {
		client := l.Facts().Subject
		if client == (fhir.Reference{}) {
			client = nobody
		}
		by[client] = append(by[client], i)
	}
	return by
}

func pick(chart []stage.Labeled, places []int) []stage.Labeled {
	out := make([]stage.Labeled, len(places))
	for i, p := range places {
		out[i] = chart[p]
	}
	return out
}

func line(l stage.Labeled, d consent.Decision) Line {
	out := Line{
		Resource: l.Facts().Type + "/" + l.Facts().ID, Decision: "withhold", Reason: d.Reason, Consent: d.Consent.String(), Provision: d.Provision,
		Labels: []string{},
	}
	if d.Release {
		out.Decision = "release"
	}
	for _, c := range l.Labels() {
		out.Labels = append(out.Labels, c.Key())
	}
	return out
}

// ndline is one line of NDJSON.
type ndline struct {
	place string // file:line
	json  []byte
}

// read splits a file of NDJSON. Empty lines are passed over, and the mark that some editors put before the first.
func read(f File) ([]ndline, error) {
	if f.Reader == nil {
		return nil, errors.New("explain: a file is missing")
	}
	s := bufio.NewScanner(f)
	s.Buffer(nil, maxLine)
	var lines []ndline
	n := 0
	for s.Scan() {
		n++
		line := s.Bytes()
		if n == 1 {
			line = bytes.TrimPrefix(line, bom)
		}
		if b := bytes.TrimSpace(line); len(b) > 0 {
			lines = append(lines, ndline{place: fmt.Sprintf("%s:%d", f.Name, n), json: bytes.Clone(b)})
		}
	}
	if s.Err() != nil {
		return nil, fmt.Errorf("%s:%d: the line cannot be read or is too long", f.Name, n+1)
	}
	return lines, nil
}
