package fhirapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/ephemeral"
	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/fhirapi"
	"github.com/consentry/gateway/internal/ident"
	"github.com/consentry/gateway/internal/ledger"
	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/release"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/egress"
	"github.com/consentry/gateway/internal/release/facts"
	"github.com/consentry/gateway/internal/release/label"
	"github.com/consentry/gateway/internal/release/policy"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/search"
	"github.com/consentry/gateway/internal/smart"
	"github.com/consentry/gateway/profiles"
)

const base = "https://gateway.example/fhir"

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// known is what the profiles say, loaded once.
var known = sync.OnceValue(func() (k struct {
	types   *facts.Types
	reading *policy.Reading
}) {
	var err error
	if k.types, err = facts.LoadTypes(profiles.FS); err != nil {
		panic(err)
	}
	if k.reading, err = policy.LoadReading(profiles.FS); err != nil {
		panic(err)
	}
	return k
})

// released makes a released resource the only way there is: mapped, labeled and decided, as its own subject's self-access. What a Provenance
// is about stands beside it: without its target it is not released.
func released(t testing.TB, body string) stage.Released {
	t.Helper()
	first := candidate(t, body)
	chart := []stage.Candidate{first}
	for _, at := range first.Facts().References {
		if at.Path == "target" {
			chart = append(chart, candidate(t, note(at.Value.ID, "p1")))
		}
	}
	client := first.Facts().Subject
	got := consent.Decide(consent.Input{
		Requester:  &requester.Requester{PartnerID: "app", Kind: requester.KindPatient, Scopes: smart.ParseScopes("patient/*.rs"), Patient: client, Person: client},
		Permission: smart.Read, Client: client, Chart: label.AsTheyStand(chart), Now: noon, Zone: time.UTC, Rules: known().reading,
	})
	for _, r := range got.Released {
		if r.Facts() == first.Facts() {
			return r
		}
	}
	t.Fatalf("the test's resource is withheld: %+v", got.Decisions)
	return stage.Released{}
}

func candidate(t testing.TB, body string) stage.Candidate {
	t.Helper()
	m, err := fhirjson.Parse([]byte(body))
	if err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	f, err := facts.Extract(m, facts.Options{Zone: time.UTC, Types: known().types, Base: base, Subject: p1, Origin: stage.Origin{Map: "test", Kind: "test", Listed: true}})
	must(t, err)
	for _, at := range f.References {
		if at.Path == "subject" || at.Path == "patient" {
			f.Subject = at.Value
		}
	}
	if f.Type == "Patient" {
		f.Subject = fhir.Reference{Type: "Patient", ID: f.ID}
	}
	f.Clients = []fhir.Reference{f.Subject}
	c, err := stage.New([]byte(body), 1, f, contents(t, f)...)
	must(t, err)
	return c
}

// contents are Binaries for what the attachments of a document lead to, each with its own id many times over.
func contents(t testing.TB, f *stage.Facts) (list []stage.Candidate) {
	for _, at := range f.References {
		if at.Path == stage.AttachmentURL && at.Value.Type == "Binary" {
			b, err := mapping.Binary(f, at.Value.ID, f.Formats[0], contentOf(at.Value.ID))
			must(t, err)
			list = append(list, b)
		}
	}
	return list
}

func contentOf(id string) []byte { return bytes.Repeat([]byte("<"+id+">"), 10_000) }

// scan is a document whose content is in the Binary b-ID.
func scan(id, client, contentType string) string {
	return fmt.Sprintf(`{"resourceType":"DocumentReference","id":%q,%s,"status":"current","type":{"coding":[{"system":"http://loinc.org","code":"11506-3"}]},`+
		`"subject":{"reference":"Patient/%s"},"date":"2026-11-20T10:00:00Z","content":[{"attachment":{"contentType":%q,"url":"%s/Binary/b-%s"}}]}`, id, meta, client, contentType, base, id)
}

// What the real neighbours must fit.
var (
	_ release.Projector                    = (*egress.Egress)(nil)
	_ fhirapi.Verifier                     = (*smart.Verifier)(nil)
	_ fhirapi.Ledger                       = ledger.Ledger(nil)
	_ func(*release.Service) fhirapi.Views = fhirapi.Release
)

const meta = `"meta":{"lastUpdated":"2026-11-20T10:00:00Z","security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"N"}]}`

func patient(id string) string {
	return fmt.Sprintf(`{"resourceType":"Patient","id":%q,%s,"name":[{"family":"Roe","given":["Jane"]}],"gender":"female"}`, id, meta)
}

