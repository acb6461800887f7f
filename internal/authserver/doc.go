// Package authserver is the built-in SMART authorization server: SMART Backend Services 2.2 (client_credentials with private_key_jwt) for
// the partners of the register. It serves demos and practices without an issuer of their own.
//
// It must not import practice or release: who issues tokens reads no record. A token says what a partner may ask; what it gets, the
// client's Consents decide.
package authserver
