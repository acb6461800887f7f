// Package egress is the way out (in policy terms, the enforcement point, PEP): the only package that reads a released body. It encodes an
// answer as a whole before anything is written, by splicing encoded bodies, and examines every body with the final guard (wall 6).
//
// What can be answered is a closed sum, Response: a value that is not one of its variants is refused with 500.
//
// It must not import practice or mapping. The arch test holds who may call sealed.Open, sealed.Reshape and sealed.Extract: this package and nobody else.
package egress
