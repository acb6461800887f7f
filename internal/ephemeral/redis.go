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

// admit looks at the marks and counts, in one round trip: KEYS are the marks and, where ARGV[1] is a window, last the counter, whose window begins with
// its first event. It is one script, so that no counter is ever left without an end.
var admit = redis.NewScript(`
local marks = #KEYS
if ARGV[1] then marks = marks - 1 end
for i = 1, marks do
  if redis.call('EXISTS', KEYS[i]) ~= 0 then return {1, 0} end
end
if not ARGV[1] then return {0, 0} end
local n = redis.call('INCR', KEYS[#KEYS])
if redis.call('PTTL', KEYS[#KEYS]) < 0 then redis.call('PEXPIRE', KEYS[#KEYS], ARGV[1]) end
return {0, n}`)

// mark sets a mark, and never makes one shorter.
var mark = redis.NewScript(`
if redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) then return 1 end
local left = redis.call('PTTL', KEYS[1])
if left >= 0 and left < tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 1`)

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

// Mark implements Store.
func (r *Redis) Mark(ctx context.Context, key string, ttl time.Duration) error {
	if ttl <= 0 {
		return ErrArgument
	}
	if err := mark.Run(ctx, r.client, []string{r.key(useMark, key)}, atLeastMillisecond(ttl).Milliseconds()).Err(); err != nil {
		return unavailable(err)
	}
	return nil
}

// Admit implements Store.
func (r *Redis) Admit(ctx context.Context, keys []string, l Limit) (Admission, error) {
	if err := l.check(); err != nil {
		return Refused, err
	}
	stored := make([]string, 0, len(keys)+1)
	for _, k := range keys {
		stored = append(stored, r.key(useMark, k))
	}
	var window []any
	if l.Events > 0 {
		stored = append(stored, r.key(useTake, l.Key))
		window = append(window, atLeastMillisecond(l.Window).Milliseconds())
	}
	answer, err := admit.Run(ctx, r.client, stored, window...).Int64Slice()
	switch {
	case err != nil:
		return Refused, unavailable(err)
	case len(answer) != 2 || answer[0] != 0:
		return Refused, nil
	case l.Events > 0 && (answer[1] <= 0 || answer[1] > int64(l.Events)): // a counter that is not above zero after an event is forged
		return Exceeded, nil
	}
	return Admitted, nil
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
