package charts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
)

// Object is a JSON object.
type Object = map[string]any

// Practice is what stands in one folder.
type Practice struct {
	Resources []Object
	// Clients are the ids of the Patients.
	Clients []string
}

// Own is the id of the practice's own Organization.
const Own = "org-own"

// Partner is somebody who may ask.
type Partner struct {
	ID, Kind, NPI, Purpose string
	// Organization is the id of the partner's Organization in the folder.
	Organization string
	// Name is that of the register, empty for none.
	Name string
}

// Partners are those whom the Consents name. The first is permitted everything.
var Partners = []Partner{
	{"everybody", "provider", "1093817465", "TREAT", "org-everybody", ""},
	{"harbor", "provider", "1234567893", "TREAT", "org-harbor", "Harbor 'Family' Medicine"},
	{"dawn", "provider", "1982736450", "TREAT", "org-dawn", "New Dawn"},
	{"plan", "payer", "1679576722", "HPAYMT", "org-plan", ""},
}

// IdentifierSystem is that of the identifiers which repeat the source's own "Type/id".
const IdentifierSystem = "urn:consentry:source"

// NPI of the practice.
const NPI = "1497758544"

const npiSystem = "http://hl7.org/fhir/sid/us-npi"

type maker struct {
	*rand.Rand
	p *Practice
	// of is the client whose chart is being made; ids holds the ids of its records by type.
	of  string
	ids map[string][]string
	// foreign says that the clients and the practice are somebody else's.
	foreign bool
}

// Make makes a practice.
func Make(seed uint64) *Practice {
	m := &maker{Rand: rand.New(rand.NewPCG(seed, 7)), p: &Practice{}}
	m.directory()
	for i := range 4 {
		m.p.Clients = append(m.p.Clients, fmt.Sprintf("pat-%d", i))
	}
	m.shared()
	for _, c := range m.p.Clients {
		m.chart(c)
	}
	m.consents()
	return m.p
}

// Files are the resources as files of NDJSON, by name.
func (p *Practice) Files() map[string][]byte {
	files := map[string][]byte{}
	for _, r := range p.Resources {
		var line bytes.Buffer
		enc := json.NewEncoder(&line)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(r); err != nil {
			panic(err)
		}
		name := r["resourceType"].(string) + ".000.ndjson"
		files[name] = append(files[name], line.Bytes()...)
	}
	return files
}

// add puts a resource into the folder and gives its id.
func (m *maker) add(typ, id string, r Object) string {
	r["resourceType"], r["id"] = typ, id
	if !slices.Contains([]string{"Provenance", "Group"}, typ) {
		own, _ := r["identifier"].([]any)
		r["identifier"] = append(own, Object{"system": IdentifierSystem, "value": typ + "/" + id})
	}
	m.meta(r)
	for k, v := range r {
		if l, is := v.([]any); v == nil || is && len(l) == 0 {
			delete(r, k)
		}
	}
	m.p.Resources = append(m.p.Resources, r)
	if m.ids != nil {
		m.ids[typ] = append(m.ids[typ], id)
	}
	return id
}

// meta gives some resources a time of change and labels of the source's own.
func (m *maker) meta(r Object) {
	meta, _ := r["meta"].(Object)
	if meta == nil {
		meta = Object{}
	}
	if m.chance(60) {
		meta["lastUpdated"] = pick(m, "2026-10-01T08:00:00Z", "2026-10-01T08:00:00.250-04:00", "2026-10-02T00:30:00-04:00", "2026-11-03T23:59:59Z", "2025-01-31T10:00:00+02:00")
	}
	if len(meta) > 0 {
		r["meta"] = meta
	}
}

// ofProgramme marks some records as those of a substance use disorder program.
func (m *maker) ofProgramme(percent int, r Object) Object {
	if m.chance(percent) {
		r["meta"] = Object{"security": some(code(actCode, "42CFRPart2"))}
	}
	return r
}

func (m *maker) chance(percent int) bool { return m.IntN(100) < percent }

func pick[T any](m *maker, from ...T) T { return from[m.IntN(len(from))] }

// maybe gives the value sometimes, and nothing otherwise.
func (m *maker) maybe(percent int, v any) any {
	if m.chance(percent) {
		return v
	}
	return nil
}

func ref(to string) Object { return Object{"reference": to} }

func code(system, code string) Object { return Object{"system": system, "code": code} }

func concept(codings ...any) Object { return Object{"coding": codings} }

func some(values ...any) []any { return values }
