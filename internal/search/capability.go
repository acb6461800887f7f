package search

import (
	"encoding/json"
	"slices"
	"time"
)

// Capability is what the CapabilityStatement says of this gateway beyond the table.
type Capability struct {
	Base                          string    // absolute URL of the FHIR endpoint
	Version                       string    // of the software
	Released                      time.Time // when the software, or its configuration, last changed
	Token                         string    // absolute URL of the token endpoint, as smart-configuration names it; none if empty
	Authorize, Introspect, Revoke string    // its other endpoints, "" for those that there are not
	// Types are the resource types that the practice's records can hold. No other is stated: a search that finds nothing would say that there
	// is nothing, and of what nobody ever records nobody can say so.
	Types []string
	// Profiles are those that resources of a type may name in meta.profile.
	Profiles map[string][]string
}

// The CapabilityStatement (FHIR R4 5.2), as far as we fill it.
type (
	statement struct {
		ResourceType   string         `json:"resourceType"`
		Status         string         `json:"status"`
		Date           string         `json:"date"`
		Kind           string         `json:"kind"`
		Software       software       `json:"software"`
		Implementation implementation `json:"implementation"`
		FHIRVersion    string         `json:"fhirVersion"`
		Format         []string       `json:"format"`
		Rest           []rest         `json:"rest"`
	}
	software struct {
		Name    string `json:"name"`
		Version string `json:"version,omitempty"`
	}
	implementation struct {
		Description string `json:"description"`
		URL         string `json:"url,omitempty"`
	}
	rest struct {
		Mode          string            `json:"mode"`
		Documentation string            `json:"documentation"`
		Security      security          `json:"security"`
		Resource      []restResource    `json:"resource"`
		Interaction   []restInteraction `json:"interaction"`
		Compartment   []string          `json:"compartment"`
	}
	security struct {
		Extension   []extension `json:"extension,omitempty"`
		CORS        bool        `json:"cors"` // pages of registered origins may call all that is served (package crossorigin)
		Service     []concept   `json:"service"`
		Description string      `json:"description"`
	}
	concept struct {
		Coding []coding `json:"coding"`
	}
	coding struct {
		System string `json:"system"`
		Code   string `json:"code"`
	}
	restResource struct {
		Extension        []extension       `json:"extension,omitempty"`
		Type             string            `json:"type"`
		SupportedProfile []string          `json:"supportedProfile,omitempty"`
		Documentation    string            `json:"documentation,omitempty"`
		Interaction      []restInteraction `json:"interaction"`
		Versioning       string            `json:"versioning"`
		ConditionalRead  string            `json:"conditionalRead"`
		ReferencePolicy  []string          `json:"referencePolicy"`
		SearchInclude    []string          `json:"searchInclude,omitempty"`
		SearchRevInclude []string          `json:"searchRevInclude,omitempty"`
		SearchParam      []statementParam  `json:"searchParam,omitempty"`
		Operation        []restOperation   `json:"operation,omitempty"`
	}
	restOperation struct {
		Name       string `json:"name"`
		Definition string `json:"definition"`
	}
	restInteraction struct {
		Code string `json:"code"`
	}
	statementParam struct {
		Name       string `json:"name"`
		Definition string `json:"definition"`
		Type       string `json:"type"`
	}
	extension struct {
		URL         string      `json:"url"`
		ValueString string      `json:"valueString,omitempty"`
		ValueURI    string      `json:"valueUri,omitempty"`
		Extension   []extension `json:"extension,omitempty"`
	}
)

// operations are what can be asked beyond reads and searches, by type. Less is supported than FHIR and US Core define, so that the definitions are our
// own, on theirs (R4 CapabilityStatement.rest.resource.operation.definition).
var operations = map[string][]restOperation{
	"Patient":           {{Name: "everything", Definition: ourOperation + "Patient-everything"}},
	"DocumentReference": {{Name: "docref", Definition: ourOperation + "DocumentReference-docref"}},
}

// compartment is the CompartmentDefinition of `Patient/[id]/[type]`.
const compartment = "http://hl7.org/fhir/CompartmentDefinition/patient"

// combinationURL is the extension that names parameters to be used together.
const combinationURL = "http://hl7.org/fhir/StructureDefinition/capabilitystatement-search-parameter-combination"

