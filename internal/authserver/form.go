package authserver

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
)

const maxFormBytes = 64 << 10

// assertionType is the only way in which a client proves itself (RFC 7523, 2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// serveForm answers an endpoint of OAuth: POST of a form, answered in JSON, or with nothing where there is nothing to say.
func serveForm(w http.ResponseWriter, r *http.Request, answer func(*http.Request, map[string]string) (any, error)) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		writeError(w, errMethod)
		return
	}
	form, err := readForm(w, r)
	var body any
	if err == nil {
		body, err = answer(r, form)
	}
	if err != nil {
		writeError(w, err)
		return
	}
	writeJSON(w, http.StatusOK, body)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	if body == nil {
		w.WriteHeader(status)
		return
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		status, encoded = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(encoded) // the client may have gone
}

// readForm takes the parameters from the body alone, each at most once; one without a value is as good as none (RFC 6749, 3.2).
func readForm(w http.ResponseWriter, r *http.Request) (map[string]string, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" || r.URL.RawQuery != "" {
		return nil, errRequest
	}
	if r.Header.Get("Authorization") != "" { // another way of authentication, which no client is registered for
		return nil, errClient
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
	if err := r.ParseForm(); err != nil {
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			return nil, errTooLarge
		}
		return nil, errRequest
	}
	form := map[string]string{}
	for name, values := range r.PostForm {
		if len(values) != 1 {
			return nil, errRequest
		}
		if values[0] != "" {
			form[name] = values[0]
		}
	}
	return form, nil
}
