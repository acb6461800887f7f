package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// httpClient neither unpacks nor follows anything.
var httpClient = &http.Client{
	Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 32}, Timeout: time.Minute,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// request is one request. Its path is below the base, or absolute.
type request struct {
	method, path string // GET if no method
	header       http.Header
	body         string
}

func get(path string) request { return request{path: path} }

// form is a search by POST.
func form(path, query string) request {
	return request{method: http.MethodPost, path: path, body: query, header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}}
}

// with gives the request one header more.
func (r request) with(name, value string) request {
	h := r.header.Clone()
	if h == nil {
		h = http.Header{}
	}
	h[http.CanonicalHeaderKey(name)] = []string{value}
	r.header = h
	return r
}

// about puts an id in place of ID.
func (r request) about(id string) request {
	r.path, r.body = strings.ReplaceAll(r.path, "{ID}", id), strings.ReplaceAll(r.body, "{ID}", id)
	h := http.Header{}
	for name, values := range r.header {
		for _, v := range values {
			h.Add(name, strings.ReplaceAll(v, "{ID}", id))
		}
	}
	r.header = h
	return r
}

// name says what a request is, without values.
func (r request) name() string {
	method := r.method
	if method == "" {
		method = http.MethodGet
	}
	path, query, _ := strings.Cut(r.path, "?")
	if i := strings.Index(path, "://"); i >= 0 {
		path = "a link"
	}
	var names []string
	if strings.HasPrefix(r.body, "{") {
		var x struct{ ResourceType, Type string }
		_ = json.Unmarshal([]byte(r.body), &x) // what is broken has no name
		names, r.body = append(names, strings.TrimSpace(x.Type+" "+x.ResourceType)), ""
	}
	for part := range strings.SplitSeq(strings.ReplaceAll(query+"&"+r.body, "\n", " "), "&") {
		if name, _, _ := strings.Cut(part, "="); name != "" {
			names = append(names, name[:min(len(name), 40)])
		}
	}
	text := method + " " + sealedID.ReplaceAllString(path[:min(len(path), 200)], "ID")
	if len(names) > 0 {
		text += " (" + strings.Join(names, ", ") + ")"
	}
	for h := range r.header {
		if h != "Content-Type" {
			text += " " + h
		}
	}
	return text
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// caller asks with one token, for one line. partner is nil for nobody.
type caller struct {
	p       *probe
	partner *partner
	token   string
	good    bool // the issuer gave the token: it must be taken
}

// do asks. What cannot be asked ends the line.
func (c *caller) do(r request) *answer {
	c.p.stop()
	a, err := c.try(r)
	switch {
	case errors.Is(err, errNotTaken):
		c.p.broken("%s: %v", r.name(), err)
	case err != nil:
		c.p.broken("%s: no answer: %v", r.name(), cause(err))
	}
	return a
}

func (c *caller) get(path string) *answer { return c.do(get(path)) }

// try asks where no answer may be an answer.
func (c *caller) try(r request) (*answer, error) {
	c.p.asked.Add(1)
	req, err := c.p.s.request(c.p.s.ctx, r)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "leaks "+c.p.line) // so that a log tells what is being tried
	if c.token != "" && req.Header.Get("Authorization") == "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := httpClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	a := &answer{status: resp.StatusCode, header: resp.Header}
	if a.body, err = io.ReadAll(resp.Body); err != nil && r.method != http.MethodHead {
		return nil, err
	}
	c.p.s.hear(c, r, a)
	if c.good && a.status == http.StatusUnauthorized && r.header.Get("Authorization") == "" && r.header.Get("Proxy-Authorization") == "" { // every comparison with it would succeed
		return nil, errNotTaken
	}
	return a, nil
}

var errNotTaken = errors.New("a token that the issuer gave is not taken")

// request makes the HTTP request. A link that names the gateway's own base is asked at the target.
func (s *suite) request(ctx context.Context, r request) (*http.Request, error) {
	target := s.target + "/" + r.path
	for _, base := range []string{s.m.FHIRBase, s.target} {
		if rest, ours := strings.CutPrefix(r.path, base); ours {
			target = s.target + rest
		}
	}
	method := r.method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	return req, nil
}

// raw sends bytes as they are and gives what comes back until the server closes or is silent.
func (c *caller) raw(text string) []byte {
	c.p.asked.Add(1)
	u, err := url.Parse(c.p.s.target)
	if err != nil || u.Scheme != "http" {
		c.p.notApplicable("raw requests are tried over plain HTTP only")
	}
	var d net.Dialer
	conn, err := d.DialContext(c.p.s.ctx, "tcp", u.Host)
	if err != nil {
		c.p.broken("no connection")
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(3 * time.Second))
	text = strings.NewReplacer("{HOST}", u.Host, "{BASE}", u.Path, "{TOKEN}", c.token).Replace(text)
	_, _ = io.WriteString(conn, text) // a server may refuse before it has heard everything
	got, _ := io.ReadAll(conn)
	c.p.s.hear(c, request{path: "raw"}, &answer{body: got})
	return got
}

// masked is an answer as it is compared: without the date, and without the id that was asked for, which a self link repeats.
func (a *answer) masked(id string) *answer {
	b := &answer{status: a.status, header: a.header.Clone(), body: a.body}
	b.header.Del("Date")
	if id != "" && bytes.Contains(a.body, []byte(id)) {
		b.body = tagInBatch.ReplaceAll(bytes.ReplaceAll(a.body, []byte(id), []byte("ID")), []byte(`"etag":""`))
		b.header.Del("Etag") // it covers the self link
	}
	return b
}

var tagInBatch = regexp.MustCompile(`"etag":"(\\.|[^"\\])*"`)

// difference says in what two masked answers differ, without their content.
func difference(want, got *answer) string {
	if want.status != got.status {
		return "the status: " + http.StatusText(got.status) + " instead of " + http.StatusText(want.status)
	}
	for _, pair := range [][2]http.Header{{want.header, got.header}, {got.header, want.header}} {
		for name := range pair[0] {
			if strings.Join(pair[0][name], "\n") != strings.Join(pair[1][name], "\n") {
				return "the header " + name
			}
		}
	}
	if !bytes.Equal(want.body, got.body) {
		return "the body"
	}
	return ""
}

// beside asks for something that does not lie below the base.
func (c *caller) beside(req *http.Request) *answer {
	c.p.asked.Add(1)
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := httpClient.Do(req)
	if err != nil {
		c.p.broken("no answer")
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	a := &answer{status: resp.StatusCode, header: resp.Header, body: body}
	c.p.s.hear(c, request{path: req.URL.Path}, a)
	return a
}
