package fhirapi

import (
	"net/http"
	"strings"
)

// table finds the route of a request inside a batch, as the router does that of a request alone.
type table struct {
	served              []served
	unknown, notAllowed *exchanger
}

type served struct {
	method   string
	segments []string
	x        *exchanger
}

// add adds what a batch may ask for: what a token is needed for, and no batch.
func (t *table) add(method, path string, x *exchanger) {
	if (method == http.MethodGet || method == http.MethodHead) && !x.route.public && !x.route.batch {
		t.served = append(t.served, served{method, strings.Split(path, "/"), x})
	}
}

// find gives the route of a path as it is written, and the id in it. A path that is written out goes before one with an id.
func (t *table) find(method, path string) (found *exchanger, id string) {
	segments := strings.Split(path, "/")
	found = t.unknown
	for i := range t.served {
		s := &t.served[i]
		if s.method != method {
			continue
		}
		at, ok := s.matches(segments)
		if ok && at == "" {
			return s.x, ""
		}
		if ok {
			found, id = s.x, at
		}
	}
	return found, id
}

func (s *served) matches(segments []string) (id string, ok bool) {
	if len(s.segments) != len(segments) {
		return "", false
	}
	for i, want := range s.segments {
		switch {
		case want == ":id" && segments[i] != "":
			id = segments[i]
		case want != segments[i]:
			return "", false
		}
	}
	return id, true
}