func note(id, client string) string {
	return fmt.Sprintf(`{"resourceType":"DocumentReference","id":%q,%s,"status":"current","type":{"coding":[{"system":"http://loinc.org","code":"11506-3"}]},`+
		`"subject":{"reference":"Patient/%s"},"date":"2026-11-20T10:00:00Z","content":[{"attachment":{"contentType":"text/plain","data":%q}}]}`, id, meta, client, strings.Repeat("QUJD", 450))
}

func provenance(id, target string) string {
	return fmt.Sprintf(`{"resourceType":"Provenance","id":%q,%s,"target":[{"reference":%q}],"recorded":"2026-11-20T10:00:00Z","agent":[{"who":{"reference":"Practitioner/d1"}}]}`, id, meta, target)
}

func practitioner(id string) string {
	return fmt.Sprintf(`{"resourceType":"Practitioner","id":%q,%s,"name":[{"family":"Doe"}]}`, id, meta)
}

var p1, p2 = fhir.Reference{Type: "Patient", ID: "p1"}, fhir.Reference{Type: "Patient", ID: "p2"}

// view is a View of given resources.
type view struct {
	all      []stage.Released
	evidence release.Evidence
	terms    map[fhir.Reference][]*consent.Terms
	memo     release.Memo
}

func (v *view) Resources(typ string) (of []stage.Released) {
	for _, r := range v.all {
		if r.Facts().Type == typ {
			of = append(of, r)
		}
	}
	return of
}

func (v *view) All() []stage.Released { return v.all }

func (v *view) Get(ref fhir.Reference) (stage.Released, bool) {
	for _, r := range v.all {
		if f := r.Facts(); f.Type == ref.Type && f.ID == ref.ID {
			return r, true
		}
	}
	return stage.Released{}, false
}

func (v *view) Binary(id string) (binary stage.Released, document fhir.Reference, ok bool) {
	for _, r := range v.all {
		for _, b := range r.Binaries() {
			if b.Facts().ID == id {
				return b, fhir.Reference{Type: r.Facts().Type, ID: r.Facts().ID}, true
			}
		}
	}
	return stage.Released{}, fhir.Reference{}, false
}

func (v *view) Terms(ref fhir.Reference) []*consent.Terms { return v.terms[ref] }
func (v *view) Evidence() release.Evidence                { return v.evidence }
func (v *view) Memo() *release.Memo                       { return &v.memo }

// clinic is a gateway whose neighbours are fakes.
type clinic struct {
	*fhirapi.API
	t         testing.TB
	charts    map[string]*view // by the id of the client
	directory *view
	reach     []fhir.Reference
	owners    map[fhir.Reference]string // whose chart a resource stands in, as its sealed id says
	audit     *view                     // what p1 sees of the ledger
	arrivals  int                       // how often a Moment was asked for
	seenAt    []int                     // at which of these each View was made
	kept      []int                     // how many resources each call of Views gave
	answers   int64                     // egress.Options.AnswerBytes
	viewErr   error
	onView    func(context.Context)
	verifyErr error
	momentErr error
	whoErr    error // what the register says of every token
	ledgerErr error
	ledger    []ledger.Record
	log       bytes.Buffer
	sink      *slog.Logger // where the log goes, nil for the field above
	metrics   *fhirapi.Metrics
	egress    *egress.Egress
	checks    []fhirapi.Check
	alarms    int
}

// newClinic has the client p1 with three notes, a Provenance and a practitioner of an outside clinic, and the client p2, of whom the requester
// may see nothing.
func newClinic(t testing.TB) *clinic {
	t.Helper()
	c := &clinic{t: t, owners: map[fhir.Reference]string{}, reach: []fhir.Reference{p1}, metrics: fhirapi.NewMetrics()}
	c.charts = map[string]*view{"p1": c.chart("p1", patient("p1"), note("n1", "p1"), note("n2", "p1"), note("n3", "p1"), provenance("v1", "DocumentReference/n1"), practitioner("outside"))}
	c.owners[p2], c.owners[fhir.Reference{Type: "DocumentReference", ID: "m1"}] = "p2", "p2"
	c.directory = &view{all: []stage.Released{released(t, practitioner("d1"))}}
	c.build(0)
	return c
}

