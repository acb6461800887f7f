// Package fhirapi is the FHIR R4 RESTful API (R4 3.1.0): the routes, one file per interaction, and the course of a request from its token to its
// bytes:
//
//	token -> requester -> scope -> parameters -> view -> interaction -> encoded answer -> ledger -> bytes
//
// A handler is a function from a Request to an egress.Response: it never sees the connection, so it cannot write past the ledger or the
// guard. Everything it can reach of a client is a release.View.
//
// It must not import practice, mapping or encoding/json: handlers cannot reach a row or encode one.
package fhirapi
