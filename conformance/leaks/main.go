package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync/atomic"
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
	firstLeak               bool
	timeout                 time.Duration
}

const usage = `Tries the known leaks of FHIR servers, gateways and consent engines on a running "gateway demo", over HTTP, one line for each, and says line by line what
was tried and what came out.

  leaks --manifest .demo/demo.json

The lines about consents, notes and files that change write into the demo's practice, as its front desk would, and put everything back.
It ends with 0 if nothing leaked and everything was tried that can be, with 1 if not, and with 2 if it could not begin.
`

func readOptions(args []string, out io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("leaks", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	f.StringVar(&o.manifest, "manifest", "", "the `FILE` demo.json that the running gateway demo has written")
	f.StringVar(&o.target, "target", "", "the FHIR base to try, as `URL`; the manifest's own if it is not given")
	f.StringVar(&o.lines, "line", "", "try these lines only (`NAMES`, with commas)")
	f.BoolVar(&o.json, "json", false, "report as JSON")
	f.BoolVar(&o.list, "list", false, "list the lines and end")
	f.BoolVar(&o.readOnly, "read-only", false, "leave out the lines that change the demo's practice")
	f.BoolVar(&o.firstLeak, "first-leak", false, "end each line at its first leak")
	f.DurationVar(&o.timeout, "timeout", 10*time.Minute, "give up after this `TIME`")
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		help(out, f)
		return o, err
	case err != nil:
		return o, fmt.Errorf("%w; --help lists the flags", err)
	case f.NArg() > 0:
		return o, fmt.Errorf("%q is no flag; --help lists them", f.Arg(0))
	case o.manifest == "" && !o.list:
		return o, errors.New("--manifest: where is the demo.json of the running gateway demo? --help tells more")
	}
	return o, o.check()
}

// check looks at the values of flags.
func (o options) check() error {
	u, err := url.Parse(o.target)
	if o.target != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return errors.New("--target: it has to be a whole URL, as http://127.0.0.1:8080/fhir")
	}
	if o.timeout <= 0 {
		return errors.New("--timeout: no line can be tried in no time")
	}
	return nil
}

func help(out io.Writer, f *flag.FlagSet) {
	fmt.Fprint(out, usage, "\n")
	f.VisitAll(func(x *flag.Flag) {
		value, text := flag.UnquoteUsage(x)
		if x.DefValue != "" && x.DefValue != "false" {
			text += " (" + x.DefValue + ")"
		}
		fmt.Fprintf(out, "  %-18s  %s\n", "--"+x.Name+" "+value, text)
	})
}

// run gives the exit code: 0 if every line passed, 1 if something leaked or could not be tried, 2 if the suite could not begin.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	o, err := readOptions(args, out)
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
	s.done = progress(errOut, len(lines))
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

// progress says on a terminal how far the run is.
func progress(errOut io.Writer, lines int) func() {
	file, ok := errOut.(*os.File)
	if !ok {
		return func() {}
	}
	if info, err := file.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return func() {}
	}
	var done atomic.Int64
	return func() {
		fmt.Fprintf(file, "\r%d of %d lines\r", done.Add(1), lines)
	}
}

// chosen are the lines of that names, or all, in the order of the report.
func chosen(names string) ([]*line, error) {
	all := catalogue()
	if names == "" {
		return all, nil
	}
	wanted := map[string]bool{}
	for name := range strings.SplitSeq(names, ",") {
		name = strings.TrimSpace(name)
		if !slices.ContainsFunc(all, func(l *line) bool { return l.name == name }) {
			return nil, fmt.Errorf("--line: there is no line %q; --list lists them", name)
		}
		wanted[name] = true
	}
	return slices.DeleteFunc(all, func(l *line) bool { return !wanted[l.name] }), nil
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
