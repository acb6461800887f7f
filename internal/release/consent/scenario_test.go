package consent

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/internal/sealed"
	"github.com/consentry/gateway/internal/release/policy"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
	"github.com/consentry/gateway/profiles"
)

// The short form in which testdata states its cases; testdata/README.md explains it.

type object = map[string]any

type consentText struct {
	ID           string         `yaml:"id"`
	Of           string         `yaml:"of"`
	JSON         string         `yaml:"json"`
	Status       string         `yaml:"status"`
	Scope        string         `yaml:"scope"`
	Category     []string       `yaml:"category"`
	Signed       string         `yaml:"signed"`
	By           []string       `yaml:"by"`
	Organization []string       `yaml:"organization"`
	Rule         string         `yaml:"rule"`
	Verified     *bool          `yaml:"verified"`
	With         object         `yaml:"with"`
	Provision    *provisionText `yaml:"provision"`
}

type provisionText struct {
	Type       string          `yaml:"type"`
	Period     string          `yaml:"period"`
	Actor      []string        `yaml:"actor"`
	Action     []string        `yaml:"action"`
	Purpose    []string        `yaml:"purpose"`
	Label      []string        `yaml:"label"`
	Class      []string        `yaml:"class"`
	Code       []string        `yaml:"code"`
	DataPeriod string          `yaml:"dataPeriod"`
	Data       []string        `yaml:"data"`
	With       object          `yaml:"with"`
	Provision  []provisionText `yaml:"provision"`
}

type recordText struct {
	Is        string   `yaml:"is"`
	Of        string   `yaml:"of"`
	About     []string `yaml:"about"`
	Labels    []string `yaml:"labels"`
	Source    []string `yaml:"source-labels"`
	When      string   `yaml:"when"`
	Ended     string   `yaml:"ended"`
	Code      []string `yaml:"code"`
	Author    []string `yaml:"author"`
	RefersTo  []string `yaml:"refers-to"`
	Holder    string   `yaml:"practitioner"`
	Target    []string `yaml:"target"`
	Format    []string `yaml:"format"`
	Profile   []string `yaml:"profile"`
	Birth     string   `yaml:"birth"`
	Relation  []string `yaml:"relationship"`
	Period    string   `yaml:"period"`
	Active    *bool    `yaml:"active"`
	Unlisted  bool     `yaml:"unlisted"`
	Directory bool     `yaml:"directory"`
	FHIR      object   `yaml:"fhir"`
	Then      string   `yaml:"then"`
}

type whoText struct {
	As           string   `yaml:"as"`
	Kind         string   `yaml:"kind"`
	Organization string   `yaml:"organization"`
	Practitioner string   `yaml:"practitioner"`
	Purpose      []string `yaml:"purpose"`
	Registered   []string `yaml:"registered"`
	Scopes       string   `yaml:"scopes"`
	Patient      string   `yaml:"patient"`
	Person       string   `yaml:"person"`
	Unrelated    bool     `yaml:"unrelated"`    // to nobody
	UnrelatedTo  []string `yaml:"unrelated-to"` // to these clients

	// What the token takes away, as it states it.
	Consents []string `yaml:"consents"`
	Residual []any    `yaml:"residual"`
	Only     string   `yaml:"only"`
}

const theClient = "Patient/client"

var theReading = func() *policy.Reading {
	r, err := policy.LoadReading(profiles.FS)
	if err != nil {
		panic(err)
	}
	return r
}()

// fhirJSON writes a consent as the FHIR resource that it is short for.
func (c consentText) fhirJSON() []byte {
	if c.JSON != "" {
		return []byte(c.JSON)
	}
	o := object{
		"resourceType": "Consent", "id": or(c.ID, "c1"), "status": or(c.Status, "active"),
		"scope":    object{"coding": []any{coding(or(c.Scope, fhir.SystemConsentScope+"|patient-privacy"))}},
		"category": concepts(orList(c.Category, fhir.SystemActCode+"|IDSCL")),
		"patient":  object{"reference": or(c.Of, theClient)}, "dateTime": or(c.Signed, "2026-01-05"),
	}
	if c.Rule != "" {
		o["policyRule"] = concepts([]string{c.Rule})[0]
	} else {
		o["policy"] = []any{object{"uri": "https://example.org/policy"}}
	}
	set(o, "performer", references(c.By))
	set(o, "organization", references(c.Organization))
	if c.Verified != nil {
		o["verification"] = []any{object{"verified": *c.Verified}}
	}
	if c.Provision != nil {
		o["provision"] = c.Provision.object()
	}
	if c.Signed == "none" {
		delete(o, "dateTime")
	}
	for k, v := range c.With {
		o[k] = v
	}
	b, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return b
}

