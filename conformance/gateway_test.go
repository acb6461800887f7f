package conformance

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the gateway under test, built once; work is the folder for what all tests share.
var binary, work string

func TestMain(m *testing.M) {
	flag.Parse()
	killAtTheEnd()
	os.Exit(build(m))
}

// killAtTheEnd ends every gateway before the test binary's own timeout or an interrupt ends the binary: they would outlive it.
func killAtTheEnd() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	var late <-chan time.Time
	if f, ok := flag.Lookup("test.timeout").Value.(flag.Getter); ok {
		if d, ok := f.Get().(time.Duration); ok && d > 10*time.Second {
			late = time.After(d - 5*time.Second)
		}
	}
	go func() {
		select {
		case <-late:
		case <-signals:
			late = nil
			defer os.Exit(1)
		}
		for end := time.Now().Add(6 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) { // tests that go on may start more
			for p := range running.Range {
				_ = p.(*process).cmd.Process.Kill()
			}
			if late == nil {
				return
			}
		}
	}()
}

// running are all gateways that were started and have not ended.
var running sync.Map

func build(m *testing.M) int {
	var err error
	if work, err = os.MkdirTemp("", "conformance"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(work)
	if binary = os.Getenv("CONFORMANCE_GATEWAY"); binary != "" { // a binary that is there already
		defer stopShared()
		return m.Run()
	}
	binary = filepath.Join(work, "gateway")
	if out, err := exec.Command("go", "build", "-o", binary, "../cmd/gateway").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "the gateway does not build: %v\n%s", err, out)
		return 1
	}
	defer stopShared()
	return m.Run()
}

// output collects what a process writes while others read it.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) Bytes() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.Clone(o.buf.Bytes())
}

// process is a gateway that runs.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr output
	ended          chan struct{}
	err            error
}

// start runs the gateway with the arguments.
func start(args ...string) (*process, error) {
	p := &process{cmd: exec.Command(binary, args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	running.Store(p, true)
	go func() {
		p.err = p.cmd.Wait()
		running.Delete(p)
		close(p.ended)
	}()
	return p, nil
}

// until waits for a condition and fails if the process ends first.
func (p *process) until(what string, ok func() bool) error {
	for deadline := time.Now().Add(40 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("the gateway ended before it was %s: %w\n%s", what, p.err, p.stderr.Bytes())
		default:
		}
	}
	return fmt.Errorf("the gateway is not %s", what)
}

// stop ends the process as an operator does, and waits for it.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		return p.err
	case <-time.After(45 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.ended
		return errors.New("the gateway did not end on SIGTERM")
	}
}

// isReady asks /readyz.
func isReady(root string) bool {
	resp, err := http.Get(root + "/readyz")
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// ran is what a command that has ended left behind.
type ran struct {
	code           int
	stdout, stderr string
}

// runGateway runs a command of the gateway to its end.
func runGateway(t testing.TB, args ...string) ran {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("gateway %v: %v", args, errors.Join(err, ctx.Err()))
	}
	return ran{code: cmd.ProcessState.ExitCode(), stdout: out.String(), stderr: errOut.String()}
}

var (
	sharedMu sync.Mutex
	shared   []*process
)

// keepShared remembers a process for the end of all tests.
func keepShared(p *process) {
	sharedMu.Lock()
	defer sharedMu.Unlock()
	shared = append(shared, p)
}

func stopShared() {
	sharedMu.Lock()
	defer sharedMu.Unlock()
	for _, p := range shared {
		_ = p.stop()
	}
}
