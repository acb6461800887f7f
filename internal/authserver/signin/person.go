package signin

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// person reads whom the token names.
func (p *Provider) person(id *oidc.IDToken) (Person, error) {
	var claims map[string]json.RawMessage
	if id.Claims(&claims) != nil {
		return Person{}, fmt.Errorf("%w: claims", ErrRefused)
	}
	if azp, ok := stated(claims, "azp"); (ok || len(id.Audience) > 1) && text(azp) != p.config.ClientID { // OpenID Connect Core 1.0, 3.1.3.7
		return Person{}, fmt.Errorf("%w: azp", ErrRefused)
	}
	who := Person{At: p.signedInAt(claims["auth_time"])}
	if raw, ok := stated(claims, p.config.ClientClaim); ok {
		if who.Client = text(raw); who.Client == "" {
			return Person{}, fmt.Errorf("%w: the claim of the client is neither a text nor a whole number", ErrRefused)
		}
	}
	if raw, ok := stated(claims, p.config.RepresentsClaim); ok {
		var err error
		if who.Represents, err = represents(raw); err != nil {
			return Person{}, err
		}
	}
	return who, nil
}

// signedInAt reads auth_time. The time at which the browser came back says nothing: the person may have signed in days before.
func (p *Provider) signedInAt(raw json.RawMessage) time.Time {
	var seconds int64
	at := time.Time{}
	if json.Unmarshal(raw, &seconds) == nil && seconds > 0 {
		at = time.Unix(seconds, 0)
	}
	if at.After(p.config.Now().Add(leeway)) {
		return time.Time{}
	}
	return at
}

// stated gives a claim by its exact name. One that is null is not stated.
func stated(claims map[string]json.RawMessage, name string) (json.RawMessage, bool) {
	raw, ok := claims[name]
	return raw, ok && name != "" && string(raw) != "null"
}

// maxRepresented bounds for whom one person may act: the page lists them.
const maxRepresented = 20

// represents reads one text or a list of them, each the client's key and the key of the representative's record, with a slash between.
func represents(raw json.RawMessage) ([]Representative, error) {
	var list []string
	if one := text(raw); one != "" {
		list = []string{one}
	} else if json.Unmarshal(raw, &list) != nil || len(list) > maxRepresented {
		return nil, fmt.Errorf("%w: the claim of whom they represent is no list of texts, or too long", ErrRefused)
	}
	var all []Representative
	for _, s := range list {
		at := strings.LastIndexByte(s, '/')
		if at < 1 || at == len(s)-1 {
			return nil, fmt.Errorf("%w: whom they represent is not written as client/key", ErrRefused)
		}
		all = append(all, Representative{s[:at], s[at+1:]})
	}
	return all, nil
}

// text reads a text, or a whole number as it is written.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	if n := string(raw); n != "" && strings.Trim(n, "0123456789") == "" {
		return n
	}
	return ""
}
