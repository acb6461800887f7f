package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// options are the flags.
type options struct {
	manifest, target, lines string
	json, list, readOnly    bool
	timeout                 time.Duration
}

func readOptions(args []string, errOut io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("leaks", flag.ContinueOnError)
	f.SetOutput(errOut)
	f.StringVar(&o.manifest, "manifest", "", "the demo.json of the running `gateway demo` (`FILE`)")
	f.StringVar(&o.target, "target", "", "the FHIR base to try, as `URL`; the manifest's own if it is not given")
	f.StringVar(&o.lines, "line", "", "try these lines only (`NAMES`, with commas)")
	f.BoolVar(&o.json, "json", false, "report as JSON")
	f.BoolVar(&o.list, "list", false, "list the lines and end")
	f.BoolVar(&o.readOnly, "read-only", false, "leave out the lines that change consents in the demo's practice")
	f.DurationVar(&o.timeout, "timeout", 10*time.Minute, "give up after this `TIME`")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("%q is no flag", f.Arg(0))
	}
	if o.manifest == "" && !o.list {
		return o, errors.New("--manifest: which demo.json?")
	}
	return o, nil
}

// run gives the exit code: 0 if every line passed, 1 if something leaked or could not be tried, 2 if the suite could not begin.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	o, err := readOptions(args, errOut)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	lines, choiceErr := chosen(o.lines)
	if err = errors.Join(err, choiceErr); err != nil {
		fmt.Fprintln(errOut, "leaks:", err)
		return 2
	}
	if o.list {
		list(out, lines)
		return 0
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	s, err := openSuite(ctx, o)
	if err != nil {
		fmt.Fprintln(errOut, "leaks:", err)
		return 2
	}
	defer s.close()
	r := s.run(lines)
	if o.json {
		err = r.writeJSON(out)
	} else {
		err = r.writeText(out)
	}
	if err != nil || !r.clean() {
		return 1
	}
	return 0
}

// chosen are the lines of that names, or all.
func chosen(names string) ([]*line, error) {
	if names == "" {
		return catalogue(), nil
	}
	var out []*line
	for name := range strings.SplitSeq(names, ",") {
		found := false
		for _, l := range catalogue() {
			if l.name == strings.TrimSpace(name) {
				out, found = append(out, l), true
			}
		}
		if !found {
			return nil, fmt.Errorf("--line: there is no line %q; --list lists them", name)
		}
	}
	return out, nil
}

func list(out io.Writer, lines []*line) {
	section := ""
	for _, l := range lines {
		if l.section != section {
			section = l.section
			fmt.Fprintln(out, section)
		}
		fmt.Fprintf(out, "  %-28s %s (%s)\n", l.name, l.title, l.source)
	}
}
