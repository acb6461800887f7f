package release_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/ident"
	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/mapping/fhirsource"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release"
	"github.com/consentry/gateway/internal/release/egress"
	"github.com/consentry/gateway/internal/release/facts"
	"github.com/consentry/gateway/internal/release/label"
	"github.com/consentry/gateway/internal/release/policy"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
	"github.com/consentry/gateway/profiles"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

const (
	practiceNPI = "1093817465"
	clinicNPI   = "1234567893"
)

// known is what the profiles say, loaded once.
var known = sync.OnceValue(func() (k struct {
	types   *facts.Types
	reading *policy.Reading
	labels  *label.Rules
	sealer  *ident.Sealer
	egress  *egress.Egress
}) {
	var errs [5]error
	k.types, errs[0] = facts.LoadTypes(profiles.FS)
	k.reading, errs[1] = policy.LoadReading(profiles.FS)
	k.labels, errs[2] = label.Load(profiles.FS)
	k.sealer, errs[3] = ident.NewSealer(bytes.Repeat([]byte{3}, ident.KeySize), nil)
	k.egress, errs[4] = egress.New(egress.Options{Base: "https://gateway.example/fhir", TagKey: bytes.Repeat([]byte{2}, 32), Zone: time.UTC, Types: k.types})
	if err := errors.Join(errs[:]...); err != nil {
		panic(err)
	}
	return k
})

// clinic is a practice in memory, as Records. Its state changes only under change, as a database's by a commit.
type clinic struct {
	t       testing.TB
	mu      sync.RWMutex
	version int
	unnamed bool // the source has no versions
	charts  map[practice.ClientKey][]record
	forms   map[practice.ClientKey][]string // Consents
	ties    map[practice.ClientKey][]mapping.Tie
	staff   []string
	fail    map[string]error // by the name of the method

	clock     atomic.Int64
	chartRead atomic.Int64 // how often a chart was read
	listed    atomic.Int64 // how often the clients with a Consent were listed
	named     atomic.Int64 // how often the version was asked for
	onChart   func(practice.ClientKey) error
	service   *release.Service
}

// record is a resource and whom it is about besides the client in whose chart it stands.
type record struct {
	json   string
	others []string
}

func newClinic(t testing.TB) *clinic {
	t.Helper()
	c := &clinic{t: t, version: 1, charts: map[practice.ClientKey][]record{}, forms: map[practice.ClientKey][]string{}, ties: map[practice.ClientKey][]mapping.Tie{}, fail: map[string]error{}}
	c.at(noon)
	c.staff = []string{`{"resourceType":"Practitioner","id":"` + seal("Practitioner", "", "dr") + `","name":[{"family":"Doe"}]}`}
	s, err := release.New(c.options())
	if err != nil {
		t.Fatal(err)
	}
	c.service = s
	return c
}

func (c *clinic) options() release.Options {
	k := known()
	return release.Options{Records: c, Sealer: k.sealer, Labels: k.labels, Rules: k.reading, Projector: k.egress, Zone: time.UTC, CacheBytes: 64 << 20,
		Practice: []requester.Party{{Identifiers: []fhir.Identifier{{System: fhir.SystemNPI, Value: practiceNPI}}}},
		Now:      func() time.Time { return time.Unix(0, c.clock.Load()).UTC() },
		Granular: func(*stage.Facts, smart.Param) bool { return false }}
}

func (c *clinic) at(t time.Time) { c.clock.Store(t.UnixNano()) }

// change commits a change of the practice's records.
func (c *clinic) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	c.version++
}

// Version implements release.Records and release.State.
func (c *clinic) Version(context.Context) (string, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	c.named.Add(1)
	return c.name()
}

func (c *clinic) name() (string, error) {
	if c.unnamed {
		return "", practice.ErrNoVersion
	}
	return strconv.Itoa(c.version), c.fail["Version"]
}

// Snapshot implements release.Records: no change is committed while f runs.
func (c *clinic) Snapshot(ctx context.Context, f func(context.Context, release.State) error) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if err := c.fail["Snapshot"]; err != nil {
		return err
	}
	return f(ctx, held{c})
}

