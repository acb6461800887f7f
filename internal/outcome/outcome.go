// Package outcome turns an error into what the requester may know of it: an HTTP status, a few headers and a FHIR OperationOutcome
// (R4 6.1) with fixed public text. The cause is kept for the log and never sent; two errors of one kind are the same bytes, so that
// "withheld", "tampered" and "never existed" cannot be told apart.
//
// It must not import fhir or practice: an outcome says nothing about a client.
package outcome

import (
	"context"
	"errors"
	"strconv"
	"time"
)

// Error is a failure of a known kind. Its text is the public text; its cause is for errors.Is and for the log, by type only.
type Error struct {
	kind       Kind
	parameter  string
	problem    string
	allow      string
	retryAfter time.Duration
	cause      error
}

// New makes an Error of a kind. The cause may be nil and is never sent.
func New(k Kind, cause error) *Error { return &Error{kind: k, cause: cause} }

// Parameter says that the value of the named parameter cannot be used (400), and why, in a fixed text of ours. A name that is not one a FHIR
// server could have is left out of the public text: it is the sender's own text and may hold anything.
func Parameter(name, problem string, cause error) *Error {
	return &Error{kind: InvalidParameter, parameter: publicName(name), problem: publicText(problem), cause: cause}
}

// Method says that the method does not apply here (405). allow is the value of the Allow header.
func Method(allow string) *Error { return &Error{kind: MethodNotAllowed, allow: allow} }

// Retry says that the gateway cannot answer now (503) or that too many requests came (429), and when to try again.
func Retry(k Kind, after time.Duration, cause error) *Error {
	return &Error{kind: k, retryAfter: after, cause: cause}
}

// Kind is the kind of the error.
func (e *Error) Kind() Kind { return e.kind }

// Error is the public text.
func (e *Error) Error() string { return "outcome: " + describe(e.kind).text }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.cause }

// Of finds the Error in err. An error that has no kind of its own is Unavailable if a deadline passed or the request ended, and Internal
// otherwise. It is nil for nil.
func Of(err error) *Error {
	var e *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return New(Unavailable, err)
	}
	return New(Internal, err)
}

// Header is one header of an answer.
type Header struct{ Name, Value string }

// Answer is an encoded error: what is written, and nothing else. Body must not be changed.
type Answer struct {
	Status  int
	Headers []Header
	Body    []byte
}

// Answer encodes the error.
func (e *Error) Answer() Answer {
	d := describe(e.kind)
	a := Answer{Status: d.status, Body: d.body}
	if e.parameter != "" || e.problem != "" {
		a.Body = encode(d.severity, d.code, d.text, e.diagnostics())
	}
	if d.challenge != "" {
		a.Headers = append(a.Headers, Header{"WWW-Authenticate", d.challenge})
	}
	if e.allow != "" {
		a.Headers = append(a.Headers, Header{"Allow", e.allow})
	}
	if after := e.after(); after > 0 {
		a.Headers = append(a.Headers, Header{"Retry-After", strconv.Itoa(after)})
	}
	return a
}

// after is the whole number of seconds for Retry-After, 0 for none.
func (e *Error) after() int {
	if e.kind != Unavailable && e.kind != TooManyRequests {
		return 0
	}
	if e.retryAfter <= 0 {
		return defaultRetryAfter
	}
	return int((e.retryAfter + time.Second - 1) / time.Second)
}

const defaultRetryAfter = 5

// diagnostics says which parameter it was and what is wrong with it.
func (e *Error) diagnostics() string {
	switch {
	case e.parameter == "":
		return e.problem
	case e.problem == "":
		return e.parameter
	}
	return e.parameter + ": " + e.problem
}

// publicName is name if it has the form of a search parameter with modifiers, else "".
func publicName(name string) string {
	if len(name) == 0 || len(name) > 64 {
		return ""
	}
	for i := 0; i < len(name); i++ {
		if c := name[i]; !isLetter(c) && c != '-' && c != '_' && c != ':' && c != '.' {
			return ""
		}
	}
	return name
}

// publicText is text if it is made as our fixed texts are, of words and plain punctuation, else "".
func publicText(text string) string {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case isLetter(c), c == ' ', c == ',', c == '.', c == '_', c == '-', c == '(', c == ')':
		default:
			return ""
		}
	}
	return text
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
