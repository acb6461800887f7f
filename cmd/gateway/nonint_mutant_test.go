package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhirapi"
	"github.com/consentry/gateway/internal/release"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
)

// mutantPairs is within how many pairs a mutant must be found out.
const mutantPairs = 400

// Each mutant does one thing as systems before this one did it: it lets the query run over everything and filters afterwards, or forgets to
// filter on one way. The comparison must find out every one of them, or it proves nothing about the gateway.
func TestNoninterferenceFindsOutWhoFiltersAfterwards(t *testing.T) {
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			found := 0
			first := ""
			total := interfere(t, m, *nonintSeed, mutantPairs, 1, func(_ uint64, difference string) {
				found++
				first = difference
			})
			if found == 0 {
				t.Fatalf("%d pairs show no difference", total.kept)
			}
			t.Logf("found out within %d pairs, for one by %s", total.kept, first)
		})
	}
}

// The mutants' proxies alone make no difference: one that lets the right answer through is not found out.
func TestNoninterferenceOfAProxyThatChangesNothing(t *testing.T) {
	proxy := mutation{name: "nothing", handler: filterPages(false, false), views: func(h *house, real fhirapi.Views) fhirapi.Views {
		return otherViews{real, wholeCharts{h}, func(v, _ fhirapi.View) fhirapi.View { return v }}
	}}
	interfere(t, proxy, *nonintSeed, mutantPairs/2, 1, func(seed uint64, difference string) { t.Errorf("seed %d: %s", seed, difference) })
}

var mutants = []mutation{
	{name: "the page is filtered, the total and the page's bounds are of everything", handler: filterPages(true, true)},
	{name: "the page and its bounds are right, the total is of everything", handler: filterPages(true, false)},
	{name: "the total is right, the page is cut out of everything and then filtered", handler: filterPages(false, true)},
	{name: "references to what is withheld stay", projector: func(p release.Projector) release.Projector { return keepsReferences{p} }},
	{name: "what loses a required reference stays", projector: func(p release.Projector) release.Projector { return keepsTheUnwhole{p} }},
	{name: "the Patient is shown whole", projector: func(p release.Projector) release.Projector { return wholePatient{p} }},
	{name: "the entity tag is of everything", handler: tagOfEverything},
	{name: "Last-Modified is of everything", handler: lastModifiedOfEverything},
	{name: "a search is filtered and a read is not", views: func(h *house, real fhirapi.Views) fhirapi.Views {
		return otherViews{real, wholeCharts{h}, func(v, whole fhirapi.View) fhirapi.View { return unfilteredRead{v, whole} }}
	}},
	{name: "_include is not filtered", handler: includesOfEverything("_include")},
	{name: "_include:iterate is not filtered", handler: includesOfEverything("_include:iterate")},
	{name: "_revinclude is not filtered", handler: includesOfEverything("_revinclude")},
	{name: "_revinclude:iterate is not filtered", handler: includesOfEverything("_revinclude:iterate")},
	{name: "a search of one type is not filtered", views: func(h *house, real fhirapi.Views) fhirapi.Views {
		return otherViews{real, wholeCharts{h}, func(v, whole fhirapi.View) fhirapi.View { return unfilteredType{v, whole} }}
	}},
	{name: "AuditEvents tell of what was found and not released", ledger: recordsEverything},
	{name: "what is withheld is forbidden, what is not there is not found", handler: forbidden},
}

// keepsReferences forgets to remove references.
type keepsReferences struct{ release.Projector }

func (keepsReferences) Without(r stage.Released, _ func(fhir.Reference) bool) (stage.Released, bool) {
	return r, true
}

// keepsTheUnwhole lets out whole what should have been withheld for a required reference.
type keepsTheUnwhole struct{ release.Projector }

func (k keepsTheUnwhole) Without(r stage.Released, gone func(fhir.Reference) bool) (stage.Released, bool) {
	if left, ok := k.Projector.Without(r, gone); ok {
		return left, true
	}
	return r, true
}

type wholePatient struct{ release.Projector }

func (wholePatient) MinimalPatient(r stage.Released) (stage.Released, bool) { return r, true }

// otherViews are views that see something of everything.
type otherViews struct {
	real, whole fhirapi.Views
	mix         func(real, whole fhirapi.View) fhirapi.View
}

func (o otherViews) View(ctx context.Context, r *requester.Requester, p smart.Permission, ref fhir.Reference) (fhirapi.View, error) {
	real, err := o.real.View(ctx, r, p, ref)
	if err != nil {
		return nil, err
	}
	whole, err := o.whole.View(ctx, r, p, ref)
	return o.mix(real, whole), err
}

func (o otherViews) Views(ctx context.Context, r *requester.Requester, p smart.Permission, refs []fhir.Reference, _ func(*stage.Facts) bool) (views []fhirapi.View, err error) {
	for _, ref := range refs {
		v, err := o.View(ctx, r, p, ref)
		if err != nil {
			return nil, err
		}
		views = append(views, v)
	}
	return views, nil
}

func (o otherViews) Directory(ctx context.Context, r *requester.Requester, p smart.Permission) (fhirapi.View, error) {
	return o.real.Directory(ctx, r, p)
}

func (o otherViews) AuditEvents(ctx context.Context, r *requester.Requester, p smart.Permission, ref fhir.Reference) (fhirapi.View, error) {
	return o.real.AuditEvents(ctx, r, p, ref)
}

func (o otherViews) Reach(ctx context.Context, r *requester.Requester, p smart.Permission) ([]fhir.Reference, error) {
	return o.real.Reach(ctx, r, p)
}

