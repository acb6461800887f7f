package fhirapi

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/consentry/gateway/internal/release/egress"
	"github.com/consentry/gateway/internal/search"
	"github.com/consentry/gateway/internal/smart"
)

// handler is one interaction.
type handler func(context.Context, *Request) (egress.Response, error)

// route is one entry of the route table.
type route struct {
	methods []string
	path    string // below the base
	handle  handler
	// public routes need no token and answer with what is fixed at start-up.
	public bool
	// anyFormat routes answer in JSON whatever is asked for.
	anyFormat bool
	// batch holds requests for other routes.
	batch bool
	// parameters may come in the body of a POST as a Parameters resource too.
	parameters bool
	// native routes answer in other formats as well: their handler negotiates.
	native bool
	// resourceType and permission are what a token must have a scope for.
	resourceType string
	permission   smart.Permission
}

var (
	get       = []string{http.MethodGet, http.MethodHead}
	post      = []string{http.MethodPost}
	operation = []string{http.MethodGet, http.MethodHead, http.MethodPost}
)

// routes is the whole API. What is not here is 404, and 405 for a write; so is any other method on what is here.
func (a *API) routes() []*route {
	all := []*route{
		{methods: get, path: metadataPath, handle: a.capabilityStatement, public: true},
		{methods: get, path: discoveryPath, handle: a.discovery, public: true, anyFormat: true},
	}
	// The permission is that for its document (see binary), which alone decides.
	all = append(all, &route{methods: get, path: "/Binary/:id", handle: a.binary, native: true, resourceType: "DocumentReference", permission: smart.Read})
	for _, t := range search.Resources() {
		if !slices.Contains(a.Types, t.Type) {
			continue
		}
		all = append(all,
			&route{methods: get, path: "/" + t.Type + "/:id", handle: a.read, resourceType: t.Type, permission: smart.Read},
			&route{methods: get, path: "/" + t.Type, handle: a.search, resourceType: t.Type, permission: smart.Search},
			&route{methods: post, path: "/" + t.Type + "/_search", handle: a.search, resourceType: t.Type, permission: smart.Search},
		)
		if _, ofAPatient := t.Parameter("patient"); ofAPatient {
			all = append(all, &route{methods: get, path: "/Patient/:id/" + t.Type, handle: a.compartment, resourceType: t.Type, permission: smart.Search})
		}
	}
	return append(all,
		&route{methods: post, path: "", batch: true},
		&route{methods: operation, path: "/Patient/:id/$everything", handle: a.everything, resourceType: "Patient", permission: smart.ReadAndSearch, parameters: true},
		&route{methods: operation, path: "/" + docrefPath, handle: a.docref, resourceType: "DocumentReference", permission: smart.Search, parameters: true},
	)
}

// paths are how clients write the path of a route: some percent-encode the dollar sign of an operation, which is as good (RFC 3986, 2.2 and 6.2.2.2).
func (r *route) paths() []string {
	switch {
	case r.path == "": // of the base itself: with or without a slash
		return []string{"", "/"}
	case !strings.Contains(r.path, "$"):
		return []string{r.path}
	}
	return []string{r.path, strings.ReplaceAll(r.path, "$", "%24")}
}

// writes tells whether a request would change something below the base: nothing there ever can be.
func (a *API) writes(r *http.Request) bool {
	rest, ours := strings.CutPrefix(r.URL.EscapedPath(), a.prefix)
	if !ours || rest != "" && rest[0] != '/' {
		return false
	}
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return true
	}
	return false
}

// engine makes the router. It never redirects and never tidies up a path: what is not written as the table has it does not exist.
func (a *API) engine() http.Handler {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.RedirectTrailingSlash, e.RedirectFixedPath, e.RemoveExtraSlash = false, false, false
	e.UseEscapedPath, e.UnescapePathValues = true, false
	e.ForwardedByClientIP, e.HandleMethodNotAllowed = false, true
	for _, r := range a.routes() {
		for _, method := range r.methods {
			x := a.exchanger(r, method+" "+a.prefix+r.path)
			for _, path := range r.paths() {
				if path = a.prefix + path; path != "" {
					e.Handle(method, path, func(c *gin.Context) { x.serve(c.Writer, c.Request, c.Param("id")) })
					a.table.add(method, path, x)
				}
			}
		}
	}
	e.GET("/livez", gin.WrapF(a.livez))
	e.GET("/readyz", gin.WrapF(a.readyz))
	unknown, notAllowed := a.exchanger(&route{handle: unknownRoute, public: true, anyFormat: true}, "unmatched"), a.exchanger(nil, "method not allowed")
	a.table.unknown, a.table.notAllowed = unknown, notAllowed
	e.NoRoute(func(c *gin.Context) {
		if a.writes(c.Request) {
			notAllowed.refuse(c.Writer, c.Request, "GET, HEAD")
			return
		}
		unknown.serve(c.Writer, c.Request, "")
		c.Writer.WriteHeaderNow() // without a body, as for HEAD, the router would write an answer of its own
	})
	e.NoMethod(func(c *gin.Context) { notAllowed.refuse(c.Writer, c.Request, c.Writer.Header().Get("Allow")) })
	return e
}
