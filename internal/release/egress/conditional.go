package egress

import (
	"cmp"
	"net/http"
	"time"
)

// UnlessModified turns a read into a 304 if the resource has not changed since an instant, which is in whole seconds; zero is never. The date is the
// record's own. It does not tell when a part of it began to be shown or withheld, as the entity tag does, and it must not: whether a part is withheld
// is nothing that an answer may depend on.
func (a *Answer) UnlessModified(since time.Time) {
	if a.Status != http.StatusOK || since.IsZero() || a.lastModified.IsZero() {
		return
	}
	if !a.lastModified.Truncate(time.Second).After(since) {
		a.Status, a.body = http.StatusNotModified, nil
	}
}

// Form is how an answer in FHIR JSON names what it is, if it was asked for in any way but the plain one.
type Form struct {
	// General is the content type that the requester takes instead of FHIR's own (R4 3.1.0.1.9), empty for none.
	General string
	// Versioned states the version of FHIR (R4 3.1.0.1.10).
	Versioned bool
}

// Named names what is FHIR JSON as it was asked for.
func (a *Answer) Named(f Form) {
	if a.contentType != FHIRJSON || f == (Form{}) {
		return
	}
	a.contentType = cmp.Or(f.General, "application/fhir+json")
	if f.Versioned {
		a.contentType += "; fhirVersion=4.0"
	}
	a.contentType += "; charset=utf-8"
}

// NotAfter makes an answer from what says to have changed in the future state the time of the answer instead (RFC 9110 section 8.8.2.1): a source's
// clock may be fast.
func (a *Answer) NotAfter(now time.Time) {
	if len(a.modified) > 0 && a.lastModified.After(now) {
		a.modified = []string{now.UTC().Format(http.TimeFormat)}
	}
}
