package authserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// FetchToken gets an access token as a partner does (SMART Backend Services 2.2). The demo and the tests use it.
func FetchToken(ctx context.Context, client *http.Client, a Assertion, scope string) (string, error) {
	assertion, err := a.Sign(time.Now())
	if err != nil {
		return "", err
	}
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {scope}, "client_assertion_type": {assertionType}, "client_assertion": {assertion}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.Endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxFormBytes))
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		var refusal struct {
			Code string `json:"error"`
		}
		_ = json.Unmarshal(body, &refusal) // the status alone will do
		return "", fmt.Errorf("authserver: the token endpoint answered %d %s", resp.StatusCode, refusal.Code)
	}
	var answer response
	if json.Unmarshal(body, &answer) != nil || answer.AccessToken == "" {
		return "", errors.New("authserver: the token endpoint answered no token")
	}
	return answer.AccessToken, nil
}
