package conformance

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// browser is what a person sits before, and the app that they launch. It keeps cookies and follows nothing by itself.
type browser struct {
	t      testing.TB
	client *http.Client
}

func newBrowser(t testing.TB) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// shown is an answer.
type shown struct {
	status int
	header http.Header
	body   string
}

// to is where the answer leads, with its parameters.
func (s shown) to() (*url.URL, url.Values) {
	u, err := url.Parse(s.header.Get("Location"))
	if err != nil {
		return &url.URL{}, nil
	}
	return u, u.Query()
}

func (b *browser) do(method, to string, form url.Values, header http.Header) shown {
	b.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, to, body)
	if err != nil {
		b.t.Fatal(err)
	}
	if header != nil {
		r.Header = header.Clone()
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return shown{resp.StatusCode, resp.Header, string(text)}
}

// launching is one launch of the demo's app. Each step is a request that an attack can change before it is sent.
type launching struct {
	*browser
	demo                *demonstration
	verifier, challenge string
	auth                string // where the authorization server lies
	given               map[string]string
}

const (
	diary         = "wellness-diary"
	diaryRedirect = "http://127.0.0.1:3000/"
)

func (d *demonstration) launch(t testing.TB) *launching {
	l := &launching{browser: newBrowser(t), demo: d, verifier: rand.Text() + rand.Text(), auth: strings.TrimSuffix(d.TokenEndpoint, "/token"), given: map[string]string{}}
	sum := sha256.Sum256([]byte(l.verifier))
	l.challenge = base64.RawURLEncoding.EncodeToString(sum[:])
	return l
}

func (l *launching) request(scope string) url.Values {
	return url.Values{"response_type": {"code"}, "client_id": {diary}, "redirect_uri": {diaryRedirect}, "scope": {scope}, "state": {rand.Text()}, "aud": {l.demo.FHIRBase},
		"code_challenge": {l.challenge}, "code_challenge_method": {"S256"}, "nonce": {rand.Text()}}
}

func (l *launching) authorize(q url.Values) shown {
	return l.do(http.MethodGet, l.auth+"/authorize?"+q.Encode(), nil, nil)
}

var (
	hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
	portalEntry = regexp.MustCompile(`name="person" value="([^"]*)"><span class="name">([^<]*)</span> <span class="about">([^<]*)</span>`)
	checkbox    = regexp.MustCompile(`<input type="checkbox" name="scope" id="([^"]*)" value="([^"]*)" checked>`)
)

func fields(page string) url.Values {
	form := url.Values{}
	for _, m := range hiddenField.FindAllStringSubmatch(page, -1) {
		form.Add(html.UnescapeString(m[1]), html.UnescapeString(m[2]))
	}
	return form
}

// signIn chooses somebody at the demo's portal, by what is said of them there, and gives the way back.
func (l *launching) signIn(sent shown, about string) url.Values {
	l.t.Helper()
	to, _ := sent.to()
	if sent.status != http.StatusSeeOther || !strings.HasSuffix(to.Path, "/portal/authorize") {
		l.t.Fatalf("status %d, sent to %s", sent.status, to.Redacted())
	}
	page := l.do(http.MethodGet, to.String(), nil, nil)
	form := fields(page.body)
	for _, m := range portalEntry.FindAllStringSubmatch(page.body, -1) {
		if strings.Contains(html.UnescapeString(m[3]), about) && form.Get("person") == "" {
			form.Set("person", m[1])
		}
	}
	if !strings.Contains(page.body, "Demonstration") || form.Get("person") == "" {
		l.t.Fatalf("the portal has nobody who is %s", about)
	}
	_, back := l.do(http.MethodPost, strings.SplitN(to.String(), "?", 2)[0], form, nil).to()
	return back
}

func (l *launching) signedIn(back url.Values) shown {
	return l.do(http.MethodGet, l.auth+"/sign-in?"+back.Encode(), nil, nil)
}

// decision is the form of the page, filled in to give everything.
func decision(page shown) url.Values {
	form := fields(page.body)
	form.Set("decision", "allow")
	for _, m := range checkbox.FindAllStringSubmatch(page.body, -1) {
		form.Add("scope", m[2])
	}
	return form
}

func (l *launching) decide(form url.Values, header http.Header) shown {
	return l.do(http.MethodPost, l.auth+"/consent", form, header)
}

func (l *launching) exchange(code string) url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "client_id": {diary}, "code": {code}, "redirect_uri": {diaryRedirect}, "code_verifier": {l.verifier}}
}

func (l *launching) refresh() url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "client_id": {diary}, "refresh_token": {l.given["refresh"]}}
}

// token asks the token endpoint, and remembers what it gives.
func (l *launching) token(form url.Values) (status int, oauthError string) {
	l.t.Helper()
	got := l.do(http.MethodPost, l.demo.TokenEndpoint, form, nil)
	var answer struct {
		Error   string `json:"error"`
		Access  string `json:"access_token"`
		ID      string `json:"id_token"`
		Refresh string `json:"refresh_token"`
		Patient string `json:"patient"`
		Scope   string `json:"scope"`
	}
	if err := json.Unmarshal([]byte(got.body), &answer); err != nil {
		l.t.Fatalf("status %d: %v", got.status, err)
	}
	if answer.Error != "" && (answer.Access != "" || answer.Refresh != "" || answer.ID != "") {
		l.t.Error("an error with tokens")
	}
	for name, value := range map[string]string{"access": answer.Access, "id": answer.ID, "refresh": answer.Refresh, "patient": answer.Patient, "scope": answer.Scope} {
		if value != "" {
			l.given[name] = value
		}
	}
	return got.status, answer.Error
}

