// Package crossorigin says whose pages may call what (CORS, Fetch section 3.2): documents that are everybody's may be read by pages of any origin, client
// data and tokens by pages of apps that are registered with their origin, and what people see in their browser by none. It keeps nobody out: a browser keeps
// pages out, and what a request may have is decided by its token.
package crossorigin

import (
	"context"
	"net/http"
	"time"

	"github.com/rs/cors"
)

// Pages are whose pages may call something. The zero value is nobody's.
type Pages uint8

const (
	// Nobodys is for what is shown to people, and for what is not a browser's.
	Nobodys Pages = iota
	// Apps is for client data and tokens.
	Apps
	// Anybodys is for public documents.
	Anybodys
)

// maxAge is how long a browser may remember what it was told: who is disabled loses the rest as soon as tokens and data are refused.
const maxAge = 10 * time.Minute

// What a FHIR or OAuth client in a browser may send, and read of an answer, beyond what every page may.
var (
	sent = []string{"Accept", "Authorization", "Content-Type", "DPoP", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "Prefer", "Range", "X-Request-Id"}
	read = []string{"Accept-Ranges", "Content-Location", "Content-Range", "ETag", "Last-Modified", "Link", "Location", "Redisclosure-Notice", "Retry-After",
		"WWW-Authenticate", "X-Request-Id", "X-Security-Context"}
)

// Options are what a Handler is made of. All are required.
type Options struct {
	// Next answers all but preflights.
	Next http.Handler
	// Of says whose pages a request is for, Registered whether an origin is one of an app's.
	Of         func(*http.Request) Pages
	Registered func(ctx context.Context, origin string) bool
	// Enter is asked of each preflight before anything of it is looked at: Next, which asks for itself, does not see it. Refuse answers those that it refuses; a
	// browser then lets the page send nothing.
	Enter  func(context.Context) error
	Refuse func(http.ResponseWriter, *http.Request, error)
}

// Handler lets browsers give the answers of o.Next to pages. Credentials that a browser adds by itself are never asked for. A request without Origin passes as
// it is.
func Handler(o Options) http.Handler {
	options := cors.Options{
		AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost}, AllowedHeaders: sent, ExposedHeaders: read,
		MaxAge: int(maxAge.Seconds()), OptionsSuccessStatus: http.StatusNoContent,
	}
	options.AllowOriginVaryRequestFunc = func(r *http.Request, origin string) (bool, []string) { return o.Registered(r.Context(), origin), nil }
	apps := cors.New(options).Handler(o.Next)
	options.AllowOriginVaryRequestFunc, options.AllowedOrigins = nil, []string{"*"}
	options.AllowedMethods = []string{http.MethodGet, http.MethodHead}
	anybodys := cors.New(options).Handler(o.Next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pages := o.Of(r)
		if r.Header.Get("Origin") == "" || pages == Nobodys {
			o.Next.ServeHTTP(w, r)
			return
		}
		if isPreflight(r) {
			if err := o.Enter(r.Context()); err != nil {
				o.Refuse(w, r, err)
				return
			}
		}
		switch {
		case pages == Anybodys:
			anybodys.ServeHTTP(w, r)
		default:
			apps.ServeHTTP(w, r)
		}
	})
}

// isPreflight tells whether a browser asks whether a page may ask (Fetch 3.2.2), which nobody else answers.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
}
