package practice

import (
	"bytes"
	"encoding/json"
	"io"
	"time"
)

// scanArray reads a JSON array in one column: of strings (List), or of flat objects (Items), of which the declared fields are read. A null among
// the elements does not fit: it may be a left join that found nothing, or a recipient that nobody knows, and these are not the same. A
// statement leaves it out with FILTER (WHERE x IS NOT NULL) where that is meant.
func scanArray(v *Value, c *Column, src any, zone *time.Location) error {
	var text []byte
	switch s := src.(type) {
	case string:
		text = []byte(s)
	case []byte:
		text = s
	default:
		return errValue
	}
	elements, err := decodeArray(text)
	if err != nil {
		return errValue
	}
	if c.Type == List {
		return scanList(v, elements)
	}
	return scanItems(v, c, elements, zone)
}

func decodeArray(text []byte) ([]any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var elements []any
	if err := d.Decode(&elements); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errValue
	}
	if elements == nil {
		return nil, errValue
	}
	return elements, nil
}

func scanList(v *Value, elements []any) error {
	v.List = make([]string, len(elements))
	for i, e := range elements {
		var text Value
		if err := scanText(&text, plainNumber(e)); err != nil {
			return err // a null as well
		}
		v.List[i] = text.Text
	}
	return nil
}

func scanItems(v *Value, c *Column, elements []any, zone *time.Location) error {
	v.Items = make([][]Value, len(elements))
	for i, e := range elements {
		object, ok := e.(map[string]any)
		if !ok {
			return errValue
		}
		item := make([]Value, len(c.Fields))
		for j := range c.Fields {
			f := &c.Fields[j]
			if err := Scan(&item[j], f, plainNumber(object[f.Name]), zone); err != nil {
				return fieldError(f.Name)
			}
		}
		v.Items[i] = item
	}
	return nil
}

// plainNumber turns a json.Number into what a driver would have yielded; a decimal keeps its text.
func plainNumber(e any) any {
	n, ok := e.(json.Number)
	if !ok {
		return e
	}
	if i, err := n.Int64(); err == nil {
		return i
	}
	return n.String()
}
