package fhirsource

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/practice/files"
	"github.com/consentry/gateway/internal/release/facts"
)

// FolderOptions are what a Folder is made of. All but InlineBytes and MaxAge are required.
type FolderOptions struct {
	Path   string
	Zone   *time.Location
	Types  *facts.Types
	Notes  *Notes
	Sealer Sealer
	// Base is the absolute URL of the FHIR service: what of a document's content has more than InlineBytes goes by the URL of a Binary.
	Base        string
	InlineBytes int
	// Practice are the identifiers by which the practice is found among the Organizations.
	Practice []fhir.Identifier
	// Timeout is how long a request waits for a snapshot that is being read.
	Timeout time.Duration
	// MaxAge is how long ago the folder may have been written last; 0 for any time.
	MaxAge time.Duration
}

// Sealer makes the FHIR ids that leave the gateway (package ident).
type Sealer interface {
	Seal(resourceType, client, kind, key string) (string, error)
}

// Folder is a folder of FHIR NDJSON as a source of records. It is read whole, as a snapshot, and bodies stay on disk; what is served is the
// folder as it is now or nothing: a snapshot that is superseded by one that is being read, or that cannot be read, only denies (design
// section 6). It is safe for concurrent use.
type Folder struct {
	opts FolderOptions

	mu      sync.Mutex
	listing *files.Listing // what was read last
	now     *snapshot      // of that; nil if it is refused
	err     error          // why
	loading *loading
	known   map[string]*fileIndex // of the last snapshot that was good
}

// loading is a snapshot that is being read, and then what came of it.
type loading struct {
	began time.Time
	done  chan struct{}
	now   *snapshot
	err   error
}

// NewFolder makes a Folder. It does not look at it yet.
func NewFolder(o FolderOptions) (*Folder, error) {
	if o.InlineBytes < 0 || o.InlineBytes > mapping.MaxInlineBytes {
		return nil, errors.New("fhirsource: the bound of what stands in a document is negative, or above 1 MiB")
	}
	o.Base = strings.TrimRight(o.Base, "/")
	if o.Path == "" || o.Base == "" || o.Zone == nil || o.Types == nil || o.Notes == nil || o.Sealer == nil || len(o.Practice) == 0 || o.Timeout <= 0 {
		return nil, errors.New("fhirsource: path, base, zone, types, notes, sealer, the practice's identifiers and a timeout are required")
	}
	return &Folder{opts: o}, nil
}

// Load reads the folder as it is now, however long it takes, and tells how far it is. An error that wraps practice.ErrUnavailable says that it
// cannot be read now, any other what is wrong with it, by file and line.
func (f *Folder) Load(ctx context.Context, progress func(done, total int64)) error {
	_, err := f.current(ctx, progress)
	return err
}

// Version names what the folder holds now.
func (f *Folder) Version(ctx context.Context) (string, error) {
	s, err := f.inTime(ctx)
	if err != nil {
		return "", err
	}
	return s.version, nil
}

// Snapshot gives the folder as it was at an instant after the call began.
func (f *Folder) Snapshot(ctx context.Context) (*State, error) {
	s, err := f.inTime(ctx)
	if err != nil {
		return nil, err
	}
	return &State{s, &f.opts}, nil
}

func (f *Folder) inTime(ctx context.Context) (*snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, f.opts.Timeout)
	defer cancel()
	return f.current(ctx, nil)
}

// errReading says that a snapshot is not ready yet.
var errReading = fmt.Errorf("fhirsource: %w: the folder is being read", practice.ErrUnavailable)

// errMoving says that the folder does not rest.
var errMoving = fmt.Errorf("fhirsource: %w: the folder changed while it was read", practice.ErrUnavailable)

// errStale says that nothing has been written into the folder for too long: whoever writes it may be gone, and with it the revocations.
var errStale = fmt.Errorf("fhirsource: %w: the folder is stale, nothing has been written into it for longer than practice.max-age", practice.ErrUnavailable)

// current gives a snapshot of the folder as it was after the call began: the last one if the file system says for certain that nothing has
// changed since, else one whose reading began after the call. Of a file that was changed just before it was read the file system cannot say
// that: it is read again.
func (f *Folder) current(ctx context.Context, progress func(done, total int64)) (*snapshot, error) {
	called := time.Now()
	l, err := files.List(f.opts.Path)
	if err != nil {
		return nil, err
	}
	if f.opts.MaxAge > 0 && l.Age() > f.opts.MaxAge {
		return nil, errStale
	}
	for {
		f.mu.Lock()
		if f.listing != nil && f.listing.Settled() && l.Same(f.listing) {
			now, err := f.now, f.err
			f.mu.Unlock()
			return now, err
		}
		mine := f.loading
		if mine == nil {
			mine = &loading{began: time.Now(), done: make(chan struct{})}
			f.loading = mine
			go f.load(context.WithoutCancel(ctx), mine, progress)
		}
		f.mu.Unlock()
		select {
		case <-mine.done:
		case <-ctx.Done():
			return nil, errReading
		}
		if !mine.began.Before(called) {
			return mine.now, mine.err
		}
	}
}

// load reads a snapshot.
func (f *Folder) load(ctx context.Context, mine *loading, progress func(done, total int64)) {
	var listing *files.Listing
	var index map[string]*fileIndex
	mine.err = errMoving
	defer func() {
		_ = recover() // mine.err stands: nothing is known
		f.mu.Lock()
		defer f.mu.Unlock()
		f.loading, f.listing, f.now, f.err = nil, listing, mine.now, mine.err
		if mine.err == nil {
			f.known = index
		} else if errors.Is(mine.err, practice.ErrUnavailable) {
			f.listing = nil
		}
		close(mine.done)
	}()
	listing, index, mine.now, mine.err = f.read(ctx, progress)
}

func (f *Folder) read(ctx context.Context, progress func(done, total int64)) (*files.Listing, map[string]*fileIndex, *snapshot, error) {
	listing, err := files.List(f.opts.Path)
	if err != nil {
		return nil, nil, nil, err
	}
	f.mu.Lock()
	before := f.known
	f.mu.Unlock()
	l := &loader{opts: &f.opts, listing: listing, before: before, progress: progress, clients: sameClients{}}
	index, err := l.load(ctx)
	var now *snapshot
	if err == nil {
		now, err = link(index, l.ids, f.opts.Practice, listing.Manifest.Server())
	}
	if after, listErr := files.List(f.opts.Path); listErr != nil || !after.Same(listing) {
		return nil, nil, nil, errMoving
	}
	if err != nil {
		now = nil
	}
	return listing, index, now, err
}
