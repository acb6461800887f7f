package conformance

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/consentry/gateway/internal/demo"
)

// asked is a request as the suite made it; it can be made again.
type asked struct {
	method, target string // path and query, as they were written
	header         http.Header
	body           []byte
}

func readAsked(r *http.Request) (*asked, error) {
	body, err := io.ReadAll(r.Body)
	return &asked{method: r.Method, target: r.RequestURI, header: r.Header, body: body}, err
}

func (r *asked) query() url.Values {
	_, query, _ := strings.Cut(r.target, "?")
	values, _ := url.ParseQuery(query)
	if form, err := url.ParseQuery(string(r.body)); err == nil && r.method == http.MethodPost {
		for name, v := range form {
			values[name] = append(values[name], v...)
		}
	}
	return values
}

// path is the path below the base: "Encounter", "Encounter/x".
func (r *asked) path() string {
	path, _, _ := strings.Cut(r.target, "?")
	return strings.TrimPrefix(path, "/fhir/")
}

// reads tells whether the request is a read, and of what.
func (r *asked) reads() bool {
	path := r.path()
	return r.method == http.MethodGet && strings.Count(path, "/") == 1 && !strings.ContainsAny(path, "$_.%")
}

func (r *asked) token() string { return strings.TrimPrefix(r.header.Get("Authorization"), "Bearer ") }

// at is the same request for something else.
func (r *asked) at(method, target string) *asked {
	return &asked{method: method, target: target, header: r.header, body: nil}
}

// backdoor is what a mutant knows that no partner does: every partner's token.
type backdoor struct {
	root    string
	dir     string // of the demo
	tokens  map[string]string
	canary  string
	clients map[string]string // the practice's keys by FHIR id
	people  map[string]string // files with tokens, by FHIR id
	mu      sync.Mutex
	memory  map[string]*answer
	owners  map[string]string
}

func openBackdoor(t *testing.T, d *demonstration) *backdoor {
	t.Helper()
	b := &backdoor{dir: d.dir, root: strings.TrimSuffix(d.FHIRBase, "/fhir"), tokens: map[string]string{}, clients: map[string]string{}, people: map[string]string{}}
	for _, p := range machines {
		b.tokens[p] = d.token(t, p)
	}
	for _, c := range d.Clients {
		b.clients[c.ID] = c.Key
	}
	for _, p := range d.People {
		b.people[p.Patient] = p.Token
	}
	canaries, err := (&demo.Practice{Psychotherapy: d.PsychotherapyDatabase}).ReadCanaries(t.Context())
	if err != nil || len(canaries) == 0 {
		t.Fatal("no canaries", err)
	}
	b.canary = canaries[0]
	return b
}

// fresh is a backdoor without memories, one for each mutant.
func (b *backdoor) fresh() *backdoor {
	return &backdoor{dir: b.dir, root: b.root, tokens: b.tokens, canary: b.canary, clients: b.clients, people: b.people, memory: map[string]*answer{}, owners: map[string]string{}}
}

