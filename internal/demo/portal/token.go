package portal

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
)

// token gives the gateway its ID token for a code.
func (p *Portal) token(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	id, secret, _ := r.BasicAuth()
	if id != p.ClientID || subtle.ConstantTimeCompare([]byte(secret), []byte(p.Secret)) != 1 {
		writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	s, ok := p.redeem(r.PostFormValue("code"))
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !ok || base64.RawURLEncoding.EncodeToString(sum[:]) != s.challenge || r.PostFormValue("redirect_uri") != p.Callback {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
		return
	}
	token, err := p.idToken(s)
	if err != nil {
		writeJSON(w, http.StatusInternalServerError, map[string]string{"error": "server_error"})
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "expires_in": int(codeTime.Seconds()), "id_token": token})
}

func (p *Portal) redeem(code string) (signedIn, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ok := p.codes[code]
	delete(p.codes, code)
	return s, ok && p.Now().Before(s.until)
}

func (p *Portal) idToken(s signedIn) (string, error) {
	now := p.Now()
	claims := map[string]any{"iss": p.Issuer, "sub": s.person.ID, "aud": p.ClientID, "iat": now.Unix(), "exp": now.Add(codeTime).Unix(), "nonce": s.nonce,
		"auth_time": now.Unix()} // they have chosen just now
	if s.person.Client != "" {
		claims[ClientClaim] = s.person.Client
	}
	if len(s.person.Represents) > 0 {
		claims[RepresentsClaim] = s.person.Represents
	}
	text, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	jws, err := p.signer.Sign(text)
	if err != nil {
		return "", err
	}
	return jws.CompactSerialize()
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(text) // who asked may have gone
}
