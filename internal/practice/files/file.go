package files

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// MaxLine is the longest line that is read, in bytes.
const MaxLine = 16 << 20

// File is an open file of the folder. Its lines can be read again for as long as it is open, even when its name means another file by now.
type File struct {
	Stat
	handle *os.File
}

// Open opens a file that was listed. One that is another by now is an error.
func (l *Listing) Open(s Stat) (*File, error) {
	h, err := os.Open(filepath.Join(l.Dir, s.Name))
	if err != nil {
		return nil, unavailable(err)
	}
	f := &File{Stat: s, handle: h}
	if err := f.unchanged(); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return f, nil
}

// Close closes the file. A file that nobody holds any more is closed by itself.
func (f *File) Close() error { return f.handle.Close() }

var errChanged = errors.New("changed while it was read")

func (f *File) unchanged() error {
	info, err := f.handle.Stat()
	if err != nil {
		return unavailable(err)
	}
	if !f.Same(Stat{Name: f.Name, Type: f.Type, info: info}) {
		return unavailable(&os.PathError{Path: f.Name, Err: errChanged})
	}
	return nil
}

// Line is one line of a file.
type Line struct {
	Number int // from 1
	Place  Place
	Text   []byte
}

// Place is where a line stands, and what it says as a digest, so that a file that was written over in its place is found out.
type Place struct {
	Offset int64
	Length int32
	digest [16]byte
}

// Digest gives the SHA-256 of the whole file.
func (f *File) Digest() (d [sha256.Size]byte, err error) {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f.handle, 0, f.info.Size())); err != nil {
		return d, unavailable(err)
	}
	h.Sum(d[:0])
	return d, f.unchanged()
}

// Lines calls each for every line that is not blank. The text is the callee's. A file that changed meanwhile is an error.
func (f *File) Lines(each func(Line) error) error {
	r := bufio.NewReaderSize(io.NewSectionReader(f.handle, 0, f.info.Size()), 1<<16)
	var offset int64
	for number := 1; ; number++ {
		text, err := readLine(r)
		if errors.Is(err, errLong) {
			return Problem{File: f.Name, Line: number, Why: "is longer than 16 MB"}
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return unavailable(err)
		}
		trimmed := bytes.TrimRight(text, "\r\n")
		if len(bytes.TrimSpace(trimmed)) > 0 {
			at := Place{Offset: offset, Length: int32(len(trimmed)), digest: short(trimmed)}
			if err := each(Line{Number: number, Place: at, Text: trimmed}); err != nil {
				return err
			}
		}
		offset += int64(len(text))
		if err != nil {
			return f.unchanged()
		}
	}
}

var errLong = errors.New("files: a line is too long")

func readLine(r *bufio.Reader) (line []byte, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > MaxLine {
			return nil, errLong
		}
		line = append(line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// At reads a line again.
func (f *File) At(p Place) ([]byte, error) {
	text := make([]byte, p.Length)
	if _, err := f.handle.ReadAt(text, p.Offset); err != nil {
		return nil, unavailable(err)
	}
	if short(text) != p.digest {
		return nil, unavailable(&os.PathError{Path: f.Name, Err: errOverwritten})
	}
	return text, nil
}

var errOverwritten = errors.New("was written over since it was read")

func short(text []byte) [16]byte {
	d := sha256.Sum256(text)
	return [16]byte(d[:16])
}

// Size is how long the file is, in bytes.
func (f *File) Size() int64 { return f.info.Size() }
