package consent

import (
	"encoding/json"
	"maps"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/mapping/fhirsource"
	"github.com/consentry/gateway/internal/release/facts"
	"github.com/consentry/gateway/internal/release/label"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/profiles"
)

// required are the elements without which a resource of the type is no FHIR.
var required = map[string]string{
	"Observation":       `{"status":"final","code":{"text":"x"}}`,
	"DocumentReference": `{"status":"current","content":[{"attachment":{"contentType":"text/plain"}}]}`,
	"Encounter":         `{"status":"finished","class":{"code":"AMB"}}`,
	"CareTeam":          `{}`,
	"Condition":         `{}`,
	"MedicationRequest": `{"status":"active","intent":"order","medicationCodeableConcept":{"text":"x"}}`,
	"Provenance":        `{"recorded":"2026-03-02T10:00:00Z","agent":[{"who":{"reference":"Practitioner/dr"}}]}`,
	"Consent":           `{"status":"active","scope":{"text":"x"},"category":[{"text":"x"}],"policy":[{"uri":"https://example.org/policy"}]}`,
}

var theTypes = func() *facts.Types {
	t, err := facts.LoadTypes(profiles.FS)
	if err != nil {
		panic(err)
	}
	return t
}()

// read makes a record of FHIR, as `gateway explain` reads it.
func (r recordText) read(zone *time.Location) stage.Labeled {
	self, o := ref(r.Is), object{}
	if err := json.Unmarshal([]byte(required[self.Type]), &o); err != nil {
		panic("no example of " + self.Type)
	}
	o["resourceType"], o["id"], o["meta"] = self.Type, self.ID, object{"security": codings(labelKeys(r.Labels))}
	switch self.Type {
	case "Provenance":
	case "Consent":
		o["patient"] = object{"reference": theClient}
	default:
		o["subject"] = object{"reference": theClient}
	}
	maps.Copy(o, r.FHIR)
	text, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	options := fhirsource.Options{Zone: zone, Types: theTypes, Origin: stage.Origin{Listed: true}}
	if self.Type == "Provenance" { // it is about whom its targets are about, which are not here
		options.Subject, options.Clients = ref(theClient), []fhir.Reference{ref(theClient)}
	}
	c, err := fhirsource.Candidate(text, options)
	if err != nil {
		panic(err)
	}
	return label.AsTheyStand([]stage.Candidate{c})[0]
}
