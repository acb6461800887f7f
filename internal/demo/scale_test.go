package demo

import "testing"

func TestTenThousandClients(t *testing.T) {
	if testing.Short() {
		t.Skip("writes ten thousand clients: left out of -short")
	}
	if n := len(write(t, 10_000, 1).Clients); n != 10_000 {
		t.Errorf("%d clients", n)
	}
}
