package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/consentry/gateway/internal/authserver"
	"github.com/consentry/gateway/internal/fhir"
)

// maxAnswer bounds what the story reads of one answer.
const maxAnswer = 64 << 20

// partner finds one of the demo's partners.
func (d *demonstration) partner(id string) demoPartner {
	i := slices.IndexFunc(d.partners, func(p demoPartner) bool { return p.ID == id })
	return d.partners[i]
}

func (p demoPartner) tokenFile(dir string) string {
	return filepath.Join(dir, "partners", p.ID+".token")
}

// fetchToken gets a token from the token endpoint as the partner's software would, and keeps it in a file for the curl lines.
func (d *demonstration) fetchToken(ctx context.Context, p demoPartner) (string, error) {
	a := authserver.Assertion{ClientID: p.ID, Endpoint: d.auth.TokenEndpoint(), Key: p.key}
	if len(p.Purposes) > 0 {
		a.Purposes = []fhir.Coding{{System: fhir.SystemActReason, Code: p.Purposes[0]}}
	}
	token, err := authserver.FetchToken(ctx, http.DefaultClient, a, p.Scopes)
	if err != nil {
		return "", fmt.Errorf("%s: %w", p.ID, err)
	}
	return token, keepToken(p.tokenFile(d.dir), token)
}

// renewTokens keeps the token files fresh until the context ends, so that the curl lines work as long as the demo serves.
func (d *demonstration) renewTokens(ctx context.Context) {
	go func() {
		tick := time.NewTicker(authserver.MaxLifetime / 2)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			for _, p := range d.partners {
				if !p.UserLogin {
					_, _ = d.fetchToken(ctx, p) // the next tick tries again
				}
			}
			_ = d.signIn() // nor does it matter here
		}
	}()
}

// answer is what a partner got.
type answer struct {
	status int
	body   []byte
	types  map[string]int // resources by type
	// resources are those that it holds, an OperationOutcome excepted
	resources []fhir.Reference
}

// get asks the FHIR API over HTTP.
func (d *demonstration) get(ctx context.Context, token, pathAndQuery string) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.fhirBase()+"/"+pathAndQuery, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "application/fhir+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	a := &answer{status: resp.StatusCode, types: map[string]int{}}
	if a.body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer)); err != nil {
		return nil, err
	}
	type resource struct {
		ResourceType string `json:"resourceType"`
		ID           string `json:"id"`
	}
	var bundle struct {
		resource
		Entry []struct {
			Resource resource `json:"resource"`
		} `json:"entry"`
	}
	if err := json.Unmarshal(a.body, &bundle); err != nil {
		return nil, fmt.Errorf("GET %s: the answer is no JSON", strings.SplitN(pathAndQuery, "?", 2)[0])
	}
	found := []resource{bundle.resource}
	if bundle.ResourceType == "Bundle" {
		found = nil
		for _, e := range bundle.Entry {
			found = append(found, e.Resource)
		}
	}
	for _, r := range found {
		a.types[r.ResourceType]++
		if r.ResourceType != "OperationOutcome" {
			a.resources = append(a.resources, fhir.Reference{Type: r.ResourceType, ID: r.ID})
		}
	}
	return a, nil
}

// curl is the line that repeats a request, in any folder.
func (d *demonstration) curl(p demoPartner, pathAndQuery string) string {
	file := p.tokenFile(d.dir)
	if whole, err := filepath.Abs(file); err == nil {
		file = whole
	}
	return fmt.Sprintf(`curl -s -H "Authorization: Bearer $(cat %s)" '%s/%s'`, quoted(file), d.fhirBase(), pathAndQuery)
}

// quoted is a path as a shell takes it.
func quoted(path string) string {
	if plainPath.MatchString(path) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

var plainPath = regexp.MustCompile(`^[\w/.,:@%+-]+$`)

// clientSearch is the query for a type's resources of one client.
func clientSearch(resourceType string, patient fhir.Reference, more ...string) string {
	q := url.Values{"patient": {patient.ID}}
	if resourceType == "Patient" {
		q = url.Values{"_id": {patient.ID}}
	}
	text := resourceType + "?" + q.Encode()
	for _, m := range more {
		text += "&" + m
	}
	return text
}
