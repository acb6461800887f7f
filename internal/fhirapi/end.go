package fhirapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strconv"
	"strings"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/outcome"
)

var errPanic = errors.New("fhirapi: panic")

// end turns a panic into a 500 without detail, writes the one log record of the request and counts it.
func (x *exchange) end() {
	if p := recover(); p != nil {
		x.panicked(p)
	}
	x.account()
	if x.answer != nil {
		x.answer.Close()
	}
}

// account counts the request and writes its log record.
func (x *exchange) account() {
	status := http.StatusNoContent
	if x.answer != nil {
		status = x.answer.Status
	}
	x.metrics.count(status, x.released, x.withheld, &x.timings)
	x.log(status)
}

// panicked answers 500 if nothing has been written, and breaks the connection off otherwise.
func (x *exchange) panicked(p any) {
	x.report(p)
	if x.written {
		panic(http.ErrAbortHandler)
	}
	x.fail(outcome.New(outcome.Internal, errPanic))
	x.write()
}

// report logs a panic. Its value may hold anything, and so may the arguments in a stack: only its type and the functions are logged.
func (x *exchange) report(p any) {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(4, pcs[:])])
	var stack []string
	for {
		f, more := frames.Next()
		stack = append(stack, f.Function+":"+strconv.Itoa(f.Line))
		if !more {
			break
		}
	}
	x.api.Log.LogAttrs(context.Background(), slog.LevelError, "panic", slog.String("request", x.id), slog.String("route", x.template),
		slog.String("type", fmt.Sprintf("%T", p)), slog.Any("stack", stack))
}

// recorded lets go of what only the answer and the ledger needed, and keeps the sums for the log: whoever takes an answer slowly holds its bytes, and no
// chart.
func (x *exchange) recorded() {
	for _, e := range x.request.disclosure.evidence {
		for reason, n := range e.Withheld {
			if x.withheld == nil {
				x.withheld = make(map[string]uint32, len(e.Withheld))
			}
			x.withheld[reason] += n
		}
	}
	x.request = Request{Requester: x.request.Requester}
	x.answer.Recorded()
}

// log writes the one record of a request: who asked which route for what purpose, and counts. No query, no id of a client or of a resource, no
// token.
func (x *exchange) log(status int) {
	ctx := context.Background()
	if !x.api.Log.Enabled(ctx, slog.LevelInfo) {
		return
	}
	attrs := make([]slog.Attr, 0, 10)
	attrs = append(attrs, slog.String("request", x.id), slog.String("route", x.template), slog.Int("status", status),
		slog.Float64("seconds", x.api.Now().Sub(x.began).Seconds()), slog.Int("released", x.released))
	if who := x.request.Requester; who != nil {
		attrs = append(attrs, slog.String("partner", who.PartnerID), slog.Any("purpose", codes(who.Purposes)))
	}
	if len(x.withheld) > 0 {
		attrs = append(attrs, slog.Any("withheld", x.withheld))
	}
	if x.of != nil {
		attrs = append(attrs, slog.String("batch", x.of.id))
	}
	if theirs := x.w.Header().Get("X-Request-Id"); theirs != "" {
		attrs = append(attrs, slog.String("theirRequest", theirs))
	}
	level := slog.LevelInfo
	if x.failed != nil && x.failed.Kind().Status() >= http.StatusInternalServerError {
		level = slog.LevelError
		attrs = append(attrs, slog.String("cause", strings.Join(causes(x.failed.Unwrap()), " ")))
		if x.unrecorded {
			attrs = append(attrs, slog.String("because", "the ledger cannot be written"))
		}
	}
	x.api.Log.LogAttrs(ctx, level, "request", attrs...)
}

// causes name what failed, by the types of the errors alone: their texts are other packages', and may say more than a log may hold.
func causes(err error) []string {
	if err == nil {
		return nil
	}
	found := []string{fmt.Sprintf("%T", err)}
	switch of := err.(type) { //nolint:errorlint // the chain itself is what is named
	case interface{ Unwrap() error }:
		found = append(found, causes(of.Unwrap())...)
	case interface{ Unwrap() []error }:
		for _, one := range of.Unwrap() {
			found = append(found, causes(one)...)
		}
	}
	return found
}

func codes(cs []fhir.Coding) []string {
	out := make([]string, len(cs))
	for i, c := range cs {
		out[i] = c.Code
	}
	return out
}
