package fhirjson

import (
	"encoding/json"
	"errors"
)

// BatchRequest is Bundle.entry.request of a batch (FHIR R4 3.1.0.11), as it came: texts that may be anything.
type BatchRequest struct {
	Method, URL                  string
	IfNoneMatch, IfModifiedSince string
	// Unread says that the entry is none that could be read, or holds what is not a request: a resource, a member that nobody knows.
	Unread bool
}

// Errors of a batch as a whole.
var (
	ErrBatch = errors.New("fhirjson: not a Bundle of type batch")
	ErrMany  = errors.New("fhirjson: the batch has too many entries")
)

// ParseBatch reads the requests of a Bundle of type batch, most at most. An entry that cannot be read fails alone. Nothing of a resource in it is read.
func ParseBatch(text []byte, most int) ([]BatchRequest, error) {
	whole, err := object(text, "resourceType", "id", "meta", "language", "identifier", "type", "timestamp", "link", "signature", "entry")
	if err != nil || textOf(whole["resourceType"]) != "Bundle" || textOf(whole["type"]) != "batch" {
		return nil, ErrBatch
	}
	var entries []json.RawMessage
	if whole["entry"] != nil && json.Unmarshal(whole["entry"], &entries) != nil {
		return nil, ErrBatch
	}
	if len(entries) > most {
		return nil, ErrMany
	}
	requests := make([]BatchRequest, len(entries))
	for i, e := range entries {
		requests[i] = batchRequest(e)
	}
	return requests, nil
}

func batchRequest(raw json.RawMessage) BatchRequest {
	entry, err := members(raw, "id", "link", "fullUrl", "resource", "request")
	if err != nil {
		return BatchRequest{Unread: true}
	}
	request, err := members(entry["request"], "id", "method", "url", "ifNoneMatch", "ifModifiedSince", "ifMatch", "ifNoneExist")
	if err != nil {
		return BatchRequest{Unread: true}
	}
	r := BatchRequest{
		Method: textOf(request["method"]), URL: textOf(request["url"]),
		IfNoneMatch: textOf(request["ifNoneMatch"]), IfModifiedSince: textOf(request["ifModifiedSince"]),
	}
	// Only what changes something has a resource, and without a method there is no request at all.
	r.Unread = r.Method == "" || r.URL == "" || entry["resource"] != nil && (r.Method == "GET" || r.Method == "HEAD")
	return r
}
