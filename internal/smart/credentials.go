package smart

import (
	"net/http"
	"strings"
)

// Credentials are how a request carries its access token.
type Credentials struct {
	Token string
	// DPoP says that the token came with the scheme of that name (RFC 9449, 7.1), otherwise as a bearer token.
	DPoP bool
}

// ReadCredentials takes the access token from the Authorization header, the only place where it is looked for (RFC 6750, 2.1): a token in a
// form or a query ends in logs. More than one such header is refused: two readers could take different ones.
func ReadCredentials(h http.Header) (Credentials, error) {
	values := h.Values("Authorization")
	if len(values) == 0 {
		return Credentials{}, ErrMissing
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	dpop := strings.EqualFold(scheme, "DPoP")
	if len(values) > 1 || !ok || !dpop && !strings.EqualFold(scheme, "Bearer") || token == "" || strings.ContainsAny(token, " \t,") {
		return Credentials{}, refused("Authorization header")
	}
	return Credentials{Token: token, DPoP: dpop}, nil
}
