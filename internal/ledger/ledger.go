package ledger

import (
	"context"
	"errors"
)

// Ledger takes records for good. Implementations are safe for concurrent use.
type Ledger interface {
	// Append writes the records of one answer, all or none, and returns nil only when they are durable. After an error nothing may be
	// released; whether they were written is then open (a record too many says that something may have been told, never the reverse).
	// An answer without a record is ErrRecord.
	Append(ctx context.Context, answer ...Record) error
	// Close ends the ledger after what is under way. Append fails from then on.
	Close() error
}

// Errors of a ledger. No error text holds anything of a record.
var (
	ErrClosed = errors.New("ledger: closed")
	ErrRecord = errors.New("ledger: the record is incomplete")
)

// check refuses a record that could not be read back as what it is.
func (r *Record) check() error {
	if r.Interaction == "" || r.Status < 100 || r.Status > 599 || r.At.Year() < 1970 || r.At.Year() > 2200 {
		return ErrRecord
	}
	count := len(r.Purposes) + len(r.Released) + len(r.Consents) + len(r.Withheld)
	if count > maxNames/2 || !fits(r.RequestID, r.Partner, r.Interaction, r.Client, r.ChartVersion) || !fits(r.Purposes...) || !fits(r.Released...) {
		return ErrRecord
	}
	for i := range r.Consents {
		if !fits(r.Consents[i].Reference) {
			return ErrRecord
		}
	}
	for reason := range r.Withheld {
		if !fits(reason) {
			return ErrRecord
		}
	}
	return nil
}

func fits(texts ...string) bool {
	for _, t := range texts {
		if len(t) > maxName {
			return false
		}
	}
	return true
}
