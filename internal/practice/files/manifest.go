package files

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// manifestName is where the answer to a bulk data status request is kept beside the files that it lists.
const manifestName = "manifest.json"

// Manifest says which files an export has (Bulk Data Access 2.0, "Response - Complete Status"): with it an export that was copied in part is
// found out, which names and times alone cannot tell.
type Manifest struct {
	Request string         `json:"request"`
	Output  []ManifestFile `json:"output"`
}

// Server is the FHIR service that was exported, as the request of the export names it; "" where nothing does.
func (m *Manifest) Server() string {
	if m == nil {
		return ""
	}
	server, _, ok := strings.Cut(m.Request, "/$export")
	if !ok || !strings.Contains(server, "://") {
		return ""
	}
	server = strings.TrimSuffix(server, "/Patient")
	if at := strings.LastIndex(server, "/Group/"); at > 0 {
		server = server[:at]
	}
	return server
}

// ManifestFile is one file of an export. Its name is the last part of its URL.
type ManifestFile struct {
	Type  string `json:"type"`
	URL   string `json:"url"`
	Count *int   `json:"count"`
}

// Name is the file's name in the folder.
func (m ManifestFile) Name() string { return path.Base(m.URL) }

const maxManifest = 4 << 20

// readManifest reads the manifest, if there is one, and holds the files against it.
func (l *Listing) readManifest() error {
	name := filepath.Join(l.Dir, manifestName)
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return unavailable(err)
	}
	l.manifest = Stat{Name: manifestName, info: info}
	f, err := os.Open(name)
	if err != nil {
		return unavailable(err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxManifest))
	if err != nil {
		return unavailable(err)
	}
	m := &Manifest{}
	if err := json.Unmarshal(text, m); err != nil || len(m.Output) == 0 {
		return Problem{File: manifestName, Why: "is no manifest of an export"}
	}
	l.Manifest = m
	return l.complete(m)
}

// complete tells whether the folder has the manifest's files and no others.
func (l *Listing) complete(m *Manifest) error {
	var problems []error
	listed := map[string]bool{}
	for _, want := range m.Output {
		listed[want.Name()] = true
		at := slices.IndexFunc(l.Files, func(s Stat) bool { return s.Name == want.Name() })
		switch {
		case at < 0:
			problems = append(problems, Problem{File: want.Name(), Why: "is missing: the manifest lists it"})
		case l.Files[at].Type != want.Type:
			problems = append(problems, Problem{File: want.Name(), Why: "is of another type than the manifest says"})
		}
	}
	for _, s := range l.Files {
		if !listed[s.Name] {
			problems = append(problems, Problem{File: s.Name, Why: "is not in the manifest"})
		}
	}
	return errors.Join(problems...)
}

// Counts tells whether a file has as many lines as the manifest says.
func (m *Manifest) Counts(file string, lines int) error {
	if m == nil {
		return nil
	}
	for _, want := range m.Output {
		if want.Name() == file && want.Count != nil && *want.Count != lines {
			return Problem{File: file, Why: fmt.Sprintf("has %d lines, the manifest says %d", lines, *want.Count)}
		}
	}
	return nil
}
