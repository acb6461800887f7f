package demo

import "strconv"

// npi gives the nth made-up National Provider Identifier with a valid check digit: Luhn over the card issuer prefix 80840 and nine
// digits (45 CFR 162.406).
func npi(n int) string {
	base := strconv.Itoa(199_900_000 + n)
	return base + strconv.Itoa(luhn("80840"+base))
}

// luhn is the check digit (ISO/IEC 7812-1) to put behind the digits.
func luhn(digits string) int {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 0 {
			d *= 2
			if d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return (10 - sum%10) % 10
}
