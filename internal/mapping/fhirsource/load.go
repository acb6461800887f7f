package fhirsource

import (
	"context"
	"crypto/sha256"
	"errors"
	"maps"
	"runtime"
	"slices"
	"strings"

	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	"golang.org/x/sync/errgroup"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/practice/files"
	"github.com/consentry/gateway/internal/release/facts"
)

// fileIndex is what is known of one file.
type fileIndex struct {
	file    *files.File
	digest  [sha256.Size]byte
	under   [sha256.Size]byte // what its references were resolved under
	entries []*entry
	lines   int
	apart   int // lines that were dropped: psychotherapy notes
	// unreleased are Binaries of resources that are dropped or withheld: their content goes where they go.
	unreleased []fhir.Reference
	// identifiers of the resources, where others refer to them by identifier.
	identities []identified
}

type identified struct {
	business
	id string
}

// loader reads a listing, taking over what it knows of files that have not changed.
type loader struct {
	opts     *FolderOptions
	listing  *files.Listing
	before   map[string]*fileIndex
	ids      identities
	under    [sha256.Size]byte
	done     int64
	progress func(done, total int64)
	clients  sameClients
	problems []error
}

// maxProblems bounds what is reported of a broken folder at once.
const maxProblems = 50

var errTooMany = errors.New("and more")

// load reads all files. An error that wraps practice.ErrUnavailable says that the folder cannot be read now, any other what is wrong with it.
func (l *loader) load(ctx context.Context) (map[string]*fileIndex, error) {
	open, err := l.open()
	if err != nil {
		return nil, err
	}
	if err := l.identify(ctx, open); err != nil {
		return nil, err
	}
	l.missing()
	all := map[string]*fileIndex{}
	for _, f := range open {
		if fhirjson.ShapeNamed(f.Type) == nil {
			l.problems = append(l.problems, files.Problem{File: f.Name, Why: "is not named after a resource type of FHIR R4"})
			continue
		}
		index, err := l.file(ctx, f)
		if err != nil {
			return nil, err
		}
		all[f.Name] = index
		if err := l.listing.Manifest.Counts(f.Name, index.lines); err != nil {
			l.problems = append(l.problems, err)
		}
	}
	return all, errors.Join(l.problems...)
}

// missing refuses a folder that lacks a file of the last good snapshot, unless a manifest says that it is complete: what is missing could hold
// a denial.
func (l *loader) missing() {
	if l.listing.Manifest != nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(l.before)) {
		if !slices.ContainsFunc(l.listing.Files, func(s files.Stat) bool { return s.Name == name }) {
			l.problems = append(l.problems, files.Problem{File: name, Why: "is missing: the snapshot before had it, and no manifest says that it is gone"})
		}
	}
}

// opened is a file with the digest of what it holds.
type opened struct {
	*files.File
	digest [sha256.Size]byte
	kept   *fileIndex // what is known of a file of this name and content
}

func (l *loader) open() ([]opened, error) {
	var all []opened
	for _, s := range l.listing.Files {
		if kept := l.before[s.Name]; kept != nil && l.listing.Settled() && kept.file.Same(s) {
			all = append(all, opened{kept.file, kept.digest, kept})
			continue
		}
		f, err := l.listing.Open(s)
		if err != nil {
			return nil, err
		}
		digest, err := f.Digest()
		if err != nil {
			return nil, err
		}
		o := opened{File: f, digest: digest}
		if kept := l.before[s.Name]; kept != nil && kept.digest == digest {
			o.kept = kept
		}
		all = append(all, o)
	}
	return all, nil
}

// identify learns the identifiers of those whom other resources refer to by identifier, before any reference is resolved.
func (l *loader) identify(ctx context.Context, open []opened) error {
	l.ids = identities{}
	h := sha256.New()
	for _, f := range open {
		if !slices.Contains(identityTypes, f.Type) {
			continue
		}
		h.Write(f.digest[:])
		found := []identified{}
		if f.kept != nil {
			found = f.kept.identities
		} else if err := l.lines(ctx, f.File, nil, func(r lineRead) { found = append(found, r.identities...) }); err != nil {
			return err
		}
		for _, i := range found {
			l.ids.add(i.business, i.id)
		}
	}
	h.Write([]byte(l.listing.Manifest.Server()))
	h.Sum(l.under[:0])
	return nil
}