func (c *clinic) chart(client string, bodies ...string) *view {
	v := &view{evidence: release.Evidence{
		Client: fhir.Reference{Type: "Patient", ID: client}, ChartVersion: "chart-" + client,
		Consents: []release.ConsentUse{{Reference: fhir.Reference{Type: "Consent", ID: "c-" + client}, Version: [32]byte{7}}},
		Withheld: map[string]uint32{"no-consent": 4},
	}}
	for _, b := range bodies {
		r := released(c.t, b)
		v.all = append(v.all, r)
		for _, b := range r.Binaries() {
			c.owners[fhir.Reference{Type: "Binary", ID: b.Facts().ID}] = client
		}
		c.owners[fhir.Reference{Type: r.Facts().Type, ID: r.Facts().ID}] = client
	}
	return v
}

// build makes the API.
func (c *clinic) build(timeout time.Duration) {
	c.t.Helper()
	parser, err := search.NewParser(search.Config{Base: base, Zone: time.UTC})
	must(c.t, err)
	pages, err := ident.NewPages(bytes.Repeat([]byte{1}, ident.PageKeySize))
	must(c.t, err)
	out, err := egress.New(egress.Options{Base: base, TagKey: bytes.Repeat([]byte{2}, 32), Zone: time.UTC, Types: known().types, AnswerBytes: c.answers,
		Alarm: func(a egress.Alarm) { c.alarms++; c.metrics.GuardAlarm(a) }})
	must(c.t, err)
	c.egress = out
	senders, err := smart.NewSenders(base, ephemeral.NewMemory(0, nil), smart.ClientCertificates{}, nil)
	must(c.t, err)
	log := c.sink
	if log == nil {
		log = slog.New(slog.NewJSONHandler(&c.log, nil))
	}
	c.API, err = fhirapi.New(fhirapi.Options{
		Base: base, Verifier: c, Senders: senders, Moment: c.Moment, Parser: parser, Pages: pages, Egress: out, Ledger: c,
		Types: search.Types(), CapabilityStatement: []byte(`{"resourceType":"CapabilityStatement"}`), SMARTConfiguration: []byte(`{"capabilities":[]}`),
		Metrics: c.metrics, Log: log, Now: func() time.Time { return noon }, Timeout: timeout, Checks: c.checks,
	})
	must(c.t, err)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Verify takes tokens of the form "good.PARTNER.SCOPES", with commas for the spaces of the scopes.
func (c *clinic) Verify(_ context.Context, raw string) (*smart.Token, error) {
	if c.verifyErr != nil {
		return nil, c.verifyErr
	}
	parts := strings.SplitN(raw, ".", 3)
	if len(parts) != 3 || parts[0] != "good" && parts[0] != "bound" {
		return nil, smart.ErrInvalid
	}
	t := &smart.Token{ClientID: parts[1], Scopes: smart.ParseScopes(strings.ReplaceAll(parts[2], "+", " "))}
	if parts[0] == "bound" {
		t.Confirmation.JKT = "thumbprint"
	}
	return t, nil
}

// Moment gives Views that tell for which arrival they were made.
func (c *clinic) Moment(context.Context) (fhirapi.Moment, error) {
	if c.momentErr != nil {
		return nil, c.momentErr
	}
	c.arrivals++
	return moment{arrived{c, c.arrivals}}, nil
}

func (c *clinic) Requester(t *smart.Token) (*requester.Requester, error) {
	if c.whoErr != nil {
		return nil, c.whoErr
	}
	if t.ClientID == "stranger" {
		return nil, requester.ErrUnknownPartner
	}
	who := &requester.Requester{PartnerID: t.ClientID, Kind: requester.KindProvider, Scopes: t.Scopes,
		Purposes: []fhir.Coding{{System: fhir.SystemActReason, Code: "TREAT"}}}
	if t.ClientID == "proves" {
		who.Sender = smart.DPoP
	}
	return who, nil
}

type arrived struct {
	*clinic
	at int
}

// moment is one of a clinic.
type moment struct{ arrived }

func (m moment) Views() fhirapi.Views { return m.arrived }

func (a arrived) View(ctx context.Context, r *requester.Requester, p smart.Permission, ref fhir.Reference) (fhirapi.View, error) {
	a.seenAt = append(a.seenAt, a.at)
	return a.clinic.View(ctx, r, p, ref)
}

func (c *clinic) View(ctx context.Context, _ *requester.Requester, _ smart.Permission, ref fhir.Reference) (fhirapi.View, error) {
	if c.onView != nil {
		c.onView(ctx)
	}
	if c.viewErr != nil {
		return nil, c.viewErr
	}
	if v, ok := c.charts[c.owners[ref]]; ok {
		return v, nil
	}
	return &view{}, nil
}

func (c *clinic) Views(ctx context.Context, r *requester.Requester, p smart.Permission, refs []fhir.Reference, shows func(*stage.Facts) bool) (views []fhirapi.View, err error) {
	kept := 0
	for _, ref := range refs {
		v, err := c.View(ctx, r, p, ref)
		if err != nil {
			return nil, err
		}
		whole := v.(*view)
		only := &view{evidence: whole.evidence, terms: whole.terms}
		for _, r := range whole.all {
			if shows(r.Facts()) {
				only.all = append(only.all, r)
			}
		}
		kept += len(only.all)
		views = append(views, only)
	}
	c.kept = append(c.kept, kept)
	return views, nil
}

func (c *clinic) Directory(context.Context, *requester.Requester, smart.Permission) (fhirapi.View, error) {
	return c.directory, c.viewErr
}

// AuditEvents are only of the client p1, who sees one.
func (c *clinic) AuditEvents(_ context.Context, _ *requester.Requester, _ smart.Permission, ref fhir.Reference) (fhirapi.View, error) {
	if c.audit != nil && c.owners[ref] == "p1" {
		return c.audit, c.viewErr
	}
	return &view{}, c.viewErr
}

func (c *clinic) Reach(context.Context, *requester.Requester, smart.Permission) ([]fhir.Reference, error) {
	return c.reach, c.viewErr
}

// errPanics makes the ledger panic.
var errPanics = errors.New("broken")

func (c *clinic) Append(ctx context.Context, answer ...ledger.Record) error {
	if errors.Is(c.ledgerErr, errPanics) {
		panic(c.ledgerErr)
	}
	if c.ledgerErr != nil {
		return c.ledgerErr
	}
	c.ledger = append(c.ledger, answer...)
	return ctx.Err()
}

const all = "good.partner.system/*.rs"

// ask sends a request. Headers come as "Name: value"; the token is the one of a partner with all scopes unless a header says otherwise.
func (c *clinic) ask(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	c.t.Helper()
	r := httptest.NewRequest(method, "/", strings.NewReader(body))
	u, err := url.ParseRequestURI(target) // as the server does: nothing is resolved
	must(c.t, err)
	r.URL, r.RequestURI = u, target
	if body == "" {
		r.Body = http.NoBody
	}
	r.Header.Set("Authorization", "Bearer "+all)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if value == "" {
			r.Header.Del(name)
			continue
		}
		r.Header[name] = []string{value}
	}
	w := httptest.NewRecorder()
	c.Handler().ServeHTTP(w, r)
	return w
}