// Statement gives the CapabilityStatement as FHIR JSON: what the table says can be read and searched. It does not claim to instantiate
// the US Core server: that one must create DocumentReferences, and this gateway writes nothing.
func (c Capability) Statement() ([]byte, error) {
	s := statement{
		ResourceType: "CapabilityStatement", Status: "active", Kind: "instance", FHIRVersion: "4.0.1",
		Date:     c.Released.UTC().Format(time.RFC3339),
		Format:   []string{"application/fhir+json", "json"},
		Software: software{Name: "Consentry", Version: c.Version},
		Implementation: implementation{URL: c.Base,
			Description: "Read-only gateway to a therapy practice's records: gives each requester what the client's active Consent allows."},
	}
	r := rest{Mode: "server", Interaction: []restInteraction{{"batch"}}, Compartment: []string{compartment},
		Documentation: "Read and search only. Every search names its client (patient, subject or _id), except on Patient and on the types of the " +
			"practice's own staff and sites. What may not be released is absent from every answer. The search parameters and their combinations are those " +
			"of US Core 6.1; DocumentReference cannot be created here, so full conformance to the US Core server is not claimed.",
		Security: security{Extension: c.endpoints(), CORS: true,
			Service:     []concept{{Coding: []coding{{System: "http://terminology.hl7.org/CodeSystem/restful-security-service", Code: "SMART-on-FHIR"}}}},
			Description: "SMART App Launch 2.2; see [base]/.well-known/smart-configuration."},
	}
	for i := range resources {
		if typ := resources[i].Type; slices.Contains(c.Types, typ) {
			r.Resource = append(r.Resource, c.resource(&resources[i]))
		}
	}
	r.Resource = append(r.Resource, restResource{Type: "Binary", Versioning: "no-version", ConditionalRead: "full-support", ReferencePolicy: []string{"literal", "resolves"},
		Documentation: "The content of a DocumentReference's attachment that is too long to stand in it, as it is or as FHIR JSON, whole or by Range. It is released with its document.",
		Interaction:   []restInteraction{{"read"}}})
	s.Rest = []rest{r}
	return json.Marshal(s)
}

// oauthURIs is the extension that names the authorization server's endpoints. SMART App Launch 2.2 deprecates it in favour of
// smart-configuration; clients in use take whichever of the two answers first.
const oauthURIs = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"

func (c Capability) endpoints() []extension {
	var all []extension
	for _, e := range []extension{{URL: "authorize", ValueURI: c.Authorize}, {URL: "introspect", ValueURI: c.Introspect}, {URL: "revoke", ValueURI: c.Revoke}, {URL: "token", ValueURI: c.Token}} {
		if e.ValueURI != "" {
			all = append(all, e)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return []extension{{URL: oauthURIs, Extension: all}}
}

func (c Capability) resource(r *Resource) restResource {
	out := restResource{
		Type: r.Type, SupportedProfile: c.Profiles[r.Type], Versioning: "no-version", ReferencePolicy: []string{"literal", "resolves"},
		Interaction: []restInteraction{{"read"}, {"search-type"}}, ConditionalRead: "full-support", Operation: operations[r.Type],
	}
	out.SearchInclude, out.SearchRevInclude = c.inclusions(r)
	for _, p := range r.Parameters {
		out.SearchParam = append(out.SearchParam, statementParam{Name: p.Name, Definition: p.Definition, Type: string(p.Kind)})
	}
	for _, names := range r.Combinations {
		e := extension{URL: combinationURL}
		for _, n := range names {
			e.Extension = append(e.Extension, extension{URL: "required", ValueString: n})
		}
		out.Extension = append(out.Extension, e)
	}
	return out
}

// inclusions are the values of `_include` and `_revinclude` that the type takes, the wildcard first.
func (c Capability) inclusions(r *Resource) (include, revinclude []string) {
	for i := range resources {
		of := &resources[i]
		for j := range of.Parameters {
			p := &of.Parameters[j]
			if p.Kind != Reference || of.Apart || !slices.Contains(c.Types, of.Type) {
				continue
			}
			if of == r {
				include = append(include, of.Type+":"+p.Name)
			}
			if slices.Contains(p.Targets, r.Type) && !InDirectory(r.Type) {
				revinclude = append(revinclude, of.Type+":"+p.Name)
			}
		}
	}
	return withWildcard(include), withWildcard(revinclude)
}

func withWildcard(values []string) []string {
	if len(values) == 0 {
		return nil
	}
	return append([]string{"*"}, values...)
}
