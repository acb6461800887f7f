package fhirsource

import (
	"slices"
	"strings"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/practice/files"
	"github.com/consentry/gateway/internal/release/stage"
)

// entry is what is kept in memory of one line: where it stands and whom it is about, never its body.
type entry struct {
	ref     fhir.Reference // as the source says it
	file    *files.File
	place   files.Place
	line    int32
	verdict verdict
	kind    string           // of a note
	clients []fhir.Reference // Patients, and Groups until their members are known, as the source says them
	links   *links           // nil for most
}

// links are what has to be known of some resources before any chart is read.
type links struct {
	targets      []fhir.Reference // of a Provenance
	members      []fhir.Reference // of a Group
	organization []fhir.Reference // the organisation of a role, a part or a site
	practitioner []fhir.Reference // of a role
	ties         []tie
	identifiers  []fhir.Identifier // of the resource itself
	binaries     []fhir.Reference  // that hold the content of a document
}

// belonging are the elements that say to which organisation somebody or something belongs.
var belonging = map[string]string{"PractitionerRole": "organization", "Organization": "partOf", "Location": "managingOrganization"}

// linksOf finds what has to be known of a resource besides whom it is about.
func linksOf(f *stage.Facts, group []fhir.Reference, ties []tie) *links {
	l := &links{members: group, ties: ties}
	if path, ok := belonging[f.Type]; ok {
		l.organization = referencesAt(f, path)
	}
	switch f.Type {
	case "PractitionerRole":
		l.practitioner = referencesAt(f, "practitioner")
	case "Provenance":
		l.targets = referencesAt(f, "target")
	case "DocumentReference":
		l.binaries = binariesOf(f)
	}
	if slices.Contains(identityTypes, f.Type) {
		l.identifiers = identifiersAt(f, "identifier")
	}
	if len(l.targets)+len(l.members)+len(l.organization)+len(l.practitioner)+len(l.ties)+len(l.identifiers)+len(l.binaries) == 0 {
		return nil
	}
	return l
}

// referencesAt gives the references at a path that can be followed.
func referencesAt(f *stage.Facts, path string) (refs []fhir.Reference) {
	for _, r := range f.References {
		if r.Path == path && r.Value != (fhir.Reference{}) {
			refs = append(refs, cloned(r.Value))
		}
	}
	return refs
}

func identifiersAt(f *stage.Facts, path string) (ids []fhir.Identifier) {
	for _, i := range f.Identifiers {
		if i.Path == path && i.Value.System != "" {
			ids = append(ids, fhir.Identifier{System: strings.Clone(i.Value.System), Value: strings.Clone(i.Value.Value)})
		}
	}
	return ids
}

// cloned lets go of the line that a reference was read from.
func cloned(r fhir.Reference) fhir.Reference {
	return fhir.Reference{Type: strings.Clone(r.Type), ID: strings.Clone(r.ID)}
}

// sameClients lets the entries of one client share one list.
type sameClients map[fhir.Reference][]fhir.Reference

func (s sameClients) of(list []fhir.Reference) []fhir.Reference {
	switch len(list) {
	case 0:
		return nil
	case 1:
		if _, known := s[list[0]]; !known {
			c := cloned(list[0])
			s[c] = []fhir.Reference{c}
		}
		return s[list[0]]
	}
	out := make([]fhir.Reference, len(list))
	for i, r := range list {
		out[i] = cloned(r)
	}
	return out
}

// asThemselves lets Groups stand for their members until those are known.
func asThemselves(group fhir.Reference) []fhir.Reference { return []fhir.Reference{group} }
