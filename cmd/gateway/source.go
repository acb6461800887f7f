package main

import (
	"context"

	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release"
)

// all are the practice's records, from wherever they come.
func (r *records) all() release.Records {
	if r.folder != nil {
		return release.Filed{Folder: r.folder.Folder}
	}
	return release.Mapped{Source: r.source, Maps: r.maps}
}

// withheldKinds are the kinds of note that somebody has decided never leave.
func (r *records) withheldKinds() []string {
	if r.folder != nil {
		return r.folder.notes.Withheld()
	}
	return r.maps.Withheld()
}

// check looks at all records.
func (r *records) check(ctx context.Context) (*mapping.Checked, error) {
	if r.folder != nil {
		return r.folder.Check(ctx)
	}
	return r.maps.Check(ctx, r.source)
}

// clients are all of whom the practice has anything.
func (r *records) clients(ctx context.Context) ([]practice.ClientKey, error) {
	if r.folder != nil {
		s, err := r.folder.Snapshot(ctx)
		if err != nil {
			return nil, err
		}
		return s.Clients(), nil
	}
	all, err := r.maps.Clients(ctx, r.source)
	if err != nil {
		return nil, err
	}
	consenting, err := r.maps.ConsentClients(ctx, r.source)
	return append(all, consenting...), err
}
