package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/consentry/gateway/internal/demo"
)

// demoOptions are the flags of `gateway demo`.
type demoOptions struct {
	dir     string
	listen  string
	once    bool
	clients int
	seed    uint64
	appURL  string
}

func demoCommand() *cobra.Command {
	o := demoOptions{}
	cmd := &cobra.Command{
		Use:   "demo [--data-dir DIR] [--listen ADDR] [--once] [--clients N] [--seed S]",
		Short: "Run the main job on a synthetic practice, and tell the story",
		Long: `Makes a synthetic therapy practice in SQLite, with its psychotherapy notes in a second file that the gateway cannot read, and a token issuer for
its partners. Then it tells the story in the terminal, by requests over HTTP as partners make them: a referring provider pulls one client's records, an
insurer asks for the same client and gets less, an employer gets nothing, another client revokes and the next request gets nothing. Each step prints the
request, what was released, what was withheld and why, by which Consent and provision, and curl lines, each below what it gives.

Afterwards it serves until Ctrl-C. The folder then holds all that there is to look at: demo.json names the partners with their private keys, the clients, and
three clients who use an app of their own, with its tokens; gateway.yaml is the configuration, for the other commands ("gateway preview --config
DIR/gateway.yaml ..."). An app of your own at --app-url can be launched (SMART App Launch 2.2, standalone) as the public client wellness-diary: the people
of the practice sign in without a password, on a page that says so, and choose what it may have. A practice that an earlier demo left in the folder is made anew.

The same --seed and --clients give the same practice on the same day, but for forms that nobody has signed yet: they carry the time at which they were
entered, which is that of the demo's start. The story's revocation carries its own.`,
		Example: `  gateway demo
  gateway demo --once --clients 200 --seed 7
  gateway demo --listen 127.0.0.1:0 --data-dir /tmp/practice`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runDemo(cmd.Context(), cmd.OutOrStdout(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.dir, "data-dir", ".demo", "the folder `DIR` for everything that the demo writes")
	f.StringVar(&o.listen, "listen", "127.0.0.1:8080", "the address `ADDR` to serve on, on loopback; port 0 picks a free one")
	f.BoolVar(&o.once, "once", false, "end after the story")
	f.IntVar(&o.clients, "clients", 40, "the practice has `N` clients, 20 at least")
	f.StringVar(&o.appURL, "app-url", demoAppURL, "the `URL` of an app of your own that the demo's clients can launch, as wellness-diary: its redirect URI")
	f.Uint64Var(&o.seed, "seed", 1, "the seed `S` of the practice: the same seed and number of clients give the same practice on the same day")
	return cmd
}

// minDemoClients is what the story needs.
const minDemoClients = 20

func runDemo(ctx context.Context, out io.Writer, o demoOptions) error {
	if o.clients < minDemoClients {
		return fmt.Errorf("--clients: the story needs %d", minDemoClients)
	}
	if !isLoopback(o.listen) {
		return fmt.Errorf("--listen: the demo serves on loopback only")
	}
	began := time.Now()
	// The port has to be known before anything is written: the FHIR base is in every token.
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", o.listen)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	defer listener.Close()
	held, err := lockFolder(ctx, o.dir)
	if err != nil {
		return err
	}
	defer func() { _ = held.Close() }() // nothing was written into it
	d, err := prepareDemo(ctx, o, listener.Addr().String())
	if err != nil {
		return err
	}
	defer d.Close()
	stop, err := d.serve(ctx, listener)
	if err != nil {
		return err
	}
	s := &story{demo: d, out: out, ctx: ctx}
	s.opening(o, time.Since(began))
	if err := s.tell(); err != nil {
		return fmt.Errorf("%w\n(the story ended early)", firstError(err, stop()))
	}
	if o.once {
		return stop()
	}
	s.serving()
	d.renewTokens(ctx)
	<-ctx.Done()
	return stop()
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// demonstration is a running demo.
type demonstration struct {
	*gateway
	dir      string
	address  string
	appURL   string // of an app of the visitor's own
	practice *demo.Practice
	partners []demoPartner
	people   []demoPerson
}

func (d *demonstration) fhirBase() string { return "http://" + d.address + "/fhir" }
func (d *demonstration) authBase() string { return "http://" + d.address + "/auth" }

// prepareDemo writes the practice, the keys, the partners and the configuration, and opens the gateway on them as `serve` does.
func prepareDemo(ctx context.Context, o demoOptions, address string) (_ *demonstration, err error) {
	d := &demonstration{dir: o.dir, address: address, appURL: o.appURL}
	d.practice, err = demo.Write(ctx, demo.Options{Clients: o.clients, Seed: o.seed, Now: time.Now(), Dir: o.dir})
	if err != nil {
		return nil, err
	}
	if err := d.writeFiles(); err != nil {
		return nil, err
	}
	cfg, err := readConfig(filepath.Join(o.dir, demoConfigFile))
	if err != nil {
		return nil, err
	}
	if d.gateway, err = openGateway(ctx, cfg, slog.New(slog.DiscardHandler), time.Now); err != nil {
		return nil, err
	}
	if err := firstError(d.findPeople(), d.openPortal(ctx)); err != nil {
		return nil, firstError(err, d.Close())
	}
	return d, d.describe()
}

// serve starts the servers and gives the function that stops them.
func (d *demonstration) serve(ctx context.Context, listener net.Listener) (stop func() error, err error) {
	s, err := d.listen(ctx, listener)
	if err != nil {
		return nil, err
	}
	serving, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- s.run(serving) }()
	return func() error {
		cancel()
		return <-ended
	}, nil
}

// description is DIR/demo.json.
type description struct {
	FHIRBase              string               `json:"fhirBase"`
	TokenEndpoint         string               `json:"tokenEndpoint"`
	Partners              []partnerDescription `json:"partners"`
	PracticeDatabase      string               `json:"practiceDatabase"`
	PsychotherapyDatabase string               `json:"psychotherapyDatabase"`
	Clients               []clientDescription  `json:"clients"`
	People                []personDescription  `json:"people"`
}

type partnerDescription struct {
	PartnerID  string `json:"partnerId"`
	Kind       string `json:"kind"`
	Scopes     string `json:"scopes"`
	PrivateJWK string `json:"privateJwk"`
}

type clientDescription struct {
	ID  string `json:"id"`
	Key string `json:"key"`
}

// personDescription is a client who uses an app, and the file with the app's token.
type personDescription struct {
	Patient string `json:"patient"`
	Token   string `json:"token"`
}

// describe writes demo.json.
func (d *demonstration) describe() error {
	x := description{
		FHIRBase: d.fhirBase(), TokenEndpoint: d.auth.TokenEndpoint(), PracticeDatabase: d.practice.Database, PsychotherapyDatabase: d.practice.Psychotherapy,
	}
	for _, p := range d.partners {
		x.Partners = append(x.Partners, partnerDescription{PartnerID: p.ID, Kind: p.Kind, Scopes: p.Scopes, PrivateJWK: p.keyFile})
	}
	for _, key := range d.practice.Clients {
		id, err := d.sealer.Seal("Patient", string(key), "patient", string(key))
		if err != nil {
			return err
		}
		x.Clients = append(x.Clients, clientDescription{ID: id, Key: string(key)})
	}
	for _, p := range d.people {
		x.People = append(x.People, personDescription{Patient: p.patient.ID, Token: p.tokenFile})
	}
	text, err := json.MarshalIndent(x, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(d.dir, "demo.json"), append(text, '\n'), 0o600)
}
