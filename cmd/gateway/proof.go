package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"

	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release"
)

// prove proves on the practice's database that the psychotherapy notes cannot be read and that the maps fit. An error that wraps
// practice.ErrUnavailable says only that it did not answer.
func (r *records) prove(ctx context.Context) error {
	if err := r.apart(ctx); err != nil {
		return err
	}
	if err := r.fit(ctx); err != nil {
		return err
	}
	r.fits.Store(true)
	return nil
}

// apart proves wall 1: the separated psychotherapy store cannot be read (45 CFR 164.501).
func (r *records) apart(ctx context.Context) error {
	if r.folder != nil {
		return unreadable(r.cfg.Practice.Separated)
	}
	return r.meaning(r.source.ProveSeparation(ctx), "the psychotherapy notes are not proven to be apart: %w")
}

// separation says by what it is proven that the psychotherapy notes are apart, once it is.
func (r *records) separation() string {
	if r.folder != nil {
		if n := len(r.cfg.Practice.Separated); n > 0 {
			return fmt.Sprintf("The psychotherapy notes cannot be read: %s of practice.separated closed to this user.", counted(n, "place is", "places are"))
		}
		return "Nothing is proven of psychotherapy notes: practice.separated says that there are none on this machine."
	}
	s := r.maps.Proofs()
	text := "The psychotherapy notes cannot be read: " + counted(len(s.Probes), "probe was", "probes were") + " refused"
	if s.Files {
		text += ", and no other database file can be attached"
	}
	return text + "."
}

func counted(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// fit proves that every statement of the maps runs and yields its columns, or that the folder can be read whole.
func (r *records) fit(ctx context.Context) error {
	if r.folder != nil {
		return r.folder.fit(ctx, r.fits.Load())
	}
	return r.meaning(located(r.maps.Describe(ctx, r.source), r.cfg), "the maps do not fit the practice's database:\n%w")
}

// meaning says what an error means, unless it means no more than that the database did not answer.
func (r *records) meaning(err error, format string) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, practice.ErrUnavailable) {
		format = "the practice's database does not answer: %w"
		if _, missing := os.Stat(r.cfg.Practice.SQLite); errors.Is(missing, fs.ErrNotExist) {
			format = "there is no such file: " + strings.ReplaceAll(r.cfg.Practice.SQLite, "%", "%%") + " (%w)"
		}
	}
	return fmt.Errorf(format, err)
}

// proven lets nothing be read before the proofs hold: a gateway that was started while the practice's database did not answer has none yet. That
// the psychotherapy notes are apart is proven anew whenever the database has changed, so that notes which are moved into it close it.
type proven struct {
	release.Records
	apart, prove func(context.Context) error
	fits         *atomic.Bool           // whether prove has held
	version      atomic.Pointer[string] // of which the separation is proven
	tell         func(trouble string)   // is called when what keeps the records closed changes, with "" when nothing does any more; nil for nobody
	told         atomic.Pointer[string] // what tell was called with
}

// Version implements release.Records.
func (p *proven) Version(ctx context.Context) (string, error) {
	version, err := p.provenVersion(ctx)
	if errors.Is(err, practice.ErrNoVersion) {
		p.report(ctx, nil)
	} else {
		p.report(ctx, err)
	}
	return version, err
}

// report tells the operator once what closes the records: a request's log has no more than that they were closed.
func (p *proven) report(ctx context.Context, err error) {
	trouble := ""
	switch {
	case p.tell == nil || ctx.Err() != nil: // who has gone away has closed nothing
		return
	case errors.Is(err, practice.ErrUnavailable):
		trouble = "the practice's records cannot be read"
	case err != nil:
		trouble = err.Error()
	}
	if before := p.told.Swap(&trouble); before == nil && trouble != "" || before != nil && *before != trouble {
		p.tell(trouble)
	}
}

func (p *proven) provenVersion(ctx context.Context) (string, error) {
	version, err := p.Records.Version(ctx)
	unnamed := errors.Is(err, practice.ErrNoVersion) // then each request proves
	if err != nil && !unnamed {
		return "", err
	}
	if known := p.version.Load(); known != nil && *known == version && !unnamed {
		return version, nil
	}
	if err := p.again(ctx); err != nil {
		return "", err
	}
	if !unnamed {
		p.version.Store(&version)
	}
	return version, err
}

// Snapshot implements release.Records.
func (p *proven) Snapshot(ctx context.Context, f func(context.Context, release.State) error) error {
	if p.version.Load() == nil {
		if err := p.again(ctx); err != nil {
			return err
		}
	}
	return p.Records.Snapshot(ctx, f)
}

// again proves what has to be proven of a version that nobody has seen before.
func (p *proven) again(ctx context.Context) error {
	if p.fits.Load() {
		return p.apart(ctx)
	}
	return p.prove(ctx)
}
