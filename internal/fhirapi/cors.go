package fhirapi

import (
	"strings"

	"github.com/consentry/gateway/internal/crossorigin"
)

// Paths of the documents that need no token.
const (
	metadataPath  = "/metadata"
	discoveryPath = "/.well-known/smart-configuration"
)

// Pages says whose pages may call what in a browser: anybody's the documents that need no token, as SMART App Launch 2.2 asks, those of registered apps
// whatever else lies below the base.
func (a *API) Pages(path string) crossorigin.Pages {
	below, ours := strings.CutPrefix(path, a.prefix)
	switch {
	case !ours || below != "" && below[0] != '/':
		return crossorigin.Nobodys
	case below == metadataPath, below == discoveryPath:
		return crossorigin.Anybodys
	}
	return crossorigin.Apps
}
