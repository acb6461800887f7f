package egress

import (
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

// StateVersion states the version of FHIR in the content type (R4 3.1.0.1.10).
func (a *Answer) StateVersion() {
	if a.contentType == FHIRJSON {
		a.contentType = versionedFHIRJSON
	}
}

// NotAfter makes an answer from what says to have changed in the future state the time of the answer instead (RFC 9110 section 8.8.2.1): a source's
// clock may be fast.
func (a *Answer) NotAfter(now time.Time) {
	if len(a.modified) > 0 && a.lastModified.After(now) {
		a.modified = []string{now.UTC().Format(http.TimeFormat)}
	}
}
