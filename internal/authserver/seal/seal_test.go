package seal

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func box(t testing.TB, fill byte, now *time.Time) *Box {
	t.Helper()
	b, err := New(bytes.Repeat([]byte{fill}, KeySize), func() time.Time { return *now })
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestATextOpensWithItsKeyForItsUseInItsTimeAndNotOtherwise(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	b, again, other := box(t, 1, &now), box(t, 1, &now), box(t, 2, &now)
	rapid.Check(t, func(t *rapid.T) {
		now = time.Unix(1_800_000_000, 0)
		want := rapid.String().Draw(t, "value")
		text, err := b.Close("page", now.Add(time.Minute), want)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text, want) && len(want) > 3 {
			t.Fatal("the value can be read")
		}
		var got string
		if err := again.Open("page", text, &got); err != nil || got != want {
			t.Fatalf("%q, %v", got, err)
		}
		at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
		with := rapid.SampledFrom([]string{"A", "B", "-", "=", "", "AA"}).Draw(t, "with")
		if changed := text[:at] + with + text[at+1:]; changed != text && b.Open("page", changed, &got) == nil {
			t.Fatal("a changed text opens")
		}
		if b.Open("code", text, &got) == nil || other.Open("page", text, &got) == nil {
			t.Fatal("opens for another use or with another key")
		}
		now = now.Add(time.Minute)
		if err := b.Open("page", text, &got); !errors.Is(err, ErrOpen) {
			t.Fatal("opens when its time is over")
		}
	})
}

func TestTwoTextsOfOneValueDiffer(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	b := box(t, 1, &now)
	first, err := b.Close("code", now.Add(time.Minute), "x")
	second, err2 := b.Close("code", now.Add(time.Minute), "x")
	if err != nil || err2 != nil || first == second {
		t.Error("the same text twice")
	}
}

func TestAKeyOfAnotherLengthIsRefused(t *testing.T) {
	for _, n := range []int{0, 16, 31, 33} {
		if _, err := New(make([]byte, n), nil); err == nil {
			t.Errorf("a key of %d bytes is taken", n)
		}
	}
}

func FuzzOpen(f *testing.F) {
	now := time.Unix(1_800_000_000, 0)
	b := box(f, 1, &now)
	good, err := b.Close("page", now.Add(time.Minute), "x")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("")
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		var got string
		if err := b.Open("page", text, &got); (err == nil) != (text == good) {
			t.Errorf("%q: %v", text, err)
		}
	})
}