// file reads one file, or takes over what is known of it.
func (l *loader) file(ctx context.Context, f opened) (*fileIndex, error) {
	if f.kept != nil && f.kept.under == l.under {
		l.advance(f.File.Size())
		return &fileIndex{file: f.File, digest: f.digest, under: l.under, entries: f.kept.entries, lines: f.kept.lines, apart: f.kept.apart, unreleased: f.kept.unreleased, identities: f.kept.identities}, nil
	}
	index := &fileIndex{file: f.File, digest: f.digest, under: l.under}
	err := l.lines(ctx, f.File, l.ids, func(r lineRead) {
		index.lines++
		index.unreleased = append(index.unreleased, r.unreleased...)
		switch {
		case r.err != nil:
			if len(l.problems) < maxProblems {
				l.problems = append(l.problems, files.Problem{File: f.Name, Line: r.line, Why: r.err.Error()})
			} else if len(l.problems) == maxProblems {
				l.problems = append(l.problems, errTooMany)
			}
		case r.entry == nil:
			index.apart++
		default:
			r.entry.clients = l.clients.of(r.entry.clients)
			index.entries = append(index.entries, r.entry)
			index.identities = append(index.identities, r.identities...)
		}
	})
	return index, err
}

// lineRead is what became of one line: an entry, or an error, or neither for a line that is kept apart.
type lineRead struct {
	line       int
	entry      *entry
	identities []identified
	unreleased []fhir.Reference // Binaries of what is dropped or withheld
	err        error
}

// How many lines, and how many bytes of them, are read before they are parsed.
const (
	batchLines = 512
	batchBytes = 4 << 20
)

// lines parses the lines of a file, several at a time, and gives what became of each, in their order. The bodies are let go at once.
func (l *loader) lines(ctx context.Context, f *files.File, ids identities, each func(lineRead)) error {
	var batch []files.Line
	size := 0
	flush := func() error {
		results := make([]lineRead, len(batch))
		var g errgroup.Group
		g.SetLimit(runtime.GOMAXPROCS(0))
		for i, line := range batch {
			g.Go(func() error {
				results[i] = l.line(f, line, ids)
				return nil
			})
		}
		_ = g.Wait()
		for _, r := range results {
			each(r)
		}
		if ids != nil {
			l.advance(int64(size))
		}
		batch, size = batch[:0], 0
		return ctx.Err()
	}
	err := f.Lines(func(line files.Line) error {
		batch = append(batch, line)
		if size += len(line.Text) + 1; len(batch) == batchLines || size >= batchBytes {
			return flush()
		}
		return nil
	})
	return errors.Join(err, flush())
}

func (l *loader) advance(n int64) {
	if l.done += n; l.progress != nil {
		l.progress(l.done, l.listing.Bytes())
	}
}

// line reads one line. Without identities only its own identifiers are wanted.
func (l *loader) line(f *files.File, line files.Line, ids identities) (r lineRead) {
	r.line = line.Number
	defer func() {
		if recover() != nil {
			r = lineRead{line: line.Number, err: errLine}
		}
	}()
	msg, err := fhirjson.Parse(line.Text)
	if err != nil {
		r.err = plain(err)
		return r
	}
	if err := eachReference(msg, func(_ string, e *fhirjson.Element, ref *dtpb.Reference) error { ids.resolve(e, ref); return nil }); err != nil {
		r.err = plain(err)
		return r
	}
	x, err := facts.Extract(msg, facts.Options{Zone: l.opts.Zone, Types: l.opts.Types, Base: l.listing.Manifest.Server(), Members: asThemselves})
	if err == nil && x.ID == "" {
		err = errNoID
	}
	if err != nil {
		r.err = plain(err)
		return r
	}
	if x.Type != f.Type {
		r.err = errors.New("is of another type than the file")
		return r
	}
	if l.opts.Notes.isApart(x, msg) {
		r.unreleased = binariesOf(x)
		return r
	}
	id := strings.Clone(x.ID)
	if slices.Contains(identityTypes, x.Type) {
		for _, i := range identifiersAt(x, "identifier") {
			r.identities = append(r.identities, identified{business{f.Type, i}, id})
		}
	}
	var group []fhir.Reference
	if x.Type == "Group" {
		if _, members, ok := facts.GroupMembers(msg); ok {
			group = members
		}
	}
	r.entry = &entry{ref: fhir.Reference{Type: f.Type, ID: id}, file: f, place: line.Place, line: int32(line.Number), clients: x.Clients, links: linksOf(x, group, tiesOf(msg, l.opts.Zone))}
	if r.entry.kind, r.entry.verdict = l.opts.Notes.judge(x, msg); r.entry.verdict != listed {
		r.unreleased = binariesOf(x)
	}
	return r
}

var errLine = errors.New("cannot be read")

// plain is an error without the name of the package that found it.
func plain(err error) error {
	text := err.Error()
	if pkg, rest, ok := strings.Cut(text, ": "); ok && !strings.Contains(pkg, " ") {
		text = rest
	}
	return errors.New(text)
}
