package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/mapping/fhirsource"
	"github.com/consentry/gateway/internal/practice"
)

// folder is the practice's folder of FHIR NDJSON.
type folder struct {
	*fhirsource.Folder
	notes *fhirsource.Notes
	house fhir.Reference
}

// loadFolder reads what says how the folder is to be read. It does not look at the folder yet.
func (r *records) loadFolder(p *problems) {
	const key = "practice.notes"
	if !r.cfg.checkPath(p, key, r.cfg.Practice.Notes, hasText, "is no file, or empty") {
		return
	}
	f := &folder{}
	var err error
	f.notes, err = fhirsource.LoadNotes(r.cfg.Practice.Notes)
	p.addAll(r.cfg.line(key), key, err)
	f.house, err = fhirsource.House(r.sealer)
	p.addAll(r.cfg.line("practice.files"), "practice.files", err)
	ids := make([]fhir.Identifier, len(r.cfg.Practice.Identifiers))
	for i, id := range r.cfg.Practice.Identifiers {
		ids[i] = fhir.Identifier{System: id.System, Value: id.Value}
	}
	if p.err() != nil {
		return
	}
	f.Folder, err = fhirsource.NewFolder(fhirsource.FolderOptions{
		Path: r.cfg.Practice.Files, Zone: r.zone, Types: r.types, Notes: f.notes, Sealer: r.sealer, Practice: ids, Base: r.cfg.BaseURL, InlineBytes: r.cfg.Practice.InlineAttachmentBytes,
		Timeout: time.Duration(r.cfg.Practice.Timeout), MaxAge: time.Duration(r.cfg.Practice.MaxAge),
	})
	p.addAll(r.cfg.line("practice.files"), "practice.files", err)
	r.folder = f
}

// fit reads the folder. The first time somebody may be looking on.
func (f *folder) fit(ctx context.Context, before bool) error {
	var p *progress
	if !before {
		p = progressOn(os.Stderr)
	}
	err := f.Load(ctx, p.show)
	p.clear()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, practice.ErrUnavailable):
		return fmt.Errorf("the practice's folder cannot be read: %w", err)
	}
	return fmt.Errorf("the practice's folder cannot be served:\n%w", err)
}

// unreadable proves wall 1 for a folder: this process may not read what is to be kept apart (45 CFR 164.501). What is not
// there proves nothing: it may stand elsewhere.
func unreadable(paths []string) error {
	for _, p := range paths {
		f, err := os.Open(p)
		if err == nil {
			_ = f.Close() // only tried
			return fmt.Errorf("the psychotherapy notes are not proven to be apart: practice.separated: %s can be read", p)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("the psychotherapy notes are not proven to be apart: practice.separated: there is no %s; a path that is mistyped proves nothing", p)
		}
		if !errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("the psychotherapy notes are not proven to be apart: practice.separated: %w", err)
		}
	}
	return nil
}
