package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Handles keeps the client keys that do not fit an id: a number for each, given once and for ever, because partners keep ids.
type Handles interface {
	// Handle gives the key's number, and makes one for a key that has none.
	Handle(ctx context.Context, key string) (uint64, error)
	// Key gives the key of a number, or ErrNoHandle.
	Key(ctx context.Context, handle uint64) (string, error)
}

// ErrNoHandle says that no client key has this number.
var ErrNoHandle = errors.New("store: no such client handle")

// Handle gives the key's number.
func (s *State) Handle(ctx context.Context, key string) (uint64, error) {
	h, err := s.Find(ctx, key)
	if !errors.Is(err, ErrNoHandle) {
		return h, err
	}
	if _, err := s.db.ExecContext(ctx, `INSERT INTO client_handles (client_key) VALUES ($1) ON CONFLICT DO NOTHING`, key); err != nil {
		return 0, fmt.Errorf("store: client handle: %w", err)
	}
	return s.Find(ctx, key)
}

// Find gives the number of a key that has one, or ErrNoHandle. It makes none.
func (s *State) Find(ctx context.Context, key string) (uint64, error) {
	var h int64
	err := s.db.QueryRowContext(ctx, `SELECT handle FROM client_handles WHERE client_key = $1`, key).Scan(&h)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, ErrNoHandle
	}
	if err != nil {
		return 0, fmt.Errorf("store: client handle: %w", err)
	}
	return uint64(h), nil
}

// Key gives the key of a number.
func (s *State) Key(ctx context.Context, handle uint64) (string, error) {
	if handle > 1<<62 {
		return "", ErrNoHandle
	}
	var key string
	err := s.db.QueryRowContext(ctx, `SELECT client_key FROM client_handles WHERE handle = $1`, int64(handle)).Scan(&key)
	if errors.Is(err, sql.ErrNoRows) {
		return "", ErrNoHandle
	}
	if err != nil {
		return "", fmt.Errorf("store: client handle: %w", err)
	}
	return key, nil
}

// Memo is a table of handles as package ident takes it: it remembers what it has seen, which never changes, and asks the table for the
// rest for at most the given time. A key that cannot be told is an unknown one.
type Memo struct {
	table   Handles
	timeout time.Duration
	byKey   sync.Map // string -> uint64
	byNum   sync.Map // uint64 -> string
}

// NewMemo makes a Memo over a table. timeout 0 means two seconds.
func NewMemo(table Handles, timeout time.Duration) *Memo {
	if timeout <= 0 {
		timeout = 2 * time.Second
	}
	return &Memo{table: table, timeout: timeout}
}

// Handle gives the key's number.
func (m *Memo) Handle(key string) (uint64, error) {
	if h, ok := m.byKey.Load(key); ok {
		return h.(uint64), nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), m.timeout)
	defer cancel()
	h, err := m.table.Handle(ctx, key)
	if err != nil {
		return 0, err
	}
	m.remember(key, h)
	return h, nil
}

// Key gives the key of a number; known is false for a number that nobody has, and where the table cannot be asked.
func (m *Memo) Key(handle uint64) (key string, known bool) {
	if k, ok := m.byNum.Load(handle); ok {
		return k.(string), true
	}
	ctx, cancel := context.WithTimeout(context.Background(), m.timeout)
	defer cancel()
	key, err := m.table.Key(ctx, handle)
	if err != nil {
		return "", false
	}
	m.remember(key, handle)
	return key, true
}

func (m *Memo) remember(key string, handle uint64) {
	m.byKey.Store(key, handle)
	m.byNum.Store(handle, key)
}