func (c *clinic) get(target string, headers ...string) *httptest.ResponseRecorder {
	c.t.Helper()
	return c.ask("GET", target, "", headers...)
}

// code is the issue code of an OperationOutcome.
func code(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var o struct {
		ResourceType string
		Issue        []struct{ Code string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &o); err != nil || o.ResourceType != "OperationOutcome" || len(o.Issue) != 1 {
		t.Fatalf("no OperationOutcome: %d %s", w.Code, w.Body)
	}
	return o.Issue[0].Code
}

// bundle is what of a Bundle the tests look at.
type bundle struct {
	ResourceType string
	Type         string
	Total        *int
	Link         []struct{ Relation, URL string }
	Entry        []struct {
		FullURL  string
		Resource struct{ ResourceType, ID string }
		Search   struct{ Mode string }
	}
}

func (b bundle) link(relation string) string {
	for _, l := range b.Link {
		if l.Relation == relation {
			return l.URL
		}
	}
	return ""
}

// entries are "mode Type/id" of each.
func (b bundle) entries() (all []string) {
	for _, e := range b.Entry {
		all = append(all, strings.TrimSuffix(e.Search.Mode+" "+e.Resource.ResourceType+"/"+e.Resource.ID, "/"))
	}
	return all
}

func page(t *testing.T, w *httptest.ResponseRecorder) bundle {
	t.Helper()
	var b bundle
	if err := json.Unmarshal(w.Body.Bytes(), &b); err != nil || w.Code != 200 || b.ResourceType != "Bundle" || b.Type != "searchset" {
		t.Fatalf("no page: %d %s", w.Code, w.Body)
	}
	if _, err := fhirjson.Parse(w.Body.Bytes()); err != nil {
		t.Fatalf("google/fhir refuses the page: %v", err)
	}
	return b
}
