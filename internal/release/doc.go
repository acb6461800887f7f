// Package release is the release of information: from a requester and the id of something in a client's chart to the View, what this
// requester may see of this chart now. Every FHIR interaction is a function of a View; what is withheld is not in it, so nothing can
// count, include, sort by, link to or hint at it.
//
//	requester -> Consents (fresh) -> chart (labeled) -> decision -> references to what is gone removed -> View
//
// Consents are looked at before any chart: a client without an applicable Consent costs and looks the same as one who does not exist.
//
// It must not import gin or egress: nothing is written here.
package release
