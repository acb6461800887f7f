package egress

import (
	"github.com/consentry/gateway/internal/release/stage"
)

// Extract makes the facts of a body anew. It is given what the facts were.
type Extract func(json []byte, old *stage.Facts) (*stage.Facts, error)
