//go:build race

package consent_test

// slow is how many times slower a case is than without the race detector.
const slow = 15