// upTo goes through a good launch, and gives the request of the step with the function that sends it.
func (l *launching) upTo(step, scope, about string) (url.Values, func(url.Values, http.Header) shown) {
	l.t.Helper()
	ask := l.request(scope)
	if step == "authorize" {
		return ask, func(q url.Values, _ http.Header) shown { return l.authorize(q) }
	}
	back := l.signIn(l.authorize(ask), about)
	if step == "sign-in" {
		return back, func(q url.Values, _ http.Header) shown { return l.signedIn(q) }
	}
	page := l.signedIn(back)
	form := decision(page)
	if page.status != http.StatusOK || len(form["scope"]) == 0 {
		l.t.Fatalf("status %d: no page on which to decide", page.status)
	}
	if step == "consent" {
		return form, l.decide
	}
	_, answer := l.decide(form, nil).to()
	if answer.Get("code") == "" || answer.Get("state") != ask.Get("state") || answer.Get("iss") != l.auth {
		l.t.Fatalf("the app is told %v", answer)
	}
	l.given["code"] = answer.Get("code")
	return l.exchange(answer.Get("code")), nil
}

// complete launches the app to its end.
func (l *launching) complete(scope, about string) {
	l.t.Helper()
	form, _ := l.upTo("token", scope, about)
	if status, err := l.token(form); status != http.StatusOK {
		l.t.Fatalf("status %d, %s", status, err)
	}
}

// opens tells whether the access token opens the client's records now.
func (l *launching) opens() bool {
	return (&caller{base: l.demo.FHIRBase, token: l.given["access"]}).get(l.t, "Condition?patient="+l.given["patient"]).status == http.StatusOK
}

func TestAPersonLaunchesAnAppAndSeesWhatIsTheirs(t *testing.T) {
	d := sharedDemo(t)
	const all = "launch/patient openid fhirUser offline_access patient/*.rs"
	for about, isOwn := range map[string]bool{
		"a client, in treatment for substance use":       true,
		"a client who came of age two days ago":          true,
		"a parent or guardian of a minor client":         false,
		"comes of age in five days":                      false,
		"acts for a client under a health care power of": false,
	} {
		l := d.launch(t)
		l.complete(all, about)
		var claims map[string]any
		payload, err := base64.RawURLEncoding.DecodeString(strings.Split(l.given["id"], ".")[1])
		if err != nil || json.Unmarshal(payload, &claims) != nil {
			t.Fatal(err)
		}
		user, _ := claims["fhirUser"].(string)
		if own := user == d.FHIRBase+"/Patient/"+l.given["patient"]; own != isOwn || !own && !strings.HasPrefix(user, d.FHIRBase+"/RelatedPerson/") {
			t.Errorf("%s: the user is %s", about, user)
		}
		app := &caller{base: d.FHIRBase, token: l.given["access"]}
		if got := app.get(t, "Patient/"+l.given["patient"]); got.status != http.StatusOK {
			t.Errorf("%s: their own record is %d", about, got.status)
		}
		for _, other := range d.Clients[:3] {
			if got := app.get(t, "Patient/"+other.ID); other.ID != l.given["patient"] && got.status != http.StatusNotFound {
				t.Errorf("%s: somebody else's record is %d", about, got.status)
			}
		}
		if status, _ := l.token(l.refresh()); status != http.StatusOK || !l.opens() {
			t.Errorf("%s: cannot come back: %d", about, status)
		}
	}
}

// Whose child has come of age finds nothing any more (design rule 6), and the app is told only that it gets nothing.
func TestAGuardianOfAnAdultLaunchesNothing(t *testing.T) {
	l := sharedDemo(t).launch(t)
	page := l.signedIn(l.signIn(l.authorize(l.request("patient/*.rs")), "whose child came of age two days ago"))
	if page.status != http.StatusOK || !strings.Contains(page.body, "No records found") {
		t.Fatalf("status %d: %s", page.status, page.body)
	}
	_, told := l.decide(decision(page), nil).to()
	if told.Get("error") != "access_denied" || told.Has("code") {
		t.Errorf("the app is told %v", told)
	}
}

// What the client takes away, the app does not get, whatever the records hold.
func TestWhatIsTakenAwayOnThePageIsGone(t *testing.T) {
	l := sharedDemo(t).launch(t)
	page := l.signedIn(l.signIn(l.authorize(l.request("patient/*.rs")), "a client, in treatment"))
	form := decision(page)
	notes := regexp.MustCompile(`id="scope-(\d+)"[^>]*><label[^>]*>Notes `).FindStringSubmatch(page.body)
	if notes == nil {
		t.Fatal("the page does not ask for notes")
	}
	var kept []string
	for _, n := range form["scope"] {
		if n != notes[1] {
			kept = append(kept, n)
		}
	}
	form["scope"] = kept
	_, answer := l.decide(form, nil).to()
	if status, err := l.token(l.exchange(answer.Get("code"))); status != http.StatusOK {
		t.Fatalf("%d %s", status, err)
	}
	app := &caller{base: l.demo.FHIRBase, token: l.given["access"]}
	if got := app.get(t, "DocumentReference?patient="+l.given["patient"]); got.status != http.StatusForbidden {
		t.Errorf("notes: %d", got.status)
	}
	if !l.opens() || strings.Contains(l.given["scope"], "DocumentReference") || strings.Contains(l.given["scope"], "*") {
		t.Errorf("the scope is %s", l.given["scope"])
	}
}
