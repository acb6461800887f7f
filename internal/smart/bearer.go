package smart

import (
	"net/http"
	"strings"
)

// BearerToken takes the access token from the Authorization header, the only place where it is looked for (RFC 6750, 2.1): a token in a
// form or a query ends in logs. More than one such header is refused: two readers could take different ones.
func BearerToken(h http.Header) (string, error) {
	values := h.Values("Authorization")
	if len(values) == 0 {
		return "", ErrMissing
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	if len(values) > 1 || !ok || !strings.EqualFold(scheme, "Bearer") || token == "" || strings.ContainsAny(token, " \t,") {
		return "", refused("Authorization header")
	}
	return token, nil
}
