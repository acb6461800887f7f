package smart

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestAVerifiedTokenIsRememberedUntilItExpires(t *testing.T) {
	now := testNow
	c := testConfig(t)
	c.Now = func() time.Time { return now }
	v := newTestVerifier(t, c)
	raw := sign(t, testKeys["es256"], nil, payload(nil))
	first, err := v.Verify(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := v.Verify(t.Context(), raw); again != first || err != nil {
		t.Errorf("not remembered: %v", err)
	}
	now = now.Add(time.Minute + defaultSkew - time.Second)
	if again, err := v.Verify(t.Context(), raw); again != first || err != nil {
		t.Errorf("not remembered to its end: %v", err)
	}
	now = now.Add(2 * time.Second)
	for range 2 {
		if tok, err := v.Verify(t.Context(), raw); tok != nil || !errors.Is(err, ErrExpired) {
			t.Errorf("Verify = %v, %v after it expired", tok, err)
		}
	}
}

func TestTheMemoryOfTokensIsBounded(t *testing.T) {
	c := testConfig(t)
	c.MaxCached = 10
	v := newTestVerifier(t, c)
	for i := range 100 {
		if _, err := v.Verify(t.Context(), sign(t, testKeys["es256"], nil, payload(object{"jti": fmt.Sprint(i)}))); err != nil {
			t.Fatal(err)
		}
	}
	v.verified.CleanUp()
	if n := v.verified.EstimatedSize(); n > 10 {
		t.Errorf("%d tokens are remembered, want 10 at most", n)
	}
}
