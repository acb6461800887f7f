package policy

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/google/fhir/go/fhirversion"
	"github.com/google/fhir/go/jsonformat"
	cpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/codes_go_proto"
	rpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/bundle_and_contained_resource_go_proto"
	pb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/consent_go_proto"

	"github.com/consentry/gateway/internal/fhir"
)

// ErrClient says that a text is no Consent of which the client can be told. Its whole source is refused (rule 8): whose records it
// restricts is not known.
var ErrClient = errors.New("policy: not a Consent whose client can be told")

// Compile reads one Consent. zone is the practice's zone, for dates without one. The error is ErrClient only: a Consent that cannot be
// parsed but whose client can be told is an unreadable Policy, which withholds.
func Compile(data []byte, zone *time.Location, reading *Reading) (*Policy, error) {
	if zone == nil || reading == nil {
		return nil, errors.New("policy: no zone or no reading")
	}
	modifiers, err := scan(data)
	if err != nil {
		return unreadable(data)
	}
	consent, err := parse(data)
	if err != nil || consent.GetStatus().GetValue() == cpb.ConsentStateCode_INVALID_UNINITIALIZED { // a status may be there without a value
		return unreadable(data)
	}
	c := compiler{reading: reading, zone: zone}
	c.policy = &Policy{Digest: sha256.Sum256(data), ID: fhir.Reference{Type: "Consent", ID: consent.GetId().GetValue()}}
	c.policy.Active = consent.GetStatus().GetValue() == cpb.ConsentStateCode_ACTIVE
	c.policy.Patient = party(consent.GetPatient()).Reference
	if c.policy.Patient.Type != "Patient" {
		return nil, ErrClient
	}
	if modifiers {
		c.doubt("modifierExtension")
	}
	c.head(consent)
	c.policy.Root = c.root(consent)
	slices.SortFunc(c.policy.boundaries, time.Time.Compare)
	c.policy.boundaries = slices.CompactFunc(c.policy.boundaries, time.Time.Equal)
	return c.policy, nil
}

// parse reads the Consent with google/fhir, which refuses what is not valid R4. Its errors may hold values and are dropped.
func parse(data []byte) (*pb.Consent, error) {
	u, err := jsonformat.NewUnmarshaller("UTC", fhirversion.R4)
	if err != nil {
		return nil, err
	}
	u.MaxNestingDepth = maxDepth
	m, err := u.Unmarshal(data)
	if err != nil {
		return nil, errShape
	}
	r, ok := m.(*rpb.ContainedResource)
	if !ok || r.GetConsent() == nil {
		return nil, errShape
	}
	return r.GetConsent(), nil
}

// unreadable is the Policy of a Consent that cannot be parsed, found by a tolerant second look at whose it is.
func unreadable(data []byte) (*Policy, error) {
	var look struct {
		ResourceType string          `json:"resourceType"`
		ID           json.RawMessage `json:"id"`
		Patient      *onceObject     `json:"patient"`
	}
	if json.Unmarshal(data, &look) != nil || look.ResourceType != "Consent" || look.Patient == nil || look.Patient.twice {
		return nil, ErrClient
	}
	ref, ok := fhir.ParseReference(look.Patient.Reference)
	if !ok || ref.Type != "Patient" || look.Patient.Type != "" && look.Patient.Type != ref.Type {
		return nil, ErrClient
	}
	p := &Policy{Digest: sha256.Sum256(data), Patient: ref, Unreadable: true, Notes: []string{"cannot be parsed"}}
	var id string
	if json.Unmarshal(look.ID, &id) == nil && fhir.IsID(id) {
		p.ID = fhir.Reference{Type: "Consent", ID: id}
	}
	return p, nil
}

// onceObject is a patient reference that notices when it is given twice: then nobody can say which one counts.
type onceObject struct {
	Reference, Type string
	seen, twice     bool
}

// UnmarshalJSON reads the reference of a patient element.
func (o *onceObject) UnmarshalJSON(data []byte) error {
	o.twice, o.seen = o.seen, true
	if _, err := scan(data); err != nil {
		return err
	}
	var v struct {
		Reference string `json:"reference"`
		Type      string `json:"type"`
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	o.Reference, o.Type = v.Reference, v.Type
	return nil
}

// compiler gathers what one Consent says.
type compiler struct {
	reading *Reading
	zone    *time.Location
	policy  *Policy
}

func (c *compiler) doubt(where string) {
	c.policy.Doubt = true
	c.note(where)
}

func (c *compiler) silence(where string) {
	c.policy.Silenced = true
	c.note(where)
}

func (c *compiler) note(where string) {
	if !slices.Contains(c.policy.Notes, where) {
		c.policy.Notes = append(c.policy.Notes, where)
	}
}

// boundary remembers an instant at which something begins or ends.
func (c *compiler) boundary(i fhir.Interval) {
	for _, t := range []time.Time{i.Start, i.End} {
		if !t.IsZero() {
			c.policy.boundaries = append(c.policy.boundaries, t)
		}
	}
}