func (p provisionText) object() object {
	o := object{}
	if p.Type != "" {
		o["type"] = p.Type
	}
	if p.Period != "" {
		o["period"] = periodObject(p.Period)
	}
	if p.DataPeriod != "" {
		o["dataPeriod"] = periodObject(p.DataPeriod)
	}
	var actors, data, nested []any
	for _, a := range p.Actor {
		role, rest, ok := strings.Cut(a, ": ")
		if !ok {
			role, rest = "IRCP", a
		}
		actors = append(actors, object{"role": concepts([]string{fhir.SystemParticipation + "|" + role})[0], "reference": reference(rest)})
	}
	for _, d := range p.Data {
		meaning, ref, _ := strings.Cut(d, " ")
		data = append(data, object{"meaning": meaning, "reference": object{"reference": ref}})
	}
	for _, n := range p.Provision {
		nested = append(nested, n.object())
	}
	set(o, "actor", actors)
	set(o, "data", data)
	set(o, "provision", nested)
	set(o, "action", concepts(each(p.Action, fhir.SystemConsentAction)))
	set(o, "code", concepts(p.Code))
	set(o, "purpose", codings(each(p.Purpose, fhir.SystemActReason)))
	set(o, "class", codings(each(p.Class, fhir.SystemResourceTypes)))
	set(o, "securityLabel", codings(labelKeys(p.Label)))
	for k, v := range p.With {
		o[k] = v
	}
	return o
}

// labeled makes a record of its short form.
func (r recordText) labeled(zone *time.Location) stage.Labeled {
	self := ref(r.Is)
	if r.FHIR != nil {
		return r.read(zone)
	}
	f := &stage.Facts{Type: self.Type, ID: self.ID, Profiles: r.Profile, Formats: r.Format, Origin: stage.Origin{Listed: !r.Unlisted, Directory: r.Directory}}
	if !r.Directory && r.Of != "nobody" {
		f.Subject = ref(or(r.Of, theClient))
		f.Clients = []fhir.Reference{f.Subject}
		for _, a := range r.About {
			f.Clients = append(f.Clients, ref(a))
		}
		f.References = append(f.References, stage.At[fhir.Reference]{Path: "subject", Value: f.Subject})
	}
	for _, a := range r.Author {
		if a == "unknown" { // by display alone, say
			f.Authors = append(f.Authors, fhir.Reference{})
			continue
		}
		f.Authors = append(f.Authors, ref(a))
		f.References = append(f.References, stage.At[fhir.Reference]{Path: "author", Value: ref(a)})
	}
	for _, a := range r.RefersTo {
		f.References = append(f.References, stage.At[fhir.Reference]{Path: "context.encounter", Value: ref(a)})
	}
	if r.Holder != "" {
		f.References = append(f.References, stage.At[fhir.Reference]{Path: "practitioner", Value: ref(r.Holder)})
	}
	for _, a := range r.Target {
		f.References = append(f.References, stage.At[fhir.Reference]{Path: "target", Value: ref(a)})
	}
	for _, c := range r.Code {
		f.Codings = append(f.Codings, stage.At[fhir.Coding]{Path: or(theReading.Concept(self.Type), "code"), Value: keyCoding(c)})
	}
	for _, c := range r.Relation {
		f.Codings = append(f.Codings, stage.At[fhir.Coding]{Path: "relationship", Value: fhir.Coding{System: fhir.SystemRoleCode, Code: c}})
	}
	if r.Active != nil {
		f.Codings = append(f.Codings, stage.At[fhir.Coding]{Path: "active", Value: fhir.Coding{Code: fmt.Sprint(*r.Active)}})
	}
	if r.Birth != "" {
		f.Dates = append(f.Dates, stage.At[fhir.Interval]{Path: "birthDate", Value: span(r.Birth, zone)})
	}
	if r.Period != "" {
		f.Dates = append(f.Dates, stage.At[fhir.Interval]{Path: "period", Value: span(r.Period, zone)})
	}
	for _, s := range labelKeys(r.Source) {
		f.SourceLabels = append(f.SourceLabels, keyCoding(s))
	}
	f.When = r.when(self.Type, zone)
	return seal(f, labelKeys(r.Labels))
}

func (r recordText) when(resourceType string, zone *time.Location) stage.When {
	var w stage.When
	switch resourceType {
	case "Patient", "RelatedPerson", "Practitioner", "Organization":
		w.Timeless = true
	case "Condition", "CarePlan", "Goal", "MedicationRequest":
		w.State = true
	}
	if r.When == "" {
		return w
	}
	w.Known, w.Interval = true, span(r.When, zone)
	if w.State {
		w.Interval = fhir.Interval{Start: w.Start}
		switch r.Ended {
		case "":
		case "unknown":
			w.EndUnknown = true
		default:
			w.Interval.End = span(r.Ended, zone).End
		}
	}
	return w
}

func seal(f *stage.Facts, labels []string) stage.Labeled {
	c, err := stage.New([]byte(`{"meta":{"profile":[]}}`), 20, f)
	if err != nil {
		panic(err)
	}
	var list []fhir.Coding
	for _, l := range labels {
		list = append(list, keyCoding(l))
	}
	return sealed.Label(c, list, nil)
}

