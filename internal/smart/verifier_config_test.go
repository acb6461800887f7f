package smart

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestNewVerifierRefusesWhatIsMissing(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"issuer":                    func(c *Config) { c.Issuer = "" },
		"a relative issuer":         func(c *Config) { c.Issuer = "issuer" },
		"audience":                  func(c *Config) { c.Audience = "" },
		"algorithms":                func(c *Config) { c.Algorithms = nil },
		"alg none":                  func(c *Config) { c.Algorithms = []string{"none"} },
		"HS256":                     func(c *Config) { c.Algorithms = []string{"ES256", "HS256"} },
		"PS256":                     func(c *Config) { c.Algorithms = []string{"PS256"} },
		"two sources of keys":       func(c *Config) { c.JWKSURI = "https://issuer.example.org/keys" },
		"keys over plain HTTP":      func(c *Config) { c.JWKS, c.JWKSURI = nil, "http://issuer.example.org/keys" },
		"discovery over plain HTTP": func(c *Config) { c.JWKS, c.Issuer = nil, "http://issuer.example.org" },
		"a key set that is none":    func(c *Config) { c.JWKS = []byte(`{}`) },
		"an empty key set":          func(c *Config) { c.JWKS = []byte(`{"keys":[]}`) },
		"a private key": func(c *Config) {
			k := testKeys["es256"]
			text, _ := k.MarshalJSON()
			c.JWKS = []byte(`{"keys":[` + string(text) + `]}`)
		},
		"a symmetric key":          func(c *Config) { c.JWKS = []byte(`{"keys":[{"kty":"oct","k":"AAAA"}]}`) },
		"only keys of other kinds": func(c *Config) { c.JWKS = jwks(t, "es512") },
		"a skew that hides expiry": func(c *Config) { c.ClockSkew = time.Hour },
		"a negative skew":          func(c *Config) { c.ClockSkew = -1 },
		"a negative lifetime":      func(c *Config) { c.MaxLifetime = -1 },
	} {
		c := testConfig(t)
		change(&c)
		if v, err := NewVerifier(c); v != nil || err == nil {
			t.Errorf("%s: NewVerifier = %v, %v", name, v, err)
		}
	}
	_, err := NewVerifier(Config{})
	if err == nil || strings.Count(err.Error(), "\n") < 2 {
		t.Errorf("not all problems at once: %v", err)
	}
}

func TestReadCredentials(t *testing.T) {
	for name, tt := range map[string]struct {
		header []string
		want   string
		err    error
	}{
		"none":         {nil, "", ErrMissing},
		"a token":      {[]string{"Bearer abc.def.ghi"}, "abc.def.ghi", nil},
		"lower case":   {[]string{"bearer abc"}, "abc", nil},
		"DPoP":         {[]string{"DPoP abc"}, "abc", nil},
		"DPoP, small":  {[]string{"dpop abc"}, "abc", nil},
		"basic":        {[]string{"Basic abc"}, "", ErrInvalid},
		"no scheme":    {[]string{"abc"}, "", ErrInvalid},
		"no token":     {[]string{"Bearer "}, "", ErrInvalid},
		"two tokens":   {[]string{"Bearer abc def"}, "", ErrInvalid},
		"a list":       {[]string{"Bearer abc,Bearer"}, "", ErrInvalid},
		"two headers":  {[]string{"Bearer abc", "Bearer def"}, "", ErrInvalid},
		"two blanks":   {[]string{"Bearer  abc"}, "", ErrInvalid},
		"an empty one": {[]string{""}, "", ErrInvalid},
	} {
		got, err := ReadCredentials(http.Header{"Authorization": tt.header})
		if got.Token != tt.want || got.DPoP != strings.HasPrefix(name, "DPoP") || !errors.Is(err, tt.err) {
			t.Errorf("%s: %q, %v", name, got.Token, err)
		}
	}
}
