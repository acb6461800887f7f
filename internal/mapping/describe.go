package mapping

import (
	"context"
	"fmt"

	"github.com/consentry/gateway/internal/practice"
)

// Describe checks that every map's statement can run on the source and yields the declared columns. It reads no row.
func (m *Maps) Describe(ctx context.Context, src practice.Source) error {
	for _, rm := range m.maps {
		if err := src.Describe(ctx, rm.query); err != nil {
			return fmt.Errorf("mapping: %s: %w", rm.kind, err)
		}
	}
	return nil
}
