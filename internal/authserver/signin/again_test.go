package signin

import (
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// When somebody signed in the provider says: a session there may be days old.
func TestWhenAPersonSignedInTheProviderSays(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	for name, c := range map[string]struct {
		claim any
		since time.Duration // before now; negative for any time
		want  time.Time
		err   error
	}{
		"not stated":                     {nil, -1, time.Time{}, nil},
		"an hour ago":                    {now.Add(-time.Hour).Unix(), -1, now.Add(-time.Hour), nil},
		"in the future":                  {now.Add(time.Hour).Unix(), -1, time.Time{}, nil},
		"a text":                         {"yesterday", -1, time.Time{}, nil},
		"before all time":                {-5, -1, time.Time{}, nil},
		"within the hour":                {now.Add(-time.Minute).Unix(), time.Hour, now.Add(-time.Minute), nil},
		"too long ago":                   {now.Add(-2 * time.Hour).Unix(), time.Hour, time.Time{}, ErrRefused},
		"again":                          {now.Unix(), 0, now, nil},
		"again, by a slow clock":         {now.Add(-30 * time.Second).Unix(), 0, now.Add(-30 * time.Second), nil},
		"not again":                      {now.Add(-2 * time.Minute).Unix(), 0, time.Time{}, ErrRefused},
		"again, and nobody says when":    {nil, 0, time.Time{}, ErrRefused},
		"again, and it is in the future": {now.Add(time.Hour).Unix(), 0, time.Time{}, ErrRefused},
	} {
		o := newOP(t)
		if c.claim != nil {
			o.claims["auth_time"] = c.claim
		}
		a := attempt
		if c.since >= 0 {
			a.Since = now.Add(-c.since)
		}
		who, err := o.provider(t, nil).Finish(t.Context(), "code", a)
		if !errors.Is(err, c.err) || !who.At.Equal(c.want) || c.err != nil && who.Client != "" {
			t.Errorf("%s: %v, %v", name, who.At, err)
		}
	}
}

func TestTheProviderIsToldThatThePersonMustSignInAgain(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		since       time.Time
		age, prompt string
	}{
		"any time": {time.Time{}, "", ""}, "again": {now, "0", "login"}, "again, a moment ago": {now.Add(-2 * time.Second), "2", "login"}, "again, of a clock that went back": {now.Add(time.Second), "0", "login"}, "an hour": {now.Add(-time.Hour), "3600", ""},
	} {
		a := attempt
		a.Since = c.since
		to, err := newOP(t).provider(t, func(p *Config) { p.Now = func() time.Time { return now } }).Begin(t.Context(), a)
		u, _ := url.Parse(to)
		if q := u.Query(); err != nil || q.Get("max_age") != c.age || q.Get("prompt") != c.prompt || q.Get("state") != a.State {
			t.Errorf("%s: %v, %v", name, q, err)
		}
	}
}

// Those who wait for a provider that hangs all hear of it at once, not one after the other.
func TestWhoWaitsForAProviderWaitsOnce(t *testing.T) {
	now := time.Now()
	began := now
	p := newOP(t).provider(t, func(c *Config) {
		c.Now = func() time.Time { return now }
		c.Transport = hanging(func() { now = now.Add(timeout) })
	})
	for range 10 {
		if _, err := p.Begin(t.Context(), attempt); !errors.Is(err, ErrUnavailable) {
			t.Error(err)
		}
	}
	if waited := now.Sub(began); waited > timeout {
		t.Errorf("ten waited for %v", waited)
	}
}

// hanging answers nothing, after some time.
type hanging func()

func (h hanging) RoundTrip(*http.Request) (*http.Response, error) {
	h()
	return nil, errors.New("no answer")
}

func TestTheProviderIsToldTheHint(t *testing.T) {
	for _, hint := range []string{"", "ada@example.org", "tel:+1 555&prompt=none#x"} {
		a := attempt
		a.Hint = hint
		to, err := newOP(t).provider(t, nil).Begin(t.Context(), a)
		u, _ := url.Parse(to)
		if q := u.Query(); err != nil || q.Get("login_hint") != hint || q.Has("login_hint") != (hint != "") || q.Has("prompt") || q.Get("state") != a.State || u.Fragment != "" {
			t.Errorf("%q: %v, %v", hint, q, err)
		}
	}
}
