// Package serving stands between the network and a handler: TLS with a certificate that is read again when its files change, and the bounds of what any
// client can hold of this process by stalling, by reading slowly or by asking for too much at once.
//
// It must not import anything of ours but outcome: it reads no request further than its header, and knows nothing of what is asked for.
package serving
