package launch

import (
	"bytes"
	"embed"
	"errors"
	"html/template"
	"net/http"
	"net/url"

	"github.com/consentry/gateway/internal/requester"
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed pages/page.css
var style []byte

var pages = template.Must(template.ParseFS(pageFiles, "pages/*.html"))

// errElsewhere says that a page was used, is too old, or belongs to another browser.
var errElsewhere = errors.New("launch: the page was used, is too old, or belongs to another browser")

// frame is what every page has.
type frame struct {
	Practice string
	Style    string // where the style sheet is
}

func (l *Launch) frame() frame { return frame{l.Practice, l.path + stylePath} }

type consentPage struct {
	frame
	App, Site string
	Form      string // where it goes
	Page      string // sealed
	Charts    []chartLine
	Rows      []row
	Records   bool // whether the app asks for any
	Offline   bool // whether it asks to come back
	Minutes   int
}

type chartLine struct {
	Name string
	Own  bool
}

func nameOf(app *requester.Partner) string {
	if app.Name != "" {
		return app.Name
	}
	return app.ID
}

// siteOf is where the records go, as a person may know it. What follows a scheme of an app's own names no site.
func siteOf(redirect string) string {
	u, err := url.Parse(redirect)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return "an app on this device"
	}
	return u.Host
}

type errorPage struct {
	frame
	Title, Text string
}

// explain shows a person what has gone wrong. Nothing of the request is repeated, and nobody is sent anywhere.
func (l *Launch) explain(w http.ResponseWriter, err error) {
	p, status := errorPage{frame: l.frame()}, http.StatusBadRequest
	switch {
	case errors.Is(err, errUnknownApp):
		p.Title = "This app is not registered here"
		p.Text = "The app that sent you is not known to the practice, or asked that you be sent to an address that it has not registered. No records were given to it. You can close this page."
	case errors.Is(err, errElsewhere):
		p.Title = "This page can no longer be used"
		p.Text = "It was used already, it is too old, it belongs to another browser, or what the app may ask for has changed. Go back to the app and start again there. Cookies must be allowed for this page."
	case errors.Is(err, errUnavailable):
		p.Title, status = "Please try again later", http.StatusServiceUnavailable
		p.Text = "A part of the service does not answer at the moment. No records were given to the app."
	default:
		p.Title = "The app sent a request that cannot be read"
		p.Text = "No records were given to it. Go back to the app and start again there."
	}
	l.write(w, status, "error.html", p)
}

func (l *Launch) write(w http.ResponseWriter, status int, name string, data any) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, data); err != nil {
		http.Error(w, "the page cannot be shown", http.StatusInternalServerError)
		return
	}
	protect(w.Header())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the client may have gone
}

// protect keeps a page out of frames and caches, and everything but our own style out of it (RFC 9700, 4.2 and 4.16). There is no form-action: Chromium holds
// it against every redirect that follows a form, and so would stop a client whom the app sends on from its redirect URI, wherever that may be.
func protect(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	h.Set("Referrer-Policy", "same-origin") // no-referrer would take the Origin from our own form as well
}

func serveStyle(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(style) // the client may have gone
}
