package main

import (
	"context"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhirapi"
	"github.com/consentry/gateway/internal/release"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
)

// views gives the API the service's views.
type views struct{ service *release.Service }

// View implements fhirapi.Views.
func (v views) View(ctx context.Context, r *requester.Requester, p smart.Permission, ref fhir.Reference) (fhirapi.View, error) {
	view, err := v.service.View(ctx, r, p, ref)
	if err != nil {
		return nil, err // never a nil *View in the interface
	}
	return view, nil
}

// Directory implements fhirapi.Views.
func (v views) Directory(ctx context.Context, r *requester.Requester, p smart.Permission) (fhirapi.View, error) {
	view, err := v.service.Directory(ctx, r, p)
	if err != nil {
		return nil, err
	}
	return view, nil
}

// Reach implements fhirapi.Views.
func (v views) Reach(ctx context.Context, r *requester.Requester, p smart.Permission) ([]fhir.Reference, error) {
	return v.service.Reach(ctx, r, p)
}

// mapsDir is where the configured maps appear in the profiles.
const mapsDir = "maps/practice"

// mapsFS shows a folder of maps, from anywhere on this machine, as mapsDir of the profiles.
func mapsFS(profiles fs.FS, folder string) fs.FS { return overlay{profiles, os.DirFS(folder)} }

type overlay struct{ base, maps fs.FS }

// Open implements fs.FS.
func (o overlay) Open(name string) (fs.File, error) {
	switch {
	case name == mapsDir:
		return o.maps.Open(".")
	case strings.HasPrefix(name, mapsDir+"/"):
		return o.maps.Open(path.Clean(strings.TrimPrefix(name, mapsDir+"/")))
	}
	return o.base.Open(name)
}
