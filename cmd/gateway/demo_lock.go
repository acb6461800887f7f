package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// demoLockFile is held by the demo that runs on a folder.
const demoLockFile = "demo.lock"

// lockFolder makes the folder if it is not there, and keeps a second demo off it: that one would write keys, tokens and a practice of its own under
// the first.
func lockFolder(ctx context.Context, dir string) (*lock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("--data-dir: %w", err)
	}
	l, err := lockFile(ctx, filepath.Join(dir, demoLockFile))
	if errors.Is(err, errLocked) {
		return nil, fmt.Errorf("--data-dir: another demo runs on %s, or the folder cannot be written", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("--data-dir: %w", err)
	}
	return l, nil
}
