// Package profiles embeds the data that the gateway decides and maps by: the FHIR profiles of ours, the maps, the label rules, the purpose
// rules and the reading of Consents. Clinic IT and the privacy officer can read and change these files: `gateway serve` takes a folder of
// the same shape.
package profiles

import "embed"

// FS holds the folders fhir, labels, maps, policies and purposes as they are shipped.
//
//go:embed fhir labels maps policies purposes
var FS embed.FS
