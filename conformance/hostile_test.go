package conformance

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// raw sends bytes as they are and reads what comes back until the server closes or is silent.
func (c *clinic) raw(t testing.TB, text string, wait time.Duration) string {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.root, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		return "" // the server has closed while we still wrote
	}
	_ = conn.SetReadDeadline(time.Now().Add(wait))
	got, err := io.ReadAll(io.LimitReader(conn, 1<<20))
	var silent net.Error
	if err != nil && !(errors.As(err, &silent) && silent.Timeout()) && len(got) == 0 {
		return ""
	}
	return string(got)
}

// answersIn reads the HTTP answers in a stream.
func answersIn(t testing.TB, stream string) []*answer {
	t.Helper()
	var out []*answer
	r := bufio.NewReader(strings.NewReader(stream))
	for {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return out
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		out = append(out, &answer{status: resp.StatusCode, header: resp.Header, body: body})
	}
}

// TestHostilePathsReachNothing writes a good request's path in other ways: none may reach the resource, nor be redirected to it.
func TestHostilePathsReachNothing(t *testing.T) {
	c := sharedClinic(t)
	caller := c.as(t, harbor)
	id := c.id(t, c.practice.Story.Referred)
	if got := caller.get(t, "Patient/"+id); got.status != 200 {
		t.Fatalf("the good path: %d", got.status)
	}
	host := strings.TrimPrefix(c.root, "http://")
	for _, path := range []string{
		"/fhir//Patient/" + id, "//fhir/Patient/" + id, "/fhir/./Patient/" + id, "/fhir/x/../Patient/" + id, "/fhir/Patient/../Patient/" + id, "/fhir/Patient/" + id + "/",
		"/fhir/Patient/" + id + "//", "/fhir/Patient%2f" + id, "/fhir%2fPatient/" + id, "/fhir/Patient/%2e%2e/Patient/" + id, "/fhir/Patient/" + id + "%00", "/fhir/Patient/" + id + "%20",
		"/fhir/Patient/" + id + ";x=y", "/fhir;x/Patient/" + id, "/fhir/patient/" + id, "/FHIR/Patient/" + id, "/fhir/Patient/" + id + "/_history/1", "/fhir/Patient/" + id + "/$everything/", "/fhir/Patient/" + id + "/%2524everything", "/fhir/Patient/" + id + "/$everything;x=y", "/fhir/Patient/" + id + "/$Everything",
		"/fhir/Patient/" + id + "/Patient", "/fhir//Patient/" + id + "/$everything", "/fhir/Patient/" + id + "/../" + id + "/$everything",
		"/fhir/%50atient/" + id[:63] + "%" + fmt.Sprintf("%02x", id[63]), "/fhir/Patient/" + id + "%c0%af", "/fhir/Patient/%c0%ae%c0%ae/Patient/" + id, "/fhir\\Patient\\" + id, "/Patient/" + id,
		"/fhir/Patient/" + id + ".json", "/fhir/Patient/" + id + "%0d%0aX-Evil:1", "/fhir/Patient/" + strings.Repeat("a", 20000), "/fhir/" + strings.Repeat("../", 50) + "fhir/Patient/" + id,
		"/metrics", "/debug/pprof/", "/fhir/metadata/../Patient/" + id, "/livez/../fhir/Patient/" + id, "*",
	} {
		text := c.raw(t, "GET "+path+" HTTP/1.1\r\nHost: "+host+"\r\nAuthorization: Bearer "+caller.token+"\r\nConnection: close\r\n\r\n", 5*time.Second)
		for _, a := range answersIn(t, text) {
			if a.status < 400 || a.status >= 500 {
				t.Errorf("%.60q: %d", strings.ReplaceAll(path, id, "ID"), a.status)
			}
			if strings.Contains(string(a.body), `"resourceType":"Patient"`) || strings.Contains(string(a.body), id) || a.header.Get("Location") != "" || a.header.Get("X-Evil") != "" {
				t.Errorf("%.60q reaches something", strings.ReplaceAll(path, id, "ID"))
			}
		}
	}
}

// TestAbsoluteFormAndOtherHosts asks with a target and a Host that name another server: the answer is ours and names only the configured base.
func TestAbsoluteFormAndOtherHosts(t *testing.T) {
	c := sharedClinic(t)
	caller := c.as(t, harbor)
	id := c.id(t, c.practice.Story.Couple[0])
	for name, head := range map[string]string{
		"absolute form": "GET http://evil.example/fhir/Encounter?_count=1&patient=" + id + " HTTP/1.1\r\nHost: evil.example\r\n",
		"another host":  "GET /fhir/Encounter?_count=1&patient=" + id + " HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https\r\nForwarded: host=evil.example\r\n",
	} {
		all := answersIn(t, c.raw(t, head+"Authorization: Bearer "+caller.token+"\r\nConnection: close\r\n\r\n", 5*time.Second))
		if len(all) != 1 || all[0].status != 200 || !strings.Contains(string(all[0].body), c.base) || strings.Contains(string(all[0].body), "evil.example") {
			t.Errorf("%s: %d answers, or another server's name in them", name, len(all))
		}
	}
}

