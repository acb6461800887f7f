package release_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/smart"
)

// manyClients is a clinic whose clients 1 to n have each released everything to the clinic; refs are their Patients in an order that is not theirs.
func manyClients(t testing.TB, n int) (c *clinic, refs []fhir.Reference) {
	t.Helper()
	c = newClinic(t)
	for i := n; i > 0; i-- {
		k := strconv.Itoa(i)
		c.charts[practice.ClientKey(k)] = []record{patient(k), encounter(k, "e"), note(k, "n"), provenance(k, "v", ref("DocumentReference", k, "n"))}
		c.forms[practice.ClientKey(k)] = []string{permit(k, "c")}
		refs = append(refs, patientRef(k))
	}
	return c, refs
}

func (c *clinic) views(refs []fhir.Reference, types ...string) ([]*release.View, error) {
	return c.service.Views(context.Background(), theClinic(), smart.Search, refs, ofTypes(types...))
}

func ofTypes(types ...string) func(*stage.Facts) bool {
	return func(f *stage.Facts) bool { return slices.Contains(types, f.Type) }
}

func TestViewsAreTheViewOfEachReducedToWhatIsShown(t *testing.T) {
	c, refs := manyClients(t, 12)
	c.forms["5"] = nil
	refs = append(refs, fhir.Reference{Type: "Patient", ID: "x"}, refs[3])
	for _, unnamed := range []bool{false, true} {
		c.change(func() { c.unnamed = unnamed })
		for _, typ := range []string{"Patient", "DocumentReference", "Goal"} {
			views, err := c.views(refs, typ, "Provenance")
			if err != nil || len(views) != len(refs) {
				t.Fatalf("%d views of %d, %v", len(views), len(refs), err)
			}
			for i, v := range views {
				whole, err := c.service.View(context.Background(), theClinic(), smart.Search, refs[i])
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(whole.Evidence(), v.Evidence()); diff != "" {
					t.Errorf("%s %d: evidence %s", typ, i, diff)
				}
				want := slices.Concat(whole.Resources(typ), whole.Resources("Provenance"))
				got := slices.Concat(v.Resources(typ), v.Resources("Provenance"))
				if len(got) != len(want) || v.Len() != len(want) {
					t.Fatalf("%s %d: %d resources and %d in all, want %d", typ, i, len(got), v.Len(), len(want))
				}
				for j, r := range got {
					at := fhir.Reference{Type: r.Facts().Type, ID: r.Facts().ID}
					if got, ok := v.Get(at); !ok || got.Digest() != want[j].Digest() || r.Digest() != want[j].Digest() {
						t.Errorf("%s %d: another resource", typ, i)
					}
					if diff := cmp.Diff(whole.Terms(at), v.Terms(at)); diff != "" || len(v.Terms(at)) != 1 {
						t.Errorf("%s %d: terms %s", typ, i, diff)
					}
				}
			}
		}
	}
}

// What came in together shares one reading of the version, of after it came in; who came in later has one of their own.
func TestTogetherTheVersionIsReadOnce(t *testing.T) {
	c, refs := manyClients(t, 3)
	c.change(func() { c.forms["1"] = nil })
	before := c.named.Load()
	early := c.service.At(c.service.Version(t.Context()))
	see := func(s *release.Service, ref fhir.Reference) int {
		t.Helper()
		v, err := s.View(context.Background(), theClinic(), smart.Search, ref)
		if err != nil {
			t.Fatal(err)
		}
		return v.Len()
	}
	for _, ref := range refs {
		if n, revoked := see(early, ref), ref == patientRef("1"); revoked != (n == 0) {
			t.Errorf("%s: %d resources, revoked %t", ref, n, revoked)
		}
	}
	if _, err := early.Reach(context.Background(), theClinic(), smart.Search); err != nil {
		t.Fatal(err)
	}
	if n := c.named.Load() - before; n != 1 {
		t.Errorf("the version was read %d times", n)
	}
	c.change(func() { c.forms["2"] = nil })
	if n := see(c.service.At(c.service.Version(t.Context())), patientRef("2")); n != 0 {
		t.Errorf("%d resources after the revocation", n)
	}
}

// A version that could not be read withholds all that came in together, also where reading it again would have gone well.
func TestTogetherNothingIsGivenWithoutAVersion(t *testing.T) {
	c, refs := manyClients(t, 2)
	c.fail["Version"] = errors.New("the database is gone")
	together := c.service.At(c.service.Version(t.Context()))
	for range 2 {
		for _, ref := range refs {
			if v, err := together.View(context.Background(), theClinic(), smart.Read, ref); !errors.Is(err, release.ErrUnavailable) || v != nil {
				t.Errorf("%v, %v", v, err)
			}
		}
		delete(c.fail, "Version")
	}
	if v, err := c.service.At(c.service.Version(t.Context())).View(context.Background(), theClinic(), smart.Read, refs[0]); err != nil || v.Len() == 0 {
		t.Errorf("afterwards: %v, %v", v, err)
	}
}

