//go:build !race

package consent_test

const slow = 1