// requester makes the one who asks.
func (w whoText) requester() *requester.Requester {
	r := &requester.Requester{
		PartnerID: w.As, Kind: requester.Kind(w.Kind), Organization: party(w.Organization), Scopes: smart.ParseScopes(w.Scopes),
		Purposes: keyCodings(each(w.Purpose, fhir.SystemActReason)),
	}
	r.Registered = r.Purposes
	if w.Registered != nil {
		r.Registered = keyCodings(each(w.Registered, fhir.SystemActReason))
	}
	if w.Practitioner != "" {
		p := party(w.Practitioner)
		r.Practitioner = &p
	}
	r.Patient, _ = fhir.ParseReference(w.Patient)
	r.Person, _ = fhir.ParseReference(w.Person)
	r.Consents, r.Residual = w.Consents, rules(w.Residual)
	r.Only, _ = fhir.ParseReference(w.Only)
	return r
}

// rules reads residual rules as a token states them.
func rules(stated []any) []smart.ResidualRule {
	text, err := json.Marshal(stated)
	if err != nil {
		panic(err)
	}
	read, ok := smart.ParseResidual(text, "")
	if !ok {
		panic("no rules")
	}
	return read
}

// party reads "Organization/x npi:1", either part of which may be missing.
func party(s string) requester.Party {
	var p requester.Party
	for part := range strings.FieldsSeq(s) {
		if id, ok := strings.CutPrefix(part, "npi:"); ok {
			p.Identifiers = append(p.Identifiers, fhir.Identifier{System: fhir.SystemNPI, Value: id})
		} else {
			p.Reference = ref(part)
		}
	}
	return p
}

// reference reads "Organization/x npi:1", or "Organization npi:1" for the type without a reference.
func reference(s string) object {
	o := object{}
	for part := range strings.FieldsSeq(s) {
		id, isNPI := strings.CutPrefix(part, "npi:")
		switch {
		case isNPI:
			o["identifier"] = object{"system": fhir.SystemNPI, "value": id}
		case strings.Contains(part, "/"):
			o["reference"] = part
		default:
			o["type"] = part
		}
	}
	return o
}

func references(list []string) []any {
	var out []any
	for _, s := range list {
		out = append(out, reference(s))
	}
	return out
}

func ref(s string) fhir.Reference {
	r, ok := fhir.ParseReference(s)
	if !ok {
		panic("no reference: " + s)
	}
	return r
}

// each puts the code system before codes that have none.
func each(list []string, system string) []string {
	var out []string
	for _, s := range list {
		if !strings.Contains(s, "|") {
			s = system + "|" + s
		}
		out = append(out, s)
	}
	return out
}

func labelKeys(list []string) []string {
	var out []string
	for _, s := range list {
		if len(s) == 1 {
			s = fhir.SystemConfidentiality + "|" + s
		}
		out = append(out, s)
	}
	return each(out, fhir.SystemActCode)
}

func keyCoding(key string) fhir.Coding {
	i := strings.LastIndexByte(key, '|')
	return fhir.Coding{System: key[:max(i, 0)], Code: key[i+1:]}
}

func keyCodings(keys []string) []fhir.Coding {
	var out []fhir.Coding
	for _, k := range keys {
		out = append(out, keyCoding(k))
	}
	return out
}

func coding(key string) object {
	c := keyCoding(key)
	return object{"system": c.System, "code": c.Code}
}

func codings(keys []string) []any {
	var out []any
	for _, k := range keys {
		out = append(out, coding(k))
	}
	return out
}

func concepts(keys []string) []any {
	var out []any
	for _, k := range keys {
		if strings.Contains(k, "|") {
			out = append(out, object{"coding": []any{coding(k)}})
		} else {
			out = append(out, object{"text": k})
		}
	}
	return out
}

func periodObject(s string) object {
	start, end, _ := strings.Cut(s, "..")
	o := object{}
	if start != "" {
		o["start"] = start
	}
	if end != "" {
		o["end"] = end
	}
	return o
}

// span reads "2026-03-02" or "2026-03-02..2026-03-04".
func span(s string, zone *time.Location) fhir.Interval {
	start, end, two := strings.Cut(s, "..")
	if !two {
		end = start
	}
	i, err := fhir.ParsePeriod(start, end, zone)
	if err != nil {
		panic(err)
	}
	return i
}

func set(o object, key string, list []any) {
	if len(list) > 0 {
		o[key] = list
	}
}

func or(s, standard string) string {
	if s == "" {
		return standard
	}
	return s
}

func orList(list []string, standard string) []string {
	if list == nil {
		return []string{standard}
	}
	return list
}

// failer is a *testing.T, *testing.B or *rapid.T.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func mustCompile(t failer, c consentText, zone *time.Location) *policy.Policy {
	t.Helper()
	p, err := policy.Compile(c.fhirJSON(), zone, theReading)
	if err != nil {
		t.Fatalf("consent %s: %v", c.ID, err)
	}
	return p
}