// TestOverridesChangeNothing sends headers and parameters by which some servers take another method, user or path.
func TestOverridesChangeNothing(t *testing.T) {
	c := sharedClinic(t)
	caller := c.as(t, blueriver)
	withheld := withheldIDs(t, c, c.practice.Story.Referred)[0]
	for _, h := range []http.Header{
		{"X-Http-Method-Override": {"DELETE"}}, {"X-Http-Method": {"PUT"}}, {"X-Method-Override": {"POST"}}, {"X-Original-Url": {"/fhir/" + withheld}}, {"X-Rewrite-Url": {"/fhir/" + withheld}},
		{"X-Forwarded-User": {"admin"}}, {"X-Consent": {"permit"}}, {"X-Suppress-Unclassified-Tag": {"true"}}, {"Category": {"http://terminology.hl7.org/CodeSystem/v3-ActReason#BTG; scheme=\"http://hl7.org/fhir/tag/security\""}},
		{"X-Purpose-Of-Use": {"TREAT"}}, {"Prefer": {"return=representation"}}, {"Upgrade": {"h2c"}, "Connection": {"Upgrade, HTTP2-Settings"}, "Http2-Settings": {"AAMAAABkAAQAAP__"}},
	} {
		if a := caller.do(t, http.MethodGet, withheld, nil, h); a.status != http.StatusNotFound {
			t.Errorf("%v: %d", h, a.status)
		}
	}
	id := c.id(t, c.practice.Story.Referred)
	want := refs(caller.get(t, "Encounter?_count=200&patient="+id).bundle(t).Matches)
	for _, q := range []string{"&_method=DELETE", "&purpose=TREAT", "&_security=permit", "&_source=x", "&_profile=x", "&_tag=x", "&_security:not=R", "&_type=DocumentReference", "&_elements=id", "&_summary=count", "&_contained=true", "&_list=x"} {
		if got := refs(caller.get(t, "Encounter?_count=200&patient="+id+q).bundle(t).Matches); len(got) > len(want) {
			t.Errorf("%s gives more", q)
		}
	}
	for q, status := range map[string]int{
		"Encounter?patient=" + id + "&patient=" + c.id(t, c.practice.Story.Couple[0]): 400, // two clients
		"Encounter?patient=" + id + "&patient=" + id:                                  200,
		"Encounter?_count=1&_count=2&patient=" + id:                                   400,
		"Encounter?patient=" + id + "%00":                                             400,
		"Encounter?patient=" + id + "&status=%ff%fe":                                  400,
		"Encounter?patient=" + id + "&status=%c0%80":                                  400,
		"Encounter?patient:Patient=" + id:                                             200,
		"Encounter?patient:not=" + id:                                                 400,
		"Encounter?patient.name=x":                                                    400,
		"Encounter?%70atient=" + id:                                                   200,
	} {
		if a := caller.get(t, q); a.status != status {
			t.Errorf("%s: %d, want %d", strings.ReplaceAll(q, id, "ID")[:30], a.status, status)
		}
	}
}

// TestTheLimitsOfARequest sends what is too large.
func TestTheLimitsOfARequest(t *testing.T) {
	c := sharedClinic(t)
	caller := c.as(t, harbor)
	if a, err := caller.try("GET", "Patient/x", nil, http.Header{"X-Padding": {strings.Repeat("x", 80<<10)}}); err == nil && a.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("80 KB of headers: %d", a.status)
	}
	if a := caller.do(t, "GET", "Patient/x", nil, http.Header{"Authorization": {"Bearer " + strings.Repeat("a.b.c", 5000)}}); a.status != 401 {
		t.Errorf("a token of 25 KB: %d", a.status)
	}
	many := "Observation?patient=" + c.id(t, c.practice.Story.Referred) + strings.Repeat("&code=a", 300)
	if a := caller.get(t, many); a.status != 400 && a.status != 200 { // one value said often is one
		t.Errorf("300 parameters: %d", a.status)
	}
	// A body with a GET is not read: the connection may be closed, and nothing of the body is a request.
	if a := caller.do(t, "GET", "Patient/x", strings.NewReader(strings.Repeat("y", 1<<20)), nil); a.status != 404 {
		t.Errorf("a GET with a body: %d", a.status)
	}
	endless := io.LimitReader(zeros{}, 8<<20) // chunked: no Content-Length
	if a, err := caller.try("POST", "Observation/_search", struct{ io.Reader }{endless}, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}); err == nil && a.status != 413 {
		t.Errorf("8 MB in chunks: %d", a.status)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = '0'
	}
	return len(b), nil
}