// held is the clinic while nothing changes.
type held struct{ *clinic }

func (h held) Version(context.Context) (string, error) { return h.name() }

func (h held) Chart(_ context.Context, client practice.ClientKey) (*mapping.Chart, error) {
	h.chartRead.Add(1)
	if h.onChart != nil {
		if err := h.onChart(client); err != nil {
			return nil, err
		}
	}
	out := &mapping.Chart{Ties: h.ties[client]}
	for i, r := range h.charts[client] {
		about := []fhir.Reference{patientRef(string(client))}
		for _, o := range r.others {
			about = append(about, patientRef(o))
		}
		slices.SortFunc(about, func(a, b fhir.Reference) int { return strings.Compare(a.ID, b.ID) })
		cs, unread := fhirsource.Candidates([][]byte{[]byte(r.json)}, fhirsource.Options{Zone: time.UTC, Types: known().types, Subject: patientRef(string(client)), Clients: about,
			Origin: stage.Origin{Map: "test", Kind: "test", Listed: true}})
		if len(unread) > 0 {
			return nil, fmt.Errorf("record %d of the test: %w", i, unread[0].Err)
		}
		out.Candidates = append(out.Candidates, cs...)
	}
	return out, h.fail["Chart"]
}

func (h held) Ties(_ context.Context, clients []practice.ClientKey) (map[practice.ClientKey][]mapping.Tie, error) {
	out := map[practice.ClientKey][]mapping.Tie{}
	for _, c := range clients {
		out[c] = h.ties[c]
	}
	return out, h.fail["Ties"]
}

func (h held) Consents(_ context.Context, clients []practice.ClientKey) (all []mapping.ConsentDocument, err error) {
	for _, c := range clients {
		for _, json := range h.forms[c] {
			all = append(all, mapping.ConsentDocument{Client: c, Patient: patientRef(string(c)), JSON: []byte(json)})
		}
	}
	return all, h.fail["Consents"]
}

func (h held) ConsentClients(context.Context) (all []practice.ClientKey, err error) {
	h.listed.Add(1)
	for c := range h.forms {
		all = append(all, c)
	}
	return all, h.fail["ConsentClients"]
}