type unfilteredRead struct {
	fhirapi.View
	whole fhirapi.View
}

func (u unfilteredRead) Get(ref fhir.Reference) (stage.Released, bool) {
	if r, ok := u.View.Get(ref); ok {
		return r, true
	}
	return u.whole.Get(ref)
}

type unfilteredType struct {
	fhirapi.View
	whole fhirapi.View
}

func (u unfilteredType) Resources(typ string) []stage.Released {
	if typ == "Condition" && len(u.View.Resources(typ)) > 0 {
		return u.whole.Resources(typ)
	}
	return u.View.Resources(typ)
}

// answered serves a request into memory. The body of a POST is given again each time.
func answered(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// reread lets a request be served more than once.
func reread(r *http.Request) func() *http.Request {
	var body bytes.Buffer
	_, _ = body.ReadFrom(r.Body)
	return func() *http.Request {
		c := r.Clone(r.Context())
		c.Body = http.NoBody
		if body.Len() > 0 {
			c.Body = readCloser{bytes.NewReader(body.Bytes())}
		}
		return c
	}
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

func isSearch(r *http.Request) bool {
	path, ok := strings.CutPrefix(r.URL.Path, "/fhir/")
	if !ok { // a batch
		return false
	}
	return strings.Count(path, "/") != 1 || strings.HasSuffix(path, "/_search") || strings.HasSuffix(path, "/$docref")
}

// filterPages makes a proxy that filters what a server without consent answers, as several products do. Its entries are those of the real
// gateway, to the byte: only the total, and what is on which page, come from everything.
func filterPages(total, bounds bool) func(*house, http.Handler, http.Handler) http.Handler {
	return func(_ *house, real, whole http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			again := reread(r)
			right, all := answered(real, again()), answered(whole, again())
			if r.Method == http.MethodHead || !isSearch(r) || right.Code != http.StatusOK || all.Code != http.StatusOK {
				copyAnswer(w, right, right.Body.Bytes())
				return
			}
			var x, y map[string]json.RawMessage
			if json.Unmarshal(right.Body.Bytes(), &x) != nil || json.Unmarshal(all.Body.Bytes(), &y) != nil {
				panic("no Bundle")
			}
			if total && y["total"] != nil {
				x["total"] = y["total"]
			}
			if bounds {
				x["entry"] = filtered(real, r, y["entry"])
				x["link"] = y["link"]
			}
			body, err := json.Marshal(x)
			if err != nil {
				panic(err)
			}
			right.Header().Set("Content-Length", strconv.Itoa(len(body)))
			right.Header().Del("Last-Modified")
			right.Header().Del("Redisclosure-Notice")
			sum := sha256.Sum256(x["entry"])
			right.Header().Set("ETag", `W/"`+hex.EncodeToString(sum[:8])+`"`)
			copyAnswer(w, right, body)
		})
	}
}

// filtered keeps of the entries those that the requester can read, as they are read.
func filtered(real http.Handler, r *http.Request, entries json.RawMessage) json.RawMessage {
	var all []struct {
		FullURL string          `json:"fullUrl"`
		Search  json.RawMessage `json:"search"`
	}
	if len(entries) > 0 && json.Unmarshal(entries, &all) != nil {
		panic("no entries")
	}
	kept := []object{}
	for _, e := range all {
		u, err := url.Parse(e.FullURL)
		if err != nil || e.FullURL == "" {
			continue
		}
		one := r.Clone(r.Context())
		one.Method, one.URL, one.Body = http.MethodGet, u, http.NoBody
		one.Header.Del("Content-Type")
		if read := answered(real, one); read.Code == http.StatusOK {
			kept = append(kept, object{"fullUrl": e.FullURL, "resource": json.RawMessage(read.Body.Bytes()), "search": e.Search})
		}
	}
	text, err := json.Marshal(kept)
	if err != nil {
		panic(err)
	}
	return text
}

func copyAnswer(w http.ResponseWriter, from *httptest.ResponseRecorder, body []byte) {
	for name, values := range from.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(from.Code)
	_, _ = w.Write(body)
}

// tagOfEverything lets the version of the whole chart into the entity tag, as versions of a source do.
func tagOfEverything(h *house, real, _ http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := answered(real, r)
		if tag := a.Header().Get("ETag"); tag != "" {
			a.Header().Set("ETag", strings.TrimSuffix(tag, `"`)+chartVersion(h)+`"`)
		}
		copyAnswer(w, a, a.Body.Bytes())
	})
}

func chartVersion(h *house) string {
	view, err := h.service.View(context.Background(), wholeCharts{h}.client(), smart.Read, h.patient(nonintClient))
	if err != nil {
		panic(err)
	}
	return view.Evidence().ChartVersion
}

func lastModifiedOfEverything(h *house, real, _ http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := answered(real, r)
		if a.Header().Get("Last-Modified") != "" {
			var last time.Time
			for _, c := range h.records.charts[nonintClient].Candidates {
				if t := c.Facts().LastUpdated.Start; t.After(last) {
					last = t
				}
			}
			a.Header().Set("Last-Modified", last.UTC().Format(http.TimeFormat))
		}
		copyAnswer(w, a, a.Body.Bytes())
	})
}

func forbidden(_ *house, real, whole http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		again := reread(r)
		a := answered(real, again())
		if a.Code == http.StatusNotFound && answered(whole, again()).Code == http.StatusOK {
			a.Code = http.StatusForbidden
		}
		copyAnswer(w, a, a.Body.Bytes())
	})
}