// real asks the gateway what was asked.
func (b *backdoor) real(r *asked) *answer {
	req, err := http.NewRequest(r.method, b.root, bytes.NewReader(r.body))
	if err != nil {
		return &answer{status: http.StatusBadGateway, header: http.Header{}}
	}
	path, query, _ := strings.Cut(r.target, "?")
	req.URL.Opaque, req.URL.RawQuery = "//"+req.URL.Host+path, query
	if !strings.HasPrefix(path, "/") {
		return &answer{status: http.StatusBadRequest, header: http.Header{}}
	}
	for name, values := range r.header {
		if name != "Connection" && name != "Accept-Encoding" {
			req.Header[name] = values
		}
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return &answer{status: http.StatusBadGateway, header: http.Header{}}
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return &answer{status: resp.StatusCode, header: resp.Header, body: body}
}

// as asks the gateway the same with a partner's token, without conditions.
func (b *backdoor) as(partner string, r *asked) *answer {
	again := *r
	again.header = r.header.Clone()
	for _, h := range []string{"If-None-Match", "If-Modified-Since"} {
		again.header.Del(h)
	}
	again.header.Set("Authorization", "Bearer "+b.token(partner))
	return b.real(&again)
}

// token is the partner's: the demo renews it in a file.
func (b *backdoor) token(partner string) string {
	if text, err := os.ReadFile(filepath.Join(b.dir, "partners", partner+".token")); err == nil {
		return string(text)
	}
	return b.tokens[partner]
}

// asPerson asks the gateway the same with the token of a client's own app; nil if none is known.
func (b *backdoor) asPerson(id string, r *asked) *answer {
	token, err := os.ReadFile(b.people[id])
	if err != nil {
		return nil
	}
	again := *r
	again.header = r.header.Clone()
	again.header.Set("Authorization", "Bearer "+string(token))
	return b.real(&again)
}

// everybody gives the good answers that the others get, of those partners to whom most is released.
func (b *backdoor) everybody(r *asked) (all []*answer) {
	for _, p := range []string{newDawn, harbor, blueriver} {
		if p == partnerOf(r.token()) {
			continue
		}
		if a := b.as(p, r); a.status == http.StatusOK {
			all = append(all, a)
		}
	}
	return all
}

// best gives the longest good answer that any partner gets, or else the real one.
func (b *backdoor) best(r *asked) *answer {
	out := b.real(r)
	for _, a := range b.everybody(r) {
		if out.status != http.StatusOK || len(a.body) > len(out.body) || r.method == http.MethodHead && length(a) > length(out) {
			out = a
		}
	}
	return out
}

func length(a *answer) int {
	n, _ := strconv.Atoi(a.header.Get("Content-Length"))
	return n
}

// write sends the answer on.
func (a *answer) write(w http.ResponseWriter) {
	for name, values := range a.header {
		if name != "Connection" {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the suite may have gone
}

// change gives the answer with another body.
func (a *answer) change(body []byte) *answer {
	header := a.header.Clone()
	header.Set("Content-Length", strconv.Itoa(len(body)))
	return &answer{status: a.status, header: header, body: body}
}

// with gives the answer with another header.
func (a *answer) with(name, value string) *answer {
	header := a.header.Clone()
	header.Set(name, value)
	return &answer{status: a.status, header: header, body: a.body}
}

// object is a JSON object.
type object = map[string]any

// tree reads a body; it is nil for what is no JSON object.
func (a *answer) tree() object {
	var x object
	if json.Unmarshal(a.body, &x) != nil {
		return nil
	}
	return x
}

// edited gives the answer with its tree changed, and the answer itself if it is no JSON or no success.
func (a *answer) edited(f func(object)) *answer {
	x := a.tree()
	if x == nil || a.status != http.StatusOK {
		return a
	}
	f(x)
	body, err := json.Marshal(x)
	if err != nil {
		return a
	}
	return a.change(body)
}

// entries are those of a Bundle.
func entries(x object) []any {
	list, _ := x["entry"].([]any)
	return list
}

func entryID(e any) string {
	x, _ := e.(object)
	r, _ := x["resource"].(object)
	typ, _ := r["resourceType"].(string)
	id, _ := r["id"].(string)
	return typ + "/" + id
}

// missing are the entries that others get for the same request and this answer has not.
func (b *backdoor) missing(r *asked, x object) (out []any) {
	seen := map[string]bool{}
	for _, e := range entries(x) {
		seen[entryID(e)] = true
	}
	for _, a := range b.everybody(r) {
		for _, e := range entries(a.tree()) {
			if id := entryID(e); !seen[id] {
				seen[id] = true
				out = append(out, e)
			}
		}
	}
	return out
}

// partnerOf reads, without checking anything, for whom a token says it is.
func partnerOf(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) < 2 {
		return ""
	}
	text, _ := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		ClientID string `json:"client_id"`
		Scope    string `json:"scope"`
	}
	_ = json.Unmarshal(text, &claims)
	return claims.ClientID
}
