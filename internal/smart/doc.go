// Package smart verifies SMART App Launch 2.2 access tokens (go-oidc), reads SMART scopes and builds the discovery document.
//
// A token is judged before anything of a client is read: the package must not import practice or release. Nothing in an error is from a
// token; verified tokens stay in this process.
package smart
