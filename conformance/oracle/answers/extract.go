package answers

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/consentry/gateway/conformance/oracle"
)

// terms are what a requester may know of one Consent.
type terms struct {
	oracle.Terms
	consent, client, recipient string
	times                      []string // of the permits, in words
	shown                      bool     // the requester can read the extract
}

const (
	extractProfile = "https://consentry.dev/fhir/StructureDefinition/consentry-consent-extract"
	vocabularies   = "http://terminology.hl7.org/CodeSystem/"
	actCode        = vocabularies + "v3-ActCode"
	part2          = "42CFRPart2"
)

// extracts adds the extract of every Consent by which something is shown (rule 22), and says by which Consents each record is. A minimal Patient is shown
// by all of them.
func (w *World) extracts(q *Requester, p permission, v *View, all map[string]decided) {
	v.terms, v.under = map[string]*terms{}, map[string][]string{}
	grounds := map[string][]oracle.Ground{}
	for ref := range v.Records {
		for _, g := range all[ref].grounds {
			grounds[g.Consent] = append(grounds[g.Consent], g)
			if !slices.Contains(v.under[ref], g.Consent) {
				v.under[ref] = append(v.under[ref], g.Consent)
			}
		}
	}
	consents := slices.Sorted(maps.Keys(grounds))
	if v.Records[v.Client] != nil && !all[v.Client].released {
		v.under[v.Client] = consents
	}
	for _, ref := range consents {
		t, err := oracle.TermsOf(w.consent(ref), grounds[ref], w.Zone)
		if err != nil {
			panic(err)
		}
		v.terms[ref] = &terms{Terms: t, consent: ref, client: v.Client, recipient: cmp.Or(q.Registered, text(q.Who["partnerId"]))}
		for _, p := range t.Permits {
			v.terms[ref].times = append(v.terms[ref].times, w.inWords(p.From, p.To))
		}
		x := w.extract(q, v.terms[ref])
		if w.mayExtract(q, ref) && w.allowed(q, p, x) {
			v.Records[ref], v.under[ref], v.terms[ref].shown = x, []string{ref}, true
		}
	}
}

// consent is a Consent of the source, by the name that leaves.
func (w *World) consent(ref string) json.RawMessage {
	i := slices.IndexFunc(w.consents, func(raw json.RawMessage) bool {
		o, err := Decode(raw)
		return err == nil && refOf(o) == ref
	})
	return w.consents[i]
}

// mayExtract says whether the rules before any Consent let the requester know of a Consent: all but that of its scopes, which are asked of the extract.
func (w *World) mayExtract(q *Requester, ref string) bool {
	if w.reasons[q.Name] == nil {
		w.reasons[q.Name] = map[string]string{}
		for _, l := range w.lines(q.Who, "system/*.r") {
			w.reasons[q.Name][l.Resource] = l.Reason
		}
	}
	reason := w.reasons[q.Name][ref]
	return reason != "" && !slices.Contains([]string{"psychotherapy-note", "unclassified", "purpose", "restriction"}, reason)
}

// extract is what the requester gets in the place of a Consent.
func (w *World) extract(q *Requester, t *terms) Object {
	labels, rule := []any{coded(vocabularies+"v3-Confidentiality", "R")}, coded(actCode, "OPTIN")
	switch {
	case t.Part2:
		labels, rule = append(labels, coded(actCode, part2)), coded(actCode, "42CFRPart2CD")
	case t.Authorization:
		rule = coded(vocabularies+"consentpolicycodes", "hipaa-auth")
	}
	return Object{
		"resourceType": "Consent", "id": idOf(t.consent), "meta": Object{"profile": []any{extractProfile}, "security": labels}, "status": "active",
		"scope": concept(coded(vocabularies+"consentscope", "patient-privacy")), "category": []any{concept(coded(actCode, "IDSCL"))},
		"patient": Object{"reference": t.client}, "organization": []any{Object{"identifier": w.Identifier}}, "policyRule": concept(rule), "provision": w.permits(q, t),
	}
}

// permits are one permit, or several below what they have in common: the recipient and the longest time.
func (w *World) permits(q *Requester, t *terms) Object {
	var each []any
	whole := t.Permits[0]
	for _, p := range t.Permits {
		one := Object{"type": "permit"}
		put(one, "period", w.period(p.From, p.To))
		put(one, "purpose", codings(p.Purposes))
		put(one, "class", codings(p.Classes))
		var concepts []any
		for _, c := range codings(p.Codes) {
			concepts = append(concepts, concept(c))
		}
		put(one, "code", concepts)
		each = append(each, one)
		if p.From.Before(whole.From) {
			whole.From = p.From
		}
		if p.To.IsZero() || !whole.To.IsZero() && p.To.After(whole.To) {
			whole.To = p.To
		}
	}
	root, _ := each[0].(Object)
	if len(each) > 1 {
		root = Object{"provision": each}
		put(root, "period", w.period(whole.From, whole.To))
	}
	who := Object{"display": t.recipient}
	if numbers := at(q.Who, "organization.identifier"); len(numbers) > 0 {
		who["identifier"] = numbers[0]
	}
	root["actor"] = []any{Object{"role": concept(coded(vocabularies+"v3-ParticipationType", "IRCP")), "reference": who}}
	return root
}

func coded(system, code string) Object { return Object{"system": system, "code": code} }

func concept(coding any) Object { return Object{"coding": []any{coding}} }

func codings(codes []oracle.Code) (out []any) {
	for _, c := range codes {
		out = append(out, coded(c.System, c.Code))
	}
	return out
}

// put puts what is there.
func put[T ~[]any | ~map[string]any](o Object, name string, v T) {
	if len(v) > 0 {
		o[name] = v
	}
}

func (w *World) period(from, to time.Time) Object {
	out := Object{}
	if !from.IsZero() {
		out["start"] = w.first(from)
	}
	if !to.IsZero() {
		out["end"] = w.last(to)
	}
	return out
}

func (w *World) inWords(from, to time.Time) (out string) {
	if !from.IsZero() {
		out = ", from " + w.first(from)
	}
	if to.IsZero() {
		return out + ", until revoked"
	}
	return out + ", until " + w.last(to)
}

// first and last are the sides of a period as FHIR writes them: by days of the practice where these are whole; the end is the last instant within.
func (w *World) first(t time.Time) string {
	if t = t.In(w.Zone); t.Format("15:04:05.999") == "00:00:00" {
		return t.Format("2006-01-02")
	}
	return t.Format(time.RFC3339Nano)
}

func (w *World) last(t time.Time) string {
	t = t.In(w.Zone)
	switch {
	case t.Format("15:04:05.999") == "00:00:00":
		return t.AddDate(0, 0, -1).Format("2006-01-02")
	case strings.Contains(t.Format("05.999"), "."):
		return t.Add(-time.Millisecond).Format(time.RFC3339Nano)
	}
	return t.Add(-time.Second).Format(time.RFC3339)
}
