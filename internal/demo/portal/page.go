package portal

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"net/url"
)

//go:embed pages/choose.html
var choosePage string

//go:embed pages/page.css
var style []byte

var chooseTemplate = template.Must(template.New("choose").Parse(choosePage))

// show shows the people to choose from. The request comes back with the form.
func (p *Portal) show(w http.ResponseWriter, q url.Values) {
	var b bytes.Buffer
	err := chooseTemplate.Execute(&b, struct {
		Path   string
		Ask    url.Values
		People []Person
	}{p.path, q, p.People})
	if err != nil {
		http.Error(w, "the page cannot be shown", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'") // a form leads to the gateway, and from there to any app
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(b.Bytes()) // the client may have gone
}
