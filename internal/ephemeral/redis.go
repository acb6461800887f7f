package ephemeral

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// RedisConfig says where the Redis of all replicas is. Give it maxmemory-policy noeviction: what Redis forgets early, a replay can use.
type RedisConfig struct {
	URL string // redis://, or rediss:// for TLS (IANA provisional scheme)
	// Prefix begins every key, "consentry:" if empty.
	Prefix string
	// Timeout bounds each command, half a second if zero.
	Timeout time.Duration
}

// Redis is the store of all replicas. When it does not answer, everything is denied.
type Redis struct {
	client *redis.Client
	prefix string
}

// NewRedis makes the store. It does not connect yet: Ready does.
func NewRedis(c RedisConfig) (*Redis, error) {
	o, err := redis.ParseURL(c.URL)
	if err != nil { // the text may hold the password
		return nil, errors.New("ephemeral: the Redis URL is missing or malformed")
	}
	if c.Prefix == "" {
		c.Prefix = "consentry:"
	}
	if c.Timeout <= 0 {
		c.Timeout = 500 * time.Millisecond
	}
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = c.Timeout, c.Timeout, c.Timeout, c.Timeout
	o.ContextTimeoutEnabled = true
	o.DialerRetries = 1
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	o.MaxRetries = -1 // a command sent twice would find its own entry and take it for a replay
	return &Redis{client: redis.NewClient(o), prefix: c.Prefix}, nil
}

// admit counts, in one round trip: of each key ARGV has how many events there may be, the window, which begins with the first event, and whether it is only
// looked at. It gives the first limit that is gone beyond and the rest of its window, or nothing. It is one script, so that no counter is ever left without an
// end. A counter that is not above zero after an event is forged, and one that is no number is an error.
var admit = redis.NewScript(`
for i, key in ipairs(KEYS) do
  local n
  if ARGV[3 * i] == '1' then
    n = tonumber(redis.call('GET', key) or '0') + 1
  else
    n = redis.call('INCR', key)
    if redis.call('PTTL', key) < 0 then redis.call('PEXPIRE', key, ARGV[3 * i - 1]) end
  end
  if n <= 0 or n > tonumber(ARGV[3 * i - 2]) then return {i, math.max(redis.call('PTTL', key), 1)} end
end
return {0, 0}`)

// Seen implements Store.
func (r *Redis) Seen(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	if ttl <= 0 {
		return true, ErrArgument
	}
	err := r.client.SetArgs(ctx, r.key(useSeen, key), "1", redis.SetArgs{Mode: "NX", TTL: atLeastMillisecond(ttl)}).Err()
	switch {
	case errors.Is(err, redis.Nil): // it was there
		return true, nil
	case err != nil:
		return true, unavailable(err)
	}
	return false, nil
}

// Admit implements Store.
func (r *Redis) Admit(ctx context.Context, limits ...Limit) (Verdict, error) {
	var keys []string
	var of []int // which limit each key is of
	var args []any
	for i, l := range limits {
		if err := l.check(); err != nil {
			return Verdict{}, err
		}
		if l.Events > 0 {
			keys, of = append(keys, r.key(useTake, l.Key)), append(of, i)
			args = append(args, l.Events, atLeastMillisecond(l.Window).Milliseconds(), l.Look)
		}
	}
	answer, err := admit.Run(ctx, r.client, keys, args...).Int64Slice()
	switch {
	case err != nil:
		return Verdict{}, unavailable(err)
	case len(answer) != 2 || answer[0] < 0 || answer[0] > int64(len(of)):
		return Verdict{}, ErrUnavailable
	case answer[0] > 0:
		return Verdict{Limit: of[answer[0]-1], After: time.Duration(answer[1]) * time.Millisecond}, nil
	}
	return Verdict{Admitted: true}, nil
}

// Ready implements Store.
func (r *Redis) Ready(ctx context.Context) error {
	if err := r.client.Ping(ctx).Err(); err != nil {
		return unavailable(err)
	}
	return nil
}

// Close implements Store.
func (r *Redis) Close() error { return r.client.Close() }

func (r *Redis) key(use, key string) string { return r.prefix + storedKey(use, key).String() }

// atLeastMillisecond: Redis counts in milliseconds, and refuses none.
func atLeastMillisecond(d time.Duration) time.Duration {
	return max(d, time.Millisecond).Round(time.Millisecond)
}

// unavailable keeps what kind of failure it was for the log. Commands hold digests only, so no error text can hold more.
func unavailable(err error) error { return fmt.Errorf("%w: %w", ErrUnavailable, err) }