// One View is kept for reading, searching and both where the scopes grant all alike, and one for each otherwise.
func TestAViewIsSharedByPermissionsThatAreGrantedAlike(t *testing.T) {
	for scopes, alike := range map[string]bool{
		"system/*.rs": true, "system/*.cruds": true, "system/Patient.rs system/DocumentReference.rs": true, "system/Patient.read user/Goal.c": true,
		"system/*.rs system/Goal.r": false, "system/Patient.rs system/DocumentReference.s": false, "system/*.r system/*.s": false,
	} {
		c := oneClient(t)
		r := theClinic()
		r.Scopes = smart.ParseScopes(scopes)
		views := map[*release.View]bool{}
		for _, p := range []smart.Permission{smart.Search, smart.Read, smart.ReadAndSearch} {
			v, err := c.service.View(context.Background(), r, p, patientRef("1"))
			if err != nil {
				t.Fatal(err)
			}
			views[v] = true
		}
		if alike != (len(views) == 1) {
			t.Errorf("%s: %d views", scopes, len(views))
		}
	}
}

func TestOneViewThatCannotBeBuiltWithholdsAll(t *testing.T) {
	c, refs := manyClients(t, 20)
	c.onChart = func(client practice.ClientKey) error {
		if client == "7" {
			return errors.New("the database is gone")
		}
		return nil
	}
	if views, err := c.views(refs, "Patient"); !errors.Is(err, release.ErrUnavailable) || views != nil {
		t.Errorf("%d views, %v", len(views), err)
	}
	c.onChart = nil
	if views, err := c.views(refs, "Patient"); err != nil || len(views) != len(refs) {
		t.Errorf("afterwards: %d views, %v", len(views), err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if views, err := c.service.Views(ctx, theClinic(), smart.Search, refs, ofTypes("Patient")); !errors.Is(err, release.ErrUnavailable) || views != nil {
		t.Errorf("for nobody who waits: %d views, %v", len(views), err)
	}
}

// A panic ends the request that it is of, not the process.
func TestAPanicInAViewIsTheCallers(t *testing.T) {
	c, refs := manyClients(t, 8)
	for _, unnamed := range []bool{false, true} {
		c.change(func() { c.unnamed = unnamed })
		c.onChart = func(client practice.ClientKey) error {
			if client == "3" {
				panic("broken")
			}
			return nil
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			views, err := c.views(refs, "Patient")
			t.Errorf("%d views, %v", len(views), err)
		}()
		c.onChart = nil
		if views, err := c.views(refs, "Patient"); err != nil || len(views) != len(refs) {
			t.Errorf("afterwards: %d views, %v", len(views), err)
		}
	}
}

func TestViewsAreBuiltSideBySideButNoMoreThanProcessors(t *testing.T) {
	const processors = 3
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
	c, refs := manyClients(t, 20)
	var running, most, waited atomic.Int64
	all := make(chan struct{})
	c.onChart = func(practice.ClientKey) error {
		n := running.Add(1)
		defer running.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if waited.Add(1) == processors {
			close(all)
		}
		select {
		case <-all:
			return nil
		case <-time.After(10 * time.Second):
			return errors.New("alone")
		}
	}
	if views, err := c.views(refs, "Patient"); err != nil || len(views) != len(refs) {
		t.Errorf("%d views, %v", len(views), err)
	}
	if n := most.Load(); n != processors {
		t.Errorf("%d at once", n)
	}
}

func TestAllViewsOfAMomentShareItsVersion(t *testing.T) {
	c, refs := manyClients(t, 20)
	for range 3 {
		before := c.named.Load()
		at := c.service.At(c.service.Version(t.Context()))
		if _, err := at.Views(t.Context(), theClinic(), smart.Search, refs, ofTypes("Patient")); err != nil {
			t.Fatal(err)
		}
		if n := c.named.Load() - before; n != 1 {
			t.Errorf("read %d times", n)
		}
	}
	if n := int(c.chartRead.Load()); n != len(refs) {
		t.Errorf("%d charts were read", n)
	}
	c.change(func() { c.forms["4"] = nil })
	views, err := c.views(refs, "Patient")
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range views {
		if (v.Len() == 0) != (refs[i] == patientRef("4")) {
			t.Errorf("after the revocation: %d resources of %d", v.Len(), i)
		}
	}
}

// An id that is none, and nobody who asks, costs no read: there is no state of the practice in which it would be something.
func TestViewsOfNobodyAskNothing(t *testing.T) {
	c, refs := manyClients(t, 2)
	c.fail["Version"] = errors.New("the database is gone")
	for name, get := range map[string]func() ([]*release.View, error){
		"ids that are none": func() ([]*release.View, error) {
			return c.views([]fhir.Reference{{Type: "Patient", ID: "x"}, {}}, "Patient")
		},
		"nobody asks": func() ([]*release.View, error) {
			return c.service.Views(context.Background(), nil, smart.Search, refs, ofTypes("Patient"))
		},
	} {
		views, err := get()
		if err != nil || len(views) != 2 || views[0].Len()+views[1].Len() != 0 {
			t.Errorf("%s: %v, %v", name, views, err)
		}
	}
	if n := c.named.Load(); n != 0 {
		t.Errorf("the version was read %d times", n)
	}
	if views, err := c.views(refs, "Patient"); !errors.Is(err, release.ErrUnavailable) || views != nil {
		t.Errorf("real ids: %v, %v", views, err)
	}
}
