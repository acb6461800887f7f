package files_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/practice/files"
)

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func list(t *testing.T, dir string) *files.Listing {
	t.Helper()
	l, err := files.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func open(t *testing.T, dir string) *files.File {
	t.Helper()
	l := list(t, dir)
	f, err := l.Open(l.Files[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestWhatIsAFileOfTheFolder(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"Patient.000.ndjson", "Consent.ndjson", "Condition-2.ndjson", "log.ndjson", "README.md", "export.json"} {
		write(t, dir, name, "{}\n")
	}
	got := map[string]string{}
	for _, f := range list(t, dir).Files {
		got[f.Name] = f.Type
	}
	if d := cmp.Diff(map[string]string{"Patient.000.ndjson": "Patient", "Consent.ndjson": "Consent", "Condition-2.ndjson": "Condition"}, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// What is passed over could hold a denial.
func TestAFileThatCannotBeToldIsRefused(t *testing.T) {
	for name, want := range map[string]string{
		"consents.ndjson":           "does not begin with a resource type",
		"1.Consent.ndjson":          "does not begin with a resource type",
		"Consent.ndjson.gz":         "unpack it",
		"Consent.NDJSON":            "unpack it",
		"Consent.ndjson.part":       "unpack it",
		"Consent.ndjson/inside.txt": "is no file",
	} {
		dir := t.TempDir()
		if sub, _, nested := strings.Cut(name, "/"); nested {
			if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		write(t, dir, name, "")
		_, err := files.List(dir)
		if err == nil || !strings.Contains(err.Error(), want) || errors.Is(err, practice.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAFolderThatIsAwayIsUnavailable(t *testing.T) {
	if _, err := files.List(filepath.Join(t.TempDir(), "gone")); !errors.Is(err, practice.ErrUnavailable) {
		t.Error(err)
	}
}

func TestTheManifestSaysWhatIsComplete(t *testing.T) {
	cases := map[string]struct{ manifest, want string }{
		"all there":      {`{"output":[{"type":"Patient","url":"https://x.example/f/Patient.ndjson","count":2},{"type":"Consent","url":"https://x.example/f/Consent.ndjson"}]}`, ""},
		"one is missing": {`{"output":[{"type":"Patient","url":"Patient.ndjson"},{"type":"Consent","url":"Consent.ndjson"},{"type":"Consent","url":"Consent.2.ndjson"}]}`, "Consent.2.ndjson: is missing"},
		"one too many":   {`{"output":[{"type":"Patient","url":"Patient.ndjson"}]}`, "Consent.ndjson: is not in the manifest"},
		"another type":   {`{"output":[{"type":"Group","url":"Patient.ndjson"},{"type":"Consent","url":"Consent.ndjson"}]}`, "Patient.ndjson: is of another type"},
		"no manifest":    {`{"outputs":[]}`, "manifest.json: is no manifest"},
		"cut short":      {`{"output":[{"type":`, "manifest.json: is no manifest"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "Patient.ndjson", "{}\n{}\n")
			write(t, dir, "Consent.ndjson", "{}\n")
			write(t, dir, "manifest.json", c.manifest)
			l, err := files.List(dir)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, want %s", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if l.Manifest.Counts("Patient.ndjson", 2) != nil || l.Manifest.Counts("Patient.ndjson", 1) == nil || l.Manifest.Counts("Consent.ndjson", 7) != nil {
				t.Error("the count is not what decides")
			}
		})
	}
}

func TestLinesStandWhereTheirPlaceSays(t *testing.T) {
	dir := t.TempDir()
	long := strings.Repeat("x", 200_000)
	write(t, dir, "Patient.ndjson", "first\r\n\n"+long+"\n  \nlast")
	f := open(t, dir)
	var got []files.Line
	if err := f.Lines(func(l files.Line) error { got = append(got, l); return nil }); err != nil {
		t.Fatal(err)
	}
	want := map[int]string{1: "first", 3: long, 5: "last"}
	if len(got) != len(want) {
		t.Fatalf("%d lines", len(got))
	}
	for _, l := range got {
		if string(l.Text) != want[l.Number] {
			t.Errorf("line %d is another", l.Number)
		}
		again, err := f.At(l.Place)
		if err != nil || string(again) != want[l.Number] {
			t.Errorf("line %d read again: %v", l.Number, err)
		}
	}
}

func TestALineThatIsTooLongIsAProblemOfItsPlace(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "Patient.ndjson", "ok\n"+strings.Repeat("x", files.MaxLine+1)+"\n")
	err := open(t, dir).Lines(func(files.Line) error { return nil })
	if p, ok := errors.AsType[files.Problem](err); !ok || p.Line != 2 {
		t.Error(err)
	}
}

func TestAReplacedFileCanStillBeReadAndAnOverwrittenOneCannot(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "Patient.ndjson", "one\n")
	f := open(t, dir)
	var place files.Place
	if err := f.Lines(func(l files.Line) error { place = l.Place; return nil }); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "new", "two\n")
	if err := os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "Patient.ndjson")); err != nil {
		t.Fatal(err)
	}
	if text, err := f.At(place); err != nil || string(text) != "one" {
		t.Errorf("%q, %v", text, err)
	}
	f = open(t, dir)
	if err := f.Lines(func(l files.Line) error { place = l.Place; return nil }); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond) // the file system's clock is coarse
	write(t, dir, "Patient.ndjson", "six\n")
	if _, err := f.At(place); !errors.Is(err, practice.ErrUnavailable) {
		t.Errorf("a line that is another by now: %v", err)
	}
	if err := f.Lines(func(files.Line) error { return nil }); !errors.Is(err, practice.ErrUnavailable) {
		t.Errorf("a file that is another by now: %v", err)
	}
}

func TestAChangeShowsOrTheListingIsNotSettled(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "Patient.ndjson", "one\n")
	before := list(t, dir)
	if before.Settled() {
		t.Error("a file that was written just now may be written again without showing it")
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "Patient.ndjson"), old, old); err != nil {
		t.Fatal(err)
	}
	if list(t, dir).Same(before) {
		t.Error("another time does not show")
	}
	write(t, dir, "Consent.ndjson", "")
	if list(t, dir).Same(before) {
		t.Error("another file does not show")
	}
}
