// Leaks tries the known leaks of FHIR servers, gateways and consent engines on a running gateway, one check (a line) for each, and says for each
// what was tried and whether something came out that should not.
//
//	go run ./conformance/leaks --manifest .demo/demo.json [--target http://127.0.0.1:8080/fhir]
//
// The manifest is the demo.json that `gateway demo` writes: it names the partners with their keys, the clients, those of them who use an app of
// their own, and the practice's databases. The program asks as each of the partners, and as clients in person, and compares: with what the practice's own records allow at most, with what the others get, and with what
// is said about clients and records that never existed. It launches the demo's app, too, and signs in at the demo's portal. A line that finds nothing to try itself on counts as a failure. It imports nothing of
// the gateway.
//
// The lines about consents, notes and files that change write into the demo's practice, as its front desk would, and put everything back; --read-only leaves them out.
package main
