package demo

import (
	"testing"
	"time"
)

func TestTenThousandClientsAreWrittenInUnderAMinute(t *testing.T) {
	if testing.Short() {
		t.Skip("writes ten thousand clients: left out of -short")
	}
	start := time.Now()
	p := write(t, 10_000, 1)
	if took := time.Since(start); took.Seconds() > 60 {
		t.Errorf("took %s", took)
	}
	if n := len(p.Clients); n != 10_000 {
		t.Errorf("%d clients", n)
	}
}
