package mapping_test

import (
	"bytes"
	"encoding/base64"
	"testing"

	"pgregory.net/rapid"

	"github.com/consentry/gateway/internal/mapping"
)

func TestBase64IsThatOfTheStandardLibrary(t *testing.T) {
	var all []byte // every 12 bits at every place
	for i := range 1 << 12 {
		all = append(all, byte(i>>4), byte(i<<4)|byte(i>>8), byte(i))
	}
	for n := range 300 {
		src := all[n : n+n]
		if got, want := mapping.AppendBase64([]byte("x"), src), "x"+base64.StdEncoding.EncodeToString(src); string(got) != want {
			t.Fatalf("%d bytes: %s, want %s", n, got, want)
		}
	}
	if got, want := mapping.AppendBase64(nil, all), base64.StdEncoding.EncodeToString(all); string(got) != want {
		t.Error("all 12 bits differ")
	}
	rapid.Check(t, func(t *rapid.T) {
		src := rapid.SliceOf(rapid.Byte()).Draw(t, "src")
		before := bytes.Clone(src)
		if got, want := mapping.AppendBase64(nil, src), base64.StdEncoding.EncodeToString(src); string(got) != want || !bytes.Equal(src, before) {
			t.Fatalf("%s, want %s", got, want)
		}
	})
}
