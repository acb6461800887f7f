// Package postgrestest runs a real PostgreSQL server for tests: of this process alone, in a folder of its own, on a free port of loopback.
package postgrestest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/consentry/gateway/conformance/missing"
)

// Database is an empty database that a test has for itself.
type Database struct {
	URL          string // without the password
	PasswordFile string
	Server       *Server
}

// Server is a running server.
type Server struct {
	dir, bin string
	port     int
	as       *syscall.Credential // whom it runs as, nil for this process's user
	cmd      *exec.Cmd
	ended    chan struct{}
}

var (
	once    sync.Once
	shared  *Server
	problem error
	made    int
	mu      sync.Mutex
)

// Main runs the tests of a package and stops the server that they have started, if any. A package whose tests use New calls it in TestMain.
func Main(m *testing.M) int {
	defer func() {
		if shared != nil {
			shared.Stop()
			_ = os.RemoveAll(shared.dir)
		}
	}()
	return m.Run()
}

// New gives a database on the server that all tests of this process share. Where none can run the test is skipped.
func New(t testing.TB) Database {
	t.Helper()
	once.Do(func() { shared, problem = start() })
	if problem != nil {
		missing.Skip(t, fmt.Sprintf("a PostgreSQL server: %v", problem))
	}
	mu.Lock()
	defer mu.Unlock()
	made++
	name := fmt.Sprintf("t%d", made)
	c, err := pgx.Connect(context.Background(), shared.url("postgres", true))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	if _, err := c.Exec(context.Background(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return Database{URL: shared.url(name, false), PasswordFile: filepath.Join(shared.dir, "password"), Server: shared}
}

// Own gives a database on a server of its own, which the test may stop.
func Own(t testing.TB) Database {
	t.Helper()
	s, err := start()
	if err != nil {
		missing.Skip(t, fmt.Sprintf("a PostgreSQL server: %v", err))
	}
	t.Cleanup(func() {
		s.Stop()
		_ = os.RemoveAll(s.dir)
	})
	return Database{URL: s.url("postgres", false), PasswordFile: filepath.Join(s.dir, "password"), Server: s}
}

// Connect opens a connection that is none of the gateway's.
func (d Database) Connect(t testing.TB) *pgx.Conn {
	t.Helper()
	c, err := pgx.ParseConfig(d.URL)
	if err != nil {
		t.Fatal(err)
	}
	if c.Password, err = d.Server.password(); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.ConnectConfig(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func (s *Server) password() (string, error) {
	text, err := os.ReadFile(filepath.Join(s.dir, "password"))
	return strings.TrimSpace(string(text)), err
}

func (s *Server) url(database string, withPassword bool) string {
	who := "gateway"
	if p, err := s.password(); withPassword && err == nil {
		who += ":" + p
	}
	return fmt.Sprintf("postgres://%s@127.0.0.1:%d/%s?sslmode=disable", who, s.port, database)
}

// start makes a cluster and runs a server on it.
func start() (*Server, error) {
	s := &Server{}
	var err error
	if s.bin, err = programs(); err != nil {
		return nil, err
	}
	if os.Getuid() == 0 { // the server refuses to run as root
		if s.as, err = other(); err != nil {
			return nil, err
		}
	}
	if s.dir, err = os.MkdirTemp("", "postgres"); err != nil {
		return nil, err
	}
	if err = errors.Join(s.init(), s.Start()); err != nil {
		_ = os.RemoveAll(s.dir)
		return nil, err
	}
	return s, nil
}

// programs is the folder of the server's programs: Debian keeps them out of the path.
func programs() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return "", errors.New("its programs are not installed")
	}
	slices.Sort(found)
	return filepath.Dir(found[len(found)-1]), nil
}

// other is the user that the package makes.
func other() (*syscall.Credential, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, errors.New("it does not run as root, and there is no user postgres")
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(err, err2)
}

func (s *Server) init() error {
	password := filepath.Join(s.dir, "password")
	if err := os.WriteFile(password, []byte(rand.Text()+"\n"), 0o600); err != nil {
		return err
	}
	if s.as != nil {
		if err := errors.Join(os.Chown(s.dir, int(s.as.Uid), int(s.as.Gid)), os.Chown(password, int(s.as.Uid), int(s.as.Gid))); err != nil {
			return err
		}
	}
	cmd := s.command("initdb", "--pgdata", s.data(), "--username", "gateway", "--auth", "scram-sha-256", "--pwfile", password,
		"--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %.300s", err, out)
	}
	return nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), filepath.Join(s.bin, program), args...) // it outlives the test that starts it
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	return cmd
}

// Start runs the server, on the port that it had if it ran before.
func (s *Server) Start() error {
	if s.port == 0 {
		l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		s.port = l.Addr().(*net.TCPAddr).Port
		_ = l.Close()
	}
	s.ended = make(chan struct{})
	cmd := s.command("postgres", "-D", s.data(), "-p", strconv.Itoa(s.port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="+s.dir,
		"-c", "max_connections=100", "-c", "shared_buffers=16MB", "-c", "logging_collector=off")
	cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT // it ends with the test binary, however that ends
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // the signal is sent when the thread ends that started it
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
		close(s.ended)
	}()
	if err := <-started; err != nil {
		return err
	}
	s.cmd = cmd
	return s.ready()
}

func (s *Server) ready() error {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		select {
		case <-s.ended:
			return errors.New("the server has ended")
		default:
		}
		if c, err := pgx.Connect(context.Background(), s.url("postgres", true)); err == nil {
			return c.Close(context.Background())
		}
	}
	s.Stop()
	return errors.New("the server does not answer")
}

// Stop ends the server at once, as a machine that loses its power does.
func (s *Server) Stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case <-s.ended:
	case <-time.After(10 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.ended
	}
	s.cmd = nil
}
