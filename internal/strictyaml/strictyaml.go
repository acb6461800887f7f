// Package strictyaml reads a YAML file that people write: what the file says and nobody takes is a problem, with its line, and never lost.
package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/consentry/gateway/internal/spelling"
)

// Problem is one thing that is wrong with a file. Its text repeats keys, never values: a value may be a password.
type Problem struct {
	Line int // 1 for the whole file
	Text string
}

// Decode reads one document into a struct with yaml tags, as far as it can, and gives all that is wrong with it: a key that the struct does
// not have or that stands twice, a value of another type, a second document. An empty file is a struct that nothing was said of.
func Decode(text []byte, into any) []Problem {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	switch err := d.Decode(into); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return problems(err, into)
	}
	var more yaml.Node
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return []Problem{{Line: max(1, more.Line), Text: "a second YAML document would be ignored"}}
	}
	return nil
}

// Read is Decode for those who report by file: all that is wrong with it is one error, a line each, as "name:line: text". A file that says nothing is
// wrong as well.
func Read(name string, text []byte, into any) error {
	var all []error
	var said yaml.Node
	if yaml.Unmarshal(text, &said) == nil && said.IsZero() {
		return fmt.Errorf("%s: the file is empty", name)
	}
	for _, p := range Decode(text, into) {
		all = append(all, fmt.Errorf("%s:%d: %s", name, p.Line, p.Text))
	}
	return errors.Join(all...)
}

func problems(err error, into any) []Problem {
	te := new(yaml.TypeError)
	if !errors.As(err, &te) {
		te.Errors = []string{"not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	keys := map[string][]string{}
	gather(reflect.TypeOf(into), keys)
	list := make([]Problem, len(te.Errors))
	for i, text := range te.Errors {
		list[i] = problem(text, keys)
	}
	return list
}

var (
	place        = regexp.MustCompile(`line (\d+): `)
	unknownField = regexp.MustCompile(`^field (.+) not found in type (\S+)$`)
	wrongType    = regexp.MustCompile(`(?s)^cannot unmarshal .* into (\S+)$`)
)

// problem says in a person's words what the decoder says in Go's.
func problem(text string, keys map[string][]string) Problem {
	p := Problem{Line: 1, Text: text}
	if m := place.FindStringSubmatch(text); m != nil {
		p.Line, _ = strconv.Atoi(m[1])
		p.Text = strings.Replace(text, m[0], "", 1)
	}
	if m := unknownField.FindStringSubmatch(p.Text); m != nil {
		p.Text = "unknown key " + m[1] + spelling.DidYouMean(m[1], keys[m[2]])
	} else if m := wrongType.FindStringSubmatch(p.Text); m != nil {
		p.Text = "this must be " + wanted(m[1])
	}
	return p
}

// wanted says what a Go type is in YAML.
func wanted(goType string) string {
	switch {
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	case strings.HasPrefix(goType, "int"):
		return "a whole number"
	case strings.HasPrefix(goType, "uint"):
		return "a whole number, not below zero"
	case goType == "bool":
		return "true or false"
	case goType == "string":
		return "a text"
	}
	return "a mapping of keys to values"
}

// gather collects the keys of every struct that t is made of, by the struct's name.
func gather(t reflect.Type, keys map[string][]string) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		gather(t.Elem(), keys)
		return
	case reflect.Struct:
	default:
		return
	}
	name := fmt.Sprint(t)
	if _, known := keys[name]; known {
		return
	}
	keys[name] = []string{}
	for f := range t.Fields() {
		if key, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); key != "" && key != "-" {
			keys[name] = append(keys[name], key)
			gather(f.Type, keys)
		}
	}
}
