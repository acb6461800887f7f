package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
)

func TestASecretIsFoundInEveryForm(t *testing.T) {
	const secret = "cnryabcdefghijklmnopqrst7"
	n := newNeedles([]string{secret, "NR-abcdefghijklmn"})
	each := func(format string) string {
		var b strings.Builder
		for i := range len(secret) {
			fmt.Fprintf(&b, format, secret[i])
		}
		return b.String()
	}
	zipped := func(text string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = io.WriteString(w, text)
		_ = w.Close()
		return b.String()
	}
	b64 := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	body := func(inner string) string { return `{"resourceType":"X","text":"` + inner + `"}` }
	forms := map[string]string{
		"plain": body(secret), "another": body("Ref. NR-abcdefghijklmn."), "upper case": body(strings.ToUpper(secret)), "percent": each("%%%02X"), "JSON escapes": body(each(`\u%04x`)), "XML escapes": each("&#%d;"),
		"hex": body(hex.EncodeToString([]byte("x" + secret))), "upper hex": strings.ToUpper(hex.EncodeToString([]byte(secret))), "gzip": zipped(body(secret)), "gzip in base64": body(b64(zipped(secret))),
		"base64 twice": body(b64(b64("note: " + secret))), "base64 in a URL": url.QueryEscape(b64("??" + secret + "??")), "upper case in base64": body(b64("a " + strings.ToUpper(secret))),
	}
	for before := range 6 {
		forms[fmt.Sprintf("base64 after %d bytes", before)] = body(b64(strings.Repeat("\xff", before) + secret + " and more"))
	}
	for name, form := range forms {
		if !n.in([]byte(form)) {
			t.Errorf("%s: not found", name)
		}
	}
	for name, clean := range map[string]string{"nothing": body("Continue weekly sessions."), "a beginning": body("cnryabc NR-abc"), "another text": body("cnryzyxwvutsrqponmlkjihg"), "another in base64": body(b64("cnryzyxwvutsrqponmlkjihg"))} {
		if n.in([]byte(clean)) {
			t.Errorf("%s: found", name)
		}
	}
}

func TestWhatAProjectionAddsIsFound(t *testing.T) {
	whole := map[string]any{"id": "x", "name": []any{map[string]any{"family": "A"}}}
	for name, x := range map[string]struct {
		projected any
		want      string
	}{
		"less":     {map[string]any{"id": "x"}, ""},
		"the same": {whole, ""},
		"a member": {map[string]any{"id": "x", "contact": "y"}, "P.contact"},
		"deeper":   {map[string]any{"name": []any{map[string]any{"family": "A", "given": "B"}}}, "P.name.given"},
		"a value":  {map[string]any{"id": "z"}, "P.id"},
		"an item":  {map[string]any{"name": []any{map[string]any{"family": "A"}, map[string]any{}}}, "P.name"},
	} {
		if got := adds(whole, x.projected, "P"); got != x.want {
			t.Errorf("%s: %q, want %q", name, got, x.want)
		}
	}
}
