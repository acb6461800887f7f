package main

import (
	"io/fs"
	"os"
	"path"
	"strings"
)

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
