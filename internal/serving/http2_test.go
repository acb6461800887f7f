package serving

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// h2 is an HTTP/2 connection whose frames the test writes itself.
type h2 struct {
	*http2.Framer
	conn *tls.Conn
	enc  *hpack.Encoder
	buf  bytes.Buffer
}

func (h *house) h2(t *testing.T, from string, settings ...http2.Setting) *h2 {
	t.Helper()
	raw, err := h.dial(from)
	must(t, err)
	c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	must(t, c.Handshake())
	t.Cleanup(func() { _ = c.Close() })
	_, err = io.WriteString(c, http2.ClientPreface)
	must(t, err)
	x := &h2{Framer: http2.NewFramer(c, c), conn: c}
	x.enc = hpack.NewEncoder(&x.buf)
	must(t, x.WriteSettings(settings...))
	return x
}

// header encodes that of a GET.
func (x *h2) header(path string, more ...string) []byte {
	x.buf.Reset()
	for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "x"}, {":path", path}} {
		_ = x.enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	for i := 0; i+1 < len(more); i += 2 {
		_ = x.enc.WriteField(hpack.HeaderField{Name: more[i], Value: more[i+1], Sensitive: true})
	}
	return bytes.Clone(x.buf.Bytes())
}

func (x *h2) get(stream uint32, path string) error {
	return x.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: x.header(path), EndHeaders: true, EndStream: true})
}

// drain reads what comes until the connection ends, and counts the frames.
func (x *h2) drain(each func(http2.Frame)) {
	for {
		f, err := x.ReadFrame()
		if err != nil {
			return
		}
		each(f)
	}
}

func TestBothVersionsOfHTTPAreSpokenOverModernTLSOnly(t *testing.T) {
	h := open(t, generous, shown(t))
	resp, err := client(t, "127.0.0.1").Get(h.url("/"))
	must(t, err)
	resp.Body.Close()
	if resp.ProtoMajor != 2 || resp.Header.Get("Strict-Transport-Security") != "max-age=63072000" || resp.TLS.Version != tls.VersionTLS13 {
		t.Errorf("HTTP/%d, TLS %x, %q", resp.ProtoMajor, resp.TLS.Version, resp.Header)
	}
	for name, c := range map[string]struct {
		config *tls.Config
		good   bool
	}{
		"TLS 1.2":                {&tls.Config{MaxVersion: tls.VersionTLS12}, true},
		"TLS 1.1":                {&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
		"no authentication":      {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}, false},
		"no forward secrecy":     {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}}, false},
		"HTTP/1.1":               {&tls.Config{NextProtos: []string{"http/1.1"}}, true},
		"a protocol of nobody's": {&tls.Config{NextProtos: []string{"h3"}}, false},
	} {
		c.config.InsecureSkipVerify = true
		conn, err := tls.Dial("tcp", h.address, c.config)
		if err == nil {
			conn.Close()
		}
		if (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPlainHTTPHasNoHSTSAndNoHTTP2(t *testing.T) {
	h := open(t, generous, nil)
	resp, err := client(t, "127.0.0.1").Get(h.url("/"))
	must(t, err)
	resp.Body.Close()
	if resp.ProtoMajor != 1 || resp.Header.Get("Strict-Transport-Security") != "" {
		t.Errorf("HTTP/%d %q", resp.ProtoMajor, resp.Header)
	}
}

// TestRapidResetsHoldNothing begins requests and takes them back at once (CVE-2023-44487), 20,000 of them on ten connections.
func TestRapidResetsHoldNothing(t *testing.T) {
	h := open(t, hasty, shown(t))
	for i := range 10 {
		x := h.h2(t, fmt.Sprintf("127.0.2.%d", 1+i))
		go x.drain(func(http2.Frame) {})
		go func() {
			for n := range uint32(2000) {
				stream := 2*n + 1
				if x.get(stream, "/hold") != nil || x.WriteRSTStream(stream, http2.ErrCodeCancel) != nil {
					return // the server has had enough
				}
			}
		}()
	}
	h.answers(t, "beside 20,000 requests that are taken back")
	eventually(t, "nothing is held", func() bool { return h.handling.Load() == 0 })
	if most := h.most.Load(); most > int64(10*generous.Streams)+3 {
		t.Errorf("%d were handled at once", most)
	}
	eventually(t, "they are closed", func() bool { return h.count(t, "gateway_connections") == 0 })
}

// TestOneConnectionHasSoManyStreams asks for more at once than it may.
func TestOneConnectionHasSoManyStreams(t *testing.T) {
	h := open(t, hasty, shown(t))
	x := h.h2(t, "127.0.0.2")
	refused := make(chan http2.ErrCode, 1000)
	go x.drain(func(f http2.Frame) {
		if r, ok := f.(*http2.RSTStreamFrame); ok {
			refused <- r.ErrCode
		}
	})
	must(t, x.WriteSettingsAck())
	for n := range uint32(100) {
		if x.get(2*n+1, "/hold") != nil {
			break
		}
	}
	eventually(t, "it has all it may", func() bool { return h.handling.Load() == int64(generous.Streams) })
	h.answers(t, "beside them")
	eventually(t, "its requests are given up", func() bool { return h.handling.Load() == 0 })
	if most := h.most.Load(); most > int64(generous.Streams)+1 {
		t.Errorf("%d were handled at once", most)
	}
	if len(refused) < 100-generous.Streams {
		t.Errorf("%d were refused", len(refused))
	}
}

// TestAClosedWindowHoldsNoAnswer asks for large answers and takes no byte of them.
func TestAClosedWindowHoldsNoAnswer(t *testing.T) {
	h := open(t, hasty, shown(t))
	for i := range 10 {
		x := h.h2(t, fmt.Sprintf("127.0.2.%d", 1+i), http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
		go x.drain(func(http2.Frame) {})
		for n := range uint32(10) {
			must(t, x.get(2*n+1, "/large"))
		}
	}
	eventually(t, "100 answers are waiting", func() bool { return h.begun.Load() == 100 })
	h.answers(t, "beside them")
	eventually(t, "they are given up", func() bool { return h.handling.Load() == 0 })
}

// TestFloodsOfFramesEndTheConnection sends what costs a client little, and reads nothing of what comes back.
func TestFloodsOfFramesEndTheConnection(t *testing.T) {
	h := open(t, hasty, shown(t))
	for name, flood := range map[string]func(x *h2) error{
		"headers without end": func(x *h2) error { return x.WriteContinuation(1, false, x.header("/", "x-a", string(zeros[:8000]))) },
		"pings":               func(x *h2) error { return x.WritePing(false, [8]byte{}) },
	} {
		x := h.h2(t, "127.0.0.2")
		must(t, x.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: x.header("/"), EndHeaders: name == "pings", EndStream: true}))
		_ = x.conn.SetWriteDeadline(time.Now().Add(2 * time.Minute))
		n, err := 0, error(nil)
		for ; err == nil && n < 1_000_000; n++ { // the kernel alone holds the answers to a quarter of them
			err = flood(x)
		}
		if err == nil || os.IsTimeout(err) {
			t.Errorf("%s: the connection takes %d frames (%v)", name, n, err)
		}
	}
	h.answers(t, "afterwards")
	eventually(t, "they are closed", func() bool { return h.count(t, "gateway_connections") == 0 })
}
