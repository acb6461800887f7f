// Package conformance drives the running gateway: its tests build the binary, start it on a synthetic practice and talk to it over HTTP, with
// clients, validators and an issuer that nobody here wrote where there are any (npm; conformance/setup installs them, and what needs them skips
// without).
//
// It knows the gateway from outside only. Of the packages under internal it may import demo, to write into the practice's own records as the
// front desk does and to know which texts must never leave; it must not import anything that decides or releases.
package conformance