func (h held) Directory(context.Context) (all []stage.Candidate, err error) {
	for _, json := range h.staff {
		one, err := fhirsource.Candidate([]byte(json), fhirsource.Options{Zone: time.UTC, Types: known().types, Origin: stage.Origin{Map: "test", Kind: "test", Listed: true, Directory: true}})
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, h.fail["Directory"]
}

func seal(resourceType, client, key string) string {
	kind := "test"
	if resourceType == "Patient" {
		kind = "patient"
	}
	id, err := known().sealer.Seal(resourceType, client, kind, key)
	if err != nil {
		panic(err)
	}
	return id
}

func patientRef(client string) fhir.Reference {
	return fhir.Reference{Type: "Patient", ID: seal("Patient", client, client)}
}

func ref(resourceType, client, key string) fhir.Reference {
	return fhir.Reference{Type: resourceType, ID: seal(resourceType, client, key)}
}

// The records of the tests. Every id is sealed for its client and the given key.
func patient(client string) record {
	return record{json: fmt.Sprintf(`{"resourceType":"Patient","id":%q,"name":[{"family":"Roe"}],"birthDate":"1980-01-01","telecom":[{"system":"phone","value":"555-0100"}]}`, seal("Patient", client, client))}
}

func encounter(client, key string) record {
	return record{json: fmt.Sprintf(`{"resourceType":"Encounter","id":%q,"status":"finished","class":{"code":"AMB"},"subject":{"reference":%q},"period":{"start":"2026-05-01T10:00:00Z","end":"2026-05-01T11:00:00Z"}}`,
		seal("Encounter", client, key), patientRef(client))}
}

func note(client, key string, more ...string) record {
	return record{json: fmt.Sprintf(`{"resourceType":"DocumentReference","id":%q,"status":"current","type":{"coding":[{"system":"http://loinc.org","code":"11506-3"}]},`+
		`"subject":{"reference":%q},"date":"2026-05-01T12:00:00Z","content":[{"attachment":{"contentType":"text/plain","data":"QUJD"}}]%s}`,
		seal("DocumentReference", client, key), patientRef(client), strings.Join(append([]string{""}, more...), ","))}
}

func provenance(client, key string, target fhir.Reference) record {
	return record{json: fmt.Sprintf(`{"resourceType":"Provenance","id":%q,"target":[{"reference":%q}],"recorded":"2026-05-01T12:00:00Z","agent":[{"who":{"reference":"Practitioner/%s"}}]}`,
		seal("Provenance", client, key), target, seal("Practitioner", "", "dr"))}
}

func organization(client, key string) record {
	return record{json: fmt.Sprintf(`{"resourceType":"Organization","id":%q,"name":"Somebody else"}`, seal("Organization", client, key))}
}

// permit is an active Consent that lets the clinic have everything for treatment; more is put into its provision.
func permit(client, key string, more ...string) string {
	actor := `"actor":[{"role":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType","code":"IRCP"}]},"reference":{"identifier":{"system":"` + fhir.SystemNPI + `","value":"` + clinicNPI + `"}}}]`
	return openPermit(client, key, append([]string{actor}, more...)...)
}

// openPermit names no recipient.
func openPermit(client, key string, more ...string) string {
	return form(client, key, `"type":"permit","purpose":[{"system":"`+fhir.SystemActReason+`","code":"TREAT"}]`+strings.Join(append([]string{""}, more...), ","))
}

func form(client, key, provision string) string {
	return fmt.Sprintf(`{"resourceType":"Consent","id":%q,"status":"active","scope":{"coding":[{"system":%q,"code":"patient-privacy"}]},"category":[{"coding":[{"system":%q,"code":"IDSCL"}]}],`+
		`"patient":{"reference":%q},"dateTime":"2026-01-05","organization":[{"identifier":{"system":%q,"value":%q}}],"policy":[{"uri":"https://example.org/policy"}],"provision":{%s}}`,
		seal("Consent", client, key), fhir.SystemConsentScope, fhir.SystemActCode, patientRef(client), fhir.SystemNPI, practiceNPI, provision)
}

var treat = []fhir.Coding{{System: fhir.SystemActReason, Code: "TREAT"}}

// theClinic is a provider that asks for treatment.
func theClinic() *requester.Requester {
	return &requester.Requester{PartnerID: "clinic", Kind: requester.KindProvider, Scopes: smart.ParseScopes("system/*.rs"), Purposes: treat, Registered: treat,
		Organization: requester.Party{Identifiers: []fhir.Identifier{{System: fhir.SystemNPI, Value: clinicNPI}}}}
}

// theClient is a client with an app of their own.
func theClient(client string) *requester.Requester {
	return &requester.Requester{PartnerID: "app", Kind: requester.KindPatient, Scopes: smart.ParseScopes("patient/*.rs"), Patient: patientRef(client), Person: patientRef(client)}
}

// sees gives "Type/key" of what the requester sees of the chart, sorted; keys are those that the test gave.
func (c *clinic) sees(r *requester.Requester, client string, keys ...string) []string {
	c.t.Helper()
	v, err := c.service.View(context.Background(), r, smart.Search, patientRef(client))
	if err != nil {
		c.t.Fatal(err)
	}
	return shown(v, client, keys...)
}

func shown(v *release.View, client string, keys ...string) []string {
	out := []string{}
	for _, typ := range []string{"Patient", "Encounter", "DocumentReference", "Consent", "Provenance", "Condition", "Practitioner", "Organization"} {
		for _, r := range v.Resources(typ) {
			name := "?"
			for _, k := range append(keys, client) {
				if seal(typ, client, k) == r.Facts().ID {
					name = k
				}
			}
			out = append(out, typ+"/"+name)
		}
	}
	slices.Sort(out)
	return out
}
