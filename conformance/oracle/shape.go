package oracle

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"
)

// shapes are the elements that a Consent may hold (FHIR R4), each with its type: `*` repeats, `!` is required. What holds anything else cannot
// be parsed. A type in capitals is one of these; extensions and contained resources may hold anything.
var shapes = map[string]string{
	"Consent": "resourceType:code! id:id meta:Meta implicitRules:uri language:code text:Narrative contained:any* extension:any* modifierExtension:any* " +
		"identifier:Identifier* status:status! scope:Concept! category:Concept*! patient:Reference dateTime:date performer:Reference* " +
		"organization:Reference* sourceAttachment:Attachment sourceReference:Reference policy:Policy* policyRule:Concept " +
		"verification:Verification* provision:Provision",
	"Policy":       "authority:uri uri:uri",
	"Verification": "verified:bool! verifiedWith:Reference verificationDate:date",
	"Provision": "type:kind period:Period actor:Actor* action:Concept* securityLabel:Coding* purpose:Coding* class:Coding* code:Concept* " +
		"dataPeriod:Period data:Data* provision:Provision*",
	"Actor":      "role:Concept! reference:Reference!",
	"Data":       "meaning:meaning! reference:Reference!",
	"Concept":    "coding:Coding* text:string",
	"Coding":     "system:uri version:string code:code display:string userSelected:bool",
	"Reference":  "reference:string type:uri identifier:Identifier display:string",
	"Identifier": "use:code type:Concept system:uri value:string period:Period assigner:Reference",
	"Period":     "start:date end:date",
	"Meta":       "versionId:id lastUpdated:date source:uri profile:uri* security:Coding* tag:Coding*",
	"Narrative":  "status:code! div:string!",
	"Attachment": "contentType:code language:code data:string url:uri size:number hash:string title:string creation:date",
}

var backbone = []string{"Policy", "Verification", "Provision", "Actor", "Data"}

var enums = map[string][]string{
	"status":  {"draft", "proposed", "active", "rejected", "inactive", "entered-in-error"},
	"kind":    {"deny", "permit"},
	"meaning": {"instance", "related", "dependents", "authoredby"},
}

var idForm = regexp.MustCompile(`^[A-Za-z0-9.-]{1,64}$`)

// wellFormed says whether a Consent can be parsed as FHIR R4.
func wellFormed(c object) bool { return fits("Consent", c) }

func fits(shape string, v any) bool {
	switch shape {
	case "any":
		return v != nil
	case "bool":
		_, ok := v.(bool)
		return ok
	case "number":
		_, ok := v.(json.Number)
		return ok
	case "id":
		return idForm.MatchString(text(v))
	case "date":
		_, ok := rule19Date(text(v), time.UTC)
		return ok
	case "string", "uri":
		_, ok := v.(string)
		return ok
	case "code":
		return text(v) != ""
	case "status", "kind", "meaning":
		return slices.Contains(enums[shape], text(v))
	}
	o, ok := v.(object)
	return ok && fitsObject(shape, o)
}

func fitsObject(shape string, o object) bool {
	known := map[string]string{"id": "string", "extension": "any*"}
	if slices.Contains(backbone, shape) {
		known["modifierExtension"] = "any*"
	}
	for f := range strings.FieldsSeq(shapes[shape]) {
		name, kind, _ := strings.Cut(f, ":")
		required := strings.HasSuffix(kind, "!")
		known[name] = strings.TrimSuffix(kind, "!")
		_, present := o[name]
		_, unsaid := o["_"+name] // it is there, and what it is is not said
		if required && !present && !unsaid || unsaid && !present && (kind == "status!" || kind == "code") {
			return false
		}
	}
	for name, v := range o {
		kind, ok := known[strings.TrimPrefix(name, "_")]
		if !ok {
			return false
		}
		if !strings.HasPrefix(name, "_") && !fitsElement(kind, v) {
			return false
		}
	}
	return true
}

func fitsElement(kind string, v any) bool {
	if one, repeats := strings.CutSuffix(kind, "*"); repeats {
		values, ok := v.([]any)
		return ok && !slices.ContainsFunc(values, func(e any) bool { return !fits(one, e) })
	}
	return fits(kind, v)
}

// Readable says whether a Consent can be parsed.
func Readable(raw json.RawMessage) bool {
	o, err := decode(raw)
	return err == nil && o["resourceType"] == "Consent" && wellFormed(o)
}
