package main

import (
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/consentry/gateway/conformance/missing"
)

// A terminal that is closed must not cut off answers that are under way, and nohup means what it says.
func TestAHangupEndsInGoodOrderUnlessItIsIgnored(t *testing.T) {
	if signal.Ignored(syscall.SIGHUP) {
		missing.Skip(t, "a SIGHUP that is not ignored")
	}
	if !slices.Contains(ends(), os.Signal(syscall.SIGHUP)) {
		t.Error("a hangup kills")
	}
	signal.Ignore(syscall.SIGHUP)
	defer signal.Reset(syscall.SIGHUP)
	if got := ends(); slices.Contains(got, os.Signal(syscall.SIGHUP)) || len(got) != 2 {
		t.Errorf("a hangup that is ignored ends it: %v", got)
	}
}

func TestTheVersionIsSaid(t *testing.T) {
	out, err := runCommand(t, "--version")
	if err != nil || !strings.Contains(out, version) {
		t.Errorf("%v %s", err, out)
	}
}
