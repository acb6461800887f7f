package fhirjson

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
)

// What a requester may send beside a form is read here: it is data about a request and never becomes a resource.

// ErrParameters says that a body is no Parameters resource that an operation of ours can take.
var ErrParameters = errors.New("fhirjson: not the Parameters of an operation")

// ParseParameters reads the Parameters resource of an operation (FHIR R4 2.36.1) as the values that a URL would state: a primitive as its text, a
// Coding as `system|code`. It refuses parts, resources, other types and extensions that may change the meaning.
func ParseParameters(text []byte) (url.Values, error) {
	whole, err := object(text, "resourceType", "id", "meta", "language", "parameter")
	if err != nil || textOf(whole["resourceType"]) != "Parameters" {
		return nil, ErrParameters
	}
	var list []json.RawMessage
	if whole["parameter"] != nil && json.Unmarshal(whole["parameter"], &list) != nil {
		return nil, ErrParameters
	}
	values := url.Values{}
	for _, one := range list {
		name, value, ok := parameter(one)
		if !ok {
			return nil, ErrParameters
		}
		values.Add(name, value)
	}
	return values, nil
}

// object reads the members of a resource, none but those named.
func object(text []byte, names ...string) (map[string]json.RawMessage, error) {
	if err := scan(text); err != nil {
		return nil, err
	}
	return members(text, names...)
}

// members reads an object that a scan has been over.
func members(text []byte, names ...string) (map[string]json.RawMessage, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, ErrSyntax
	}
	known := map[string]bool{}
	for _, n := range names {
		known[n] = true
	}
	for name := range all {
		if !known[name] {
			return nil, errMember
		}
	}
	return all, nil
}

var errMember = errors.New("fhirjson: a member that is not read")

// textOf gives a JSON string, empty for anything else.
func textOf(raw json.RawMessage) (s string) {
	_ = json.Unmarshal(raw, &s) // what is no string is as good as absent
	return s
}

func parameter(raw json.RawMessage) (name, value string, ok bool) {
	var all map[string]json.RawMessage
	if json.Unmarshal(raw, &all) != nil {
		return "", "", false
	}
	name = textOf(all["name"])
	delete(all, "name")
	delete(all, "id")
	if name == "" || len(all) != 1 {
		return "", "", false
	}
	for key, raw := range all {
		value, ok = valueOf(key, raw)
	}
	return name, value, ok
}

// valueOf gives the text of a value[x].
func valueOf(key string, raw json.RawMessage) (string, bool) {
	switch key {
	case "valueString", "valueCode", "valueId", "valueUri", "valueUrl", "valueCanonical", "valueDate", "valueDateTime", "valueInstant":
		s := textOf(raw)
		return s, s != ""
	case "valueBoolean":
		s := string(raw)
		return s, s == "true" || s == "false"
	case "valueInteger", "valueUnsignedInt", "valuePositiveInt":
		s := string(raw)
		return s, strings.Trim(s, "0123456789") == ""
	case "valueCoding":
		return coding(raw)
	}
	return "", false
}

// searchEscapes are the characters that a value of a search escapes (FHIR R4 3.1.1.4.6).
var searchEscapes = strings.NewReplacer(`\`, `\\`, `,`, `\,`, `|`, `\|`, `$`, `\$`)

func coding(raw json.RawMessage) (string, bool) {
	all, err := members(raw, "id", "system", "version", "code", "display", "userSelected")
	code := textOf(all["code"])
	if err != nil || code == "" {
		return "", false
	}
	if all["system"] == nil {
		return searchEscapes.Replace(code), true
	}
	return searchEscapes.Replace(textOf(all["system"])) + "|" + searchEscapes.Replace(code), true
}
