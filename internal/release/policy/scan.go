package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

const (
	maxSize  = 1 << 20
	maxDepth = 64
)

var errShape = errors.New("policy: not one JSON object, a key twice, too deep or too large")

// scan walks the tokens of a JSON object. It fails on what parsers read differently: a key that stands twice, text behind the end, nesting
// without bounds. modifiers says that a modifierExtension stands somewhere, contained resources included.
func scan(data []byte) (modifiers bool, err error) {
	if len(data) > maxSize {
		return false, errShape
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	t, err := d.Token()
	if err != nil || t != json.Delim('{') {
		return false, errShape
	}
	if err := scanObject(d, 1, &modifiers); err != nil {
		return false, err
	}
	if _, err := d.Token(); err != io.EOF {
		return false, errShape
	}
	return modifiers, nil
}

func scanObject(d *json.Decoder, depth int, modifiers *bool) error {
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		key, ok := t.(string)
		if err != nil || !ok || seen[key] {
			return errShape
		}
		seen[key] = true
		*modifiers = *modifiers || key == "modifierExtension"
		if err := scanValue(d, depth, modifiers); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

func scanValue(d *json.Decoder, depth int, modifiers *bool) error {
	t, err := d.Token()
	if err != nil {
		return errShape
	}
	if depth >= maxDepth {
		return errShape
	}
	switch t {
	case json.Delim('{'):
		return scanObject(d, depth+1, modifiers)
	case json.Delim('['):
		for d.More() {
			if err := scanValue(d, depth+1, modifiers); err != nil {
				return err
			}
		}
		_, err := d.Token()
		return err
	}
	return nil
}
