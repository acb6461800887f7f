package ident_test

import (
	"bytes"
	"testing"

	"github.com/consentry/gateway/internal/ident"
)

// FuzzOpenID: an id opens only to the client that it was sealed for, and only as it was written.
func FuzzOpenID(f *testing.F) {
	s := sealer(f, 7)
	sealed := map[string]string{}
	for _, client := range []string{"7", "8", "0f8fad5b-d9cb-469f-a165-70867728950e"} {
		id, err := s.Seal("Patient", client, "patient", client)
		if err != nil {
			f.Fatal(err)
		}
		sealed[id] = client
		f.Add("Patient", id)
		f.Add("Condition", id)
		f.Add("Patient", id+"a")
		f.Add("Patient", id[1:])
	}
	f.Fuzz(func(t *testing.T, resourceType, id string) {
		client, ok := s.Open(resourceType, id)
		if want := sealed[id]; ok != (resourceType == "Patient" && want != "") || client != want && ok || !ok && client != "" {
			t.Errorf("%s/%s opens: %v", resourceType, id, ok)
		}
	})
}

// FuzzOpenPage: a page token opens only with what it was sealed with.
func FuzzOpenPage(f *testing.F) {
	p, err := ident.NewPages(bytes.Repeat([]byte{3}, ident.PageKeySize), bytes.Repeat([]byte{4}, ident.PageKeySize))
	if err != nil {
		f.Fatal(err)
	}
	token, err := p.Seal([]byte("position"), "requester", "Condition")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token, "requester", "Condition")
	f.Add(token, "requesterC", "ondition")
	f.Add(token+"A", "requester", "Condition")
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, text, who, what string) {
		position, err := p.Open(text, who, what)
		if (err == nil) != (text == token && who == "requester" && what == "Condition") || err == nil && string(position) != "position" {
			t.Errorf("%q opens for %q, %q: %v", text, who, what, err)
		}
	})
}
