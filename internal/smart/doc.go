// Package smart verifies SMART App Launch 2.2 access tokens (go-oidc), reads SMART scopes and serves the discovery document.
//
// It must not import practice or release.
package smart
