package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/consentry/gateway/internal/strictyaml"
)

// problems collects all that is wrong with a configuration and with the files that it names.
type problems struct {
	path  string
	own   []problem // of the configuration itself
	notes []problem // what a gateway starts with all the same, worth a line beside what it does not start with
	named []string  // of the files that it names, each with its own place
}

type problem struct {
	line int
	text string
}

func (p *problems) add(line int, format string, args ...any) {
	p.own = append(p.own, problem{line, fmt.Sprintf(format, args...)})
}

func (p *problems) note(line int, format string, args ...any) {
	p.notes = append(p.notes, problem{line, fmt.Sprintf(format, args...)})
}

// addAll adds each line of an error of a part that cannot say where the fault lies: it is what the configuration has in that line. The name of the
// part's package says nothing beside the key.
func (p *problems) addAll(line int, key string, err error) {
	for _, text := range texts(err) {
		p.add(line, "%s: %s", key, packageName.ReplaceAllLiteralString(text, ""))
	}
}

var packageName = regexp.MustCompile(`^[a-z]+: `)

// follow adds the problems of a named file, which say where they are.
func (p *problems) follow(err error) { p.named = append(p.named, texts(err)...) }

// texts are the problems that an error holds, one a line. What the reader of an empty file says is no sentence for people.
func texts(err error) []string {
	if err == nil {
		return nil
	}
	list := strings.Split(err.Error(), "\n")
	for i, text := range list {
		if before, empty := strings.CutSuffix(text, ": "+io.EOF.Error()); empty {
			list[i] = strings.TrimSuffix(before, ": not YAML") + ": the file is empty"
		}
	}
	return list
}

// err is the report: the configuration's own problems in the order of its lines, then those of the files that it names.
func (p *problems) err() error {
	if len(p.own)+len(p.named) == 0 {
		return nil
	}
	own := slices.Concat(p.own, p.notes)
	slices.SortStableFunc(own, func(a, b problem) int { return cmp.Compare(a.line, b.line) })
	var lines []string
	add := func(text string) {
		if !slices.Contains(lines, text) { // two parts may read one file
			lines = append(lines, text)
		}
	}
	for _, one := range own {
		add(fmt.Sprintf("%s:%d: %s", p.path, one.line, one.text))
	}
	for _, text := range p.named {
		add(text)
	}
	return errors.New(strings.Join(lines, "\n"))
}

// decode reads strictly: an unknown key is a problem.
func (p *problems) decode(text []byte, into any) {
	for _, found := range strictyaml.Decode(text, into) {
		p.add(found.Line, "%s", found.Text)
	}
}
