package ledger

import "strings"

// actReason is the code system of purposes of use (HL7 v3 ActReason).
const actReason = "http://terminology.hl7.org/CodeSystem/v3-ActReason"

// unaccounted are the purposes of treatment, payment and health care operations, which an accounting leaves out (45 CFR
// 164.528(a)(1)(i)). A narrower purpose that is not listed is accounted for: a line too many does no harm.
var unaccounted = map[string]bool{
	actReason + "|TREAT": true, actReason + "|ETREAT": true, actReason + "|CAREMGT": true, actReason + "|COC": true,
	actReason + "|HPAYMT": true, actReason + "|COVERAGE": true, actReason + "|ELIGDTRM": true, actReason + "|CLMATTCH": true,
	actReason + "|HOPERAT": true,
}

// Accountable tells whether the accounting of disclosures that a client may ask for (45 CFR 164.528) lists a disclosure: one that told
// something, not to the individual, not under an authorisation of the individual, and not for treatment, payment or operations alone.
// Purposes are "system|code"; none at all counts as unknown, and is listed.
func Accountable(purposes []string, toIndividual, underAuthorisation bool) bool {
	if toIndividual || underAuthorisation {
		return false
	}
	for _, p := range purposes {
		if !unaccounted[strings.TrimSpace(p)] {
			return true
		}
	}
	return len(purposes) == 0
}