// TestNoRequestIsSmuggled hides a second request in a body that is framed in two ways. It must never be answered as the requester's own.
func TestNoRequestIsSmuggled(t *testing.T) {
	c := sharedClinic(t)
	token := c.as(t, harbor).token
	host := strings.TrimPrefix(c.root, "http://")
	hidden := "GET /fhir/Patient/" + c.id(t, c.practice.Story.Referred) + " HTTP/1.1\r\nHost: " + host + "\r\nAuthorization: Bearer " + token + "\r\n\r\n"
	post := "POST /fhir/Observation/_search HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: application/x-www-form-urlencoded\r\n"
	for name, text := range map[string]string{
		"CL and TE":             post + fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n%s", 5+len(hidden), hidden),
		"TE and CL":             post + fmt.Sprintf("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(hidden), hidden),
		"two CLs":               post + fmt.Sprintf("Content-Length: 0\r\nContent-Length: %d\r\n\r\n%s", len(hidden), hidden),
		"TE with a space":       post + fmt.Sprintf("Transfer-Encoding : chunked\r\nContent-Length: %d\r\n\r\n%s", len(hidden), hidden),
		"TE twice":              post + fmt.Sprintf("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\nContent-Length: %d\r\n\r\n%s", len(hidden), hidden),
		"TE: xchunked":          post + fmt.Sprintf("Transfer-Encoding: xchunked\r\nContent-Length: %d\r\n\r\n%s", len(hidden), hidden),
		"folded header":         post + fmt.Sprintf("X-A: b\r\n Transfer-Encoding: chunked\r\nContent-Length: %d\r\n\r\n%s", len(hidden), hidden),
		"CL with a plus":        post + fmt.Sprintf("Content-Length: +%d\r\n\r\n%s", len(hidden), hidden),
		"bad chunk size":        post + "Transfer-Encoding: chunked\r\n\r\n-1\r\n" + hidden,
		"body of a GET":         "GET /fhir/Patient/x HTTP/1.1\r\nHost: " + host + fmt.Sprintf("\r\nContent-Length: %d\r\n\r\n%s", len(hidden), hidden),
		"no host":               "GET /fhir/metadata HTTP/1.1\r\n\r\n",
		"two hosts":             "GET /fhir/metadata HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"NUL in a header":       "GET /fhir/metadata HTTP/1.1\r\nHost: " + host + "\r\nX-A: a\x00b\r\n\r\n",
		"bare CR in the target": "GET /fhir/metadata\rX HTTP/1.1\r\nHost: " + host + "\r\n\r\n",
	} {
		for i, a := range answersIn(t, c.raw(t, text, time.Second)) {
			if a.status == 200 || strings.Contains(string(a.body), `"resourceType":"Patient"`) {
				t.Errorf("%s: answer %d is %d", name, i+1, a.status)
			}
		}
	}
}

// TestASlowBodyIsGivenUp sends a form a byte at a time, and others are served meanwhile.
func TestASlowBodyIsGivenUp(t *testing.T) {
	t.Parallel()
	c := changedClinic(t, patience, "limits: {request-timeout: 5s}")
	must(t, c.open())
	t.Cleanup(func() { _ = c.stop() })
	caller := c.as(t, harbor)
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.root, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	began := time.Now()
	fmt.Fprintf(conn, "POST /fhir/Observation/_search HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\n", caller.token)
	ended := make(chan []byte, 1)
	go func() {
		_ = conn.SetReadDeadline(time.Now().Add(60 * time.Second))
		got, _ := io.ReadAll(conn)
		ended <- got
	}()
	for tick := time.NewTicker(200 * time.Millisecond); ; {
		select {
		case got := <-ended:
			for _, a := range answersIn(t, string(got)) {
				if a.status < 400 {
					t.Errorf("half a form was answered with %d", a.status)
				}
			}
			if took := time.Since(began); took > 45*time.Second {
				t.Errorf("given up after %v only", took)
			}
			return
		case <-tick.C:
			_, _ = conn.Write([]byte("a"))
			if a := caller.get(t, "Patient/x"); a.status != 404 {
				t.Errorf("meanwhile: %d", a.status)
			}
		}
	}
}
