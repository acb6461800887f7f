package fhirapi

import (
	"context"
	"net/http"
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
	// anyOrigin routes are documents that pages of any origin may read.
	anyOrigin bool
	// anyFormat routes answer in JSON whatever is asked for.
	anyFormat bool
	// resourceType and permission are what a token must have a scope for.
	resourceType string
	permission   smart.Permission
}

var (
	get      = []string{http.MethodGet, http.MethodHead}
	post     = []string{http.MethodPost}
	anywhere = []string{http.MethodGet, http.MethodHead, http.MethodOptions}
)

// routes is the whole API. What is not here is 404, and 405 for a write; so is any other method on what is here.
func (a *API) routes() []*route {
	all := []*route{
		{methods: anywhere, path: "/metadata", handle: a.capabilityStatement, public: true, anyOrigin: true},
		{methods: anywhere, path: "/.well-known/smart-configuration", handle: a.discovery, public: true, anyOrigin: true, anyFormat: true},
	}
	for _, t := range search.Resources() {
		all = append(all,
			&route{methods: get, path: "/" + t.Type + "/:id", handle: a.read, resourceType: t.Type, permission: smart.Read},
			&route{methods: get, path: "/" + t.Type, handle: a.search, resourceType: t.Type, permission: smart.Search},
			&route{methods: post, path: "/" + t.Type + "/_search", handle: a.search, resourceType: t.Type, permission: smart.Search},
		)
	}
	return all
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
			e.Handle(method, a.prefix+r.path, func(c *gin.Context) { x.serve(c.Writer, c.Request, c.Param("id")) })
		}
	}
	e.GET("/livez", gin.WrapF(a.livez))
	e.GET("/readyz", gin.WrapF(a.readyz))
	unknown, notAllowed := a.exchanger(&route{handle: unknownRoute, public: true, anyFormat: true}, "unmatched"), a.exchanger(nil, "method not allowed")
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
