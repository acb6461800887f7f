package release

import "errors"

// ErrUnavailable says that the practice's system, or something that the decision needs, could not be read: nothing is released. The
// caller answers 503.
var ErrUnavailable = errors.New("release: a source is not available")
