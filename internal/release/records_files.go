package release

import (
	"context"

	"github.com/consentry/gateway/internal/mapping/fhirsource"
)

// Filed are the Records of a folder of FHIR NDJSON.
type Filed struct{ Folder *fhirsource.Folder }

// Version implements Records.
func (f Filed) Version(ctx context.Context) (string, error) { return f.Folder.Version(ctx) }

// Snapshot implements Records.
func (f Filed) Snapshot(ctx context.Context, do func(context.Context, State) error) error {
	s, err := f.Folder.Snapshot(ctx)
	if err != nil {
		return err
	}
	return do(ctx, s)
}
