package release_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
)

// oneClient is a clinic with one client, who has released everything to the clinic.
func oneClient(t testing.TB) *clinic {
	c := newClinic(t)
	c.charts["1"] = []record{patient("1"), encounter("1", "e"), note("1", "n"), provenance("1", "v", ref("DocumentReference", "1", "n"))}
	c.forms["1"] = []string{permit("1", "c")}
	return c
}

var everything = []string{"DocumentReference/n", "Encounter/e", "Patient/1", "Provenance/v"}

func expect(t *testing.T, what string, got, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestNewRefusesAServiceWithAHole(t *testing.T) {
	c := newClinic(t)
	for name, drop := range map[string]func(*release.Options){
		"records":   func(o *release.Options) { o.Records = nil },
		"sealer":    func(o *release.Options) { o.Sealer = nil },
		"labels":    func(o *release.Options) { o.Labels = nil },
		"rules":     func(o *release.Options) { o.Rules = nil },
		"projector": func(o *release.Options) { o.Projector = nil },
		"practice":  func(o *release.Options) { o.Practice = nil },
		"zone":      func(o *release.Options) { o.Zone = nil },
		"clock":     func(o *release.Options) { o.Now = nil },
		"granular":  func(o *release.Options) { o.Granular = nil },
		"cache":     func(o *release.Options) { o.CacheBytes = 0 },
	} {
		o := c.options()
		drop(&o)
		if _, err := release.New(o); err == nil {
			t.Errorf("a service without %s", name)
		}
	}
}

func TestARevocationIsEffectiveOnTheNextRequest(t *testing.T) {
	c := oneClient(t)
	expect(t, "released", c.sees(theClinic(), "1", "e", "n", "v"), everything)
	c.change(func() { c.forms["1"] = nil })
	expect(t, "after the revocation", c.sees(theClinic(), "1"), []string{})
	c.change(func() { c.forms["1"] = []string{permit("1", "c")} })
	expect(t, "permitted again", c.sees(theClinic(), "1", "e", "n", "v"), everything)
}

func TestAChartIsReadOncePerVersion(t *testing.T) {
	c := oneClient(t)
	for range 5 {
		c.sees(theClinic(), "1")
		c.sees(theClient("1"), "1")
	}
	if n := c.chartRead.Load(); n != 1 {
		t.Errorf("read %d times", n)
	}
	c.change(func() { c.charts["1"] = c.charts["1"][:2] })
	expect(t, "the chart as it is now", c.sees(theClinic(), "1", "e"), []string{"Encounter/e", "Patient/1"})
}

func TestASourceWithoutVersionsIsReadForEveryRequest(t *testing.T) {
	c := oneClient(t)
	c.unnamed = true
	expect(t, "released", c.sees(theClinic(), "1", "e", "n", "v"), everything)
	c.forms["1"] = nil // no version says so
	expect(t, "after the revocation", c.sees(theClinic(), "1"), []string{})
}

func TestAnEmptyVersionIsNoVersion(t *testing.T) {
	c := oneClient(t)
	c.fail["Version"] = nil
	o := c.options()
	o.Records = emptyVersion{c}
	s, err := release.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := s.View(context.Background(), theClinic(), smart.Read, patientRef("1")); !errors.Is(err, release.ErrUnavailable) || v != nil {
		t.Errorf("%v, %v", v, err)
	}
}

type emptyVersion struct{ *clinic }

func (emptyVersion) Version(context.Context) (string, error) { return "", nil }

// No version changes when a Consent begins or ends: the clock alone does it.
func TestAPeriodEndsAndBeginsOnTime(t *testing.T) {
	c := oneClient(t)
	begins, ends := noon.Add(time.Hour), noon.Add(2*time.Hour)
	c.forms["1"] = []string{permit("1", "c", fmt.Sprintf(`"period":{"start":%q,"end":%q}`, begins.Format(time.RFC3339), ends.Format(time.RFC3339)))}
	for _, step := range []struct {
		at      time.Time
		visible bool
	}{{noon, false}, {begins.Add(-time.Second), false}, {begins, true}, {ends.Add(-time.Second), true}, {ends.Add(time.Second), false}, {begins, true}, {noon, false}} {
		c.at(step.at)
		if n := len(c.sees(theClinic(), "1")); (n > 0) != step.visible {
			t.Errorf("at %s: %d resources", step.at.Format(time.TimeOnly), n)
		}
		reach, err := c.service.Reach(context.Background(), theClinic(), smart.Search)
		if err != nil || (len(reach) > 0) != step.visible {
			t.Errorf("at %s: %d clients in reach, %v", step.at.Format(time.TimeOnly), len(reach), err)
		}
	}
}

func TestWhatCannotBeReadReleasesNothing(t *testing.T) {
	for _, method := range []string{"Version", "Snapshot", "Chart", "Consents", "Directory"} {
		c := oneClient(t)
		c.fail[method] = errors.New("the database is gone")
		for range 2 {
			v, err := c.service.View(context.Background(), theClinic(), smart.Search, patientRef("1"))
			if !errors.Is(err, release.ErrUnavailable) || v != nil {
				t.Errorf("%s: %v, %v", method, v, err)
			}
		}
		delete(c.fail, method)
		expect(t, method+" answers again", c.sees(theClinic(), "1", "e", "n", "v"), everything)
	}
	for _, method := range []string{"Version", "Snapshot", "Consents", "ConsentClients", "Ties"} {
		c := oneClient(t)
		c.fail[method] = errors.New("the database is gone")
		if reach, err := c.service.Reach(context.Background(), theClinic(), smart.Search); !errors.Is(err, release.ErrUnavailable) || len(reach) > 0 {
			t.Errorf("Reach without %s: %v, %v", method, reach, err)
		}
	}
}

func TestWhoNamesNobodyGetsNothing(t *testing.T) {
	c := oneClient(t)
	for name, ref := range map[string]fhir.Reference{
		"an invented id": {Type: "Patient", ID: "x"}, "an id of another type": {Type: "Observation", ID: patientRef("1").ID},
		"an id of the directory": ref("Practitioner", "", "dr"), "a client who is none": patientRef("2"), "nothing": {},
	} {
		v, err := c.service.View(context.Background(), theClinic(), smart.Search, ref)
		if err != nil || v.Len() != 0 || v.Evidence().Client != (fhir.Reference{}) {
			t.Errorf("%s: %d resources, evidence of %v, %v", name, v.Len(), v.Evidence().Client, err)
		}
	}
	if c.chartRead.Load() != 0 {
		t.Error("a chart was read before any Consent was")
	}
	for _, get := range []func() (*release.View, error){
		func() (*release.View, error) {
			return c.service.View(context.Background(), nil, smart.Search, patientRef("1"))
		},
		func() (*release.View, error) { return c.service.Directory(context.Background(), nil, smart.Search) },
	} {
		if v, err := get(); err != nil || v.Len() != 0 {
			t.Errorf("nobody: %v, %v", v, err)
		}
	}
}

// A client without an applicable Consent is looked at no further than one who does not exist.
func TestNoChartIsReadWithoutAnApplicableConsent(t *testing.T) {
	c := oneClient(t)
	other := theClinic()
	other.Organization = requester.Party{Identifiers: []fhir.Identifier{{System: fhir.SystemNPI, Value: "1999999992"}}}
	expect(t, "another clinic", c.sees(other, "1"), []string{})
	payment := theClinic()
	payment.Purposes = []fhir.Coding{{System: fhir.SystemActReason, Code: "HPAYMT"}}
	payment.Registered = payment.Purposes
	expect(t, "another purpose", c.sees(payment, "1"), []string{})
	if c.chartRead.Load() != 0 {
		t.Error("the chart was read")
	}
}

// What one requester may see is never kept for another, whatever they differ in.
func TestAViewIsItsRequestersOwn(t *testing.T) {
	payment := []fhir.Coding{{System: fhir.SystemActReason, Code: "HPAYMT"}}
	for name, change := range map[string]func(*requester.Requester){
		"organization": func(r *requester.Requester) {
			r.Organization.Identifiers = []fhir.Identifier{{System: fhir.SystemNPI, Value: "1999999992"}}
		},
		"purpose":            func(r *requester.Requester) { r.Purposes, r.Registered = payment, payment },
		"registered purpose": func(r *requester.Requester) { r.Registered = payment },
		"kind":               func(r *requester.Requester) { r.Kind = "" },
		"scopes":             func(r *requester.Requester) { r.Scopes = smart.ParseScopes("system/Goal.rs") },
		"permission":         func(r *requester.Requester) { r.Scopes = smart.ParseScopes("system/*.r") },
		"launch patient": func(r *requester.Requester) {
			r.Scopes, r.Patient = smart.ParseScopes("patient/*.rs"), patientRef("2")
		},
	} {
		c := oneClient(t)
		other := theClinic()
		change(other)
		expect(t, name+": first", c.sees(theClinic(), "1", "e", "n", "v"), everything)
		expect(t, name+": the other", c.sees(other, "1", "e", "n", "v"), []string{})
		expect(t, name+": first again", c.sees(theClinic(), "1", "e", "n", "v"), everything)
	}
	c := oneClient(t)
	reader := theClinic()
	reader.Scopes = smart.ParseScopes("system/*.r")
	for permission, n := range map[smart.Permission]int{smart.Read: len(everything), smart.Search: 0} {
		for range 2 {
			if v, err := c.service.View(context.Background(), reader, permission, patientRef("1")); err != nil || v.Len() != n {
				t.Errorf("permission %c: %d resources, %v", permission, v.Len(), err)
			}
		}
	}
}

// Under many requests and changes at once: whoever asks after a change was committed gets the answer of after it.
func TestNoRequestSeesAConsentThatWasRevokedBeforeIt(t *testing.T) {
	c := oneClient(t)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 6 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := c.service.View(context.Background(), theClinic(), smart.Search, patientRef("1")); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 40 {
		c.change(func() { c.forms["1"] = nil })
		if n := len(c.sees(theClinic(), "1")); n != 0 {
			t.Fatalf("%d resources after the revocation", n)
		}
		c.change(func() { c.forms["1"] = []string{permit("1", "c")} })
		if n := len(c.sees(theClinic(), "1")); n != len(everything) {
			t.Fatalf("%d resources under the Consent", n)
		}
	}
	close(stop)
	wg.Wait()
}

func TestReachIsByConsentsAndTheLaunchPatientOnly(t *testing.T) {
	c := oneClient(t)
	c.charts["2"] = []record{patient("2")}
	c.charts["3"] = []record{patient("3")}
	c.forms["3"] = []string{form("3", "c", `"type":"deny"`)}
	reach := func(r *requester.Requester) []fhir.Reference {
		t.Helper()
		got, err := c.service.Reach(context.Background(), r, smart.Search)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for name, one := range map[string]struct {
		who  *requester.Requester
		want []fhir.Reference
	}{
		"the clinic":                   {theClinic(), []fhir.Reference{patientRef("1")}},
		"a client without a Consent":   {theClient("2"), []fhir.Reference{patientRef("2")}},
		"a client who denies others":   {theClient("3"), []fhir.Reference{patientRef("3")}},
		"a person of another clinic":   {theClient("9"), []fhir.Reference{patientRef("9")}}, // no chart: an empty view
		"a machine that names a chart": {&requester.Requester{PartnerID: "m", Kind: requester.KindProvider, Patient: patientRef("2"), Scopes: smart.ParseScopes("patient/*.rs"), Purposes: treat, Registered: treat}, nil},
	} {
		if diff := cmp.Diff(one.want, reach(one.who)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if got, err := c.service.Reach(context.Background(), nil, smart.Search); err != nil || got != nil {
		t.Errorf("nobody: %v, %v", got, err)
	}
	if c.chartRead.Load() != 0 {
		t.Error("Reach read a chart")
	}
}

func TestReachIsFoundOncePerVersion(t *testing.T) {
	c := oneClient(t)
	for _, step := range []struct {
		forms         []string
		clients, read int
	}{{[]string{permit("1", "c")}, 1, 1}, {nil, 0, 2}, {[]string{permit("1", "c")}, 1, 3}} {
		c.change(func() { c.forms["1"] = step.forms })
		for range 3 {
			got, err := c.service.Reach(context.Background(), theClinic(), smart.Search)
			if err != nil || len(got) != step.clients {
				t.Errorf("%d clients in reach, %v", len(got), err)
			}
		}
		if n := int(c.listed.Load()); n != step.read {
			t.Errorf("listed %d times, want %d", n, step.read)
		}
	}
	other := theClinic()
	other.Organization = requester.Party{Identifiers: []fhir.Identifier{{System: fhir.SystemNPI, Value: "1999999992"}}}
	if got, err := c.service.Reach(context.Background(), other, smart.Search); err != nil || len(got) != 0 {
		t.Errorf("another clinic: %d clients in reach, %v", len(got), err)
	}
}
