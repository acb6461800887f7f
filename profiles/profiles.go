// Package profiles embeds the data that the gateway decides and maps by: the FHIR profiles of ours, where the tokens of issuers say what, the maps, the label rules, what apps ask for in plain words, the purpose
// rules and the reading of Consents. Clinic IT and the privacy officer can read and change these files: `gateway serve` takes a folder of
// the same shape.
package profiles

//go:generate env CONSENTRY_WRITE_SCHEMAS=1 go test -count=1 -run Schema ../cmd/gateway ../internal/requester ../internal/mapping ../internal/mapping/fhirsource ../internal/release/label ../internal/release/facts ../internal/release/policy ../internal/ledger/accounting ../internal/smart ../internal/authserver/launch

import "embed"

// FS holds the folders fhir, issuers, labels, launch, maps, policies and purposes as they are shipped, and in schema the JSON Schemas of the files that people write.
//
//go:embed fhir issuers labels launch maps policies purposes schema
var FS embed.FS
