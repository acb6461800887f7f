package ledger

import (
	"encoding/binary"
	"maps"
	"slices"
	"time"
	"unsafe"
)

// The form of a record. All numbers are varints; a "name" is the number of a text (names.go).
//
//	version(1) flags(1) newNames
//	at(8, Unix nanoseconds) requestID(text) partner interaction status client chartVersion
//	purposes(n, names) consents(n, name and name of the version) released(n, differences of names) withheld(n, name and count) digest(32)

//
// A commit holds records one after the other, each behind its length. Records come in groups of what waited for the disk together, and
// SQLite's work is then one row for a group.

const formatVersion = 1

func appendRecord(commit, record []byte) []byte {
	return append(binary.AppendUvarint(commit, uint64(len(record))), record...)
}

// split gives the records of a commit.
func split(commit []byte) (records [][]byte, err error) {
	r := &reader{b: commit}
	for len(r.b) > 0 && r.err == nil {
		n := r.uvarint()
		if n == 0 || n > uint64(len(r.b)) {
			return nil, errFormat
		}
		records = append(records, r.take(int(n)))
	}
	return records, r.err
}

const (
	flagRestart     = 1 << 0 // names begin again with this record
	flagAccountable = 1 << 1
	flagIndividual  = 1 << 2
	flagAuthorized  = 1 << 3
	flagPart2       = 1 << 4
	flagsKnown      = 1<<5 - 1
)

// encoder writes the records of one chain, in order.
type encoder struct {
	names   *namer
	restart bool
	body    []byte
	lists   map[*string]list // what was released before, by where the list lies
}

// list is a list of names, already encoded. It keeps what was released in memory, so that nothing else can come to lie there.
type list struct {
	released []string
	encoded  []byte
}

// maxLists bounds the lists that are remembered.
const maxLists = 1 << 12

func newEncoder() *encoder {
	return &encoder{names: newNamer(), restart: true, lists: map[*string]list{}}
}

// forget begins the names again with the next record: after records were encoded that did not get into the chain.
func (e *encoder) forget() {
	e.names, e.restart = newNamer(), true
	clear(e.lists)
}

// encode gives the record's bytes. The record has been checked.
func (e *encoder) encode(r *Record) []byte {
	if len(e.names.numbers) > maxNames {
		e.forget()
	}
	flags := r.flags()
	if e.restart {
		flags |= flagRestart
	}
	e.encodeBody(r)
	out := make([]byte, 0, len(e.body)+len(e.names.fresh)+8)
	out = e.names.take(append(out, formatVersion, flags))
	e.restart = false
	return append(out, e.body...)
}

// flags are what a record says by yes or no.
func (r *Record) flags() byte {
	flags := byte(0)
	for _, f := range [...]struct {
		flag byte
		set  bool
	}{{flagAccountable, r.Accountable}, {flagIndividual, r.ToIndividual}, {flagAuthorized, r.Authorized}, {flagPart2, r.Part2}} {
		if f.set {
			flags |= f.flag
		}
	}
	return flags
}

func (e *encoder) encodeBody(r *Record) {
	b := binary.BigEndian.AppendUint64(e.body[:0], uint64(r.At.UnixNano()))
	b = appendText(b, r.RequestID)
	b = e.name(b, r.Partner)
	b = e.name(b, r.Interaction)
	b = binary.AppendUvarint(b, uint64(r.Status))
	b = e.name(b, r.Client)
	b = e.name(b, r.ChartVersion)
	b = binary.AppendUvarint(b, uint64(len(r.Purposes)))
	for _, p := range r.Purposes {
		b = e.name(b, p)
	}
	b = binary.AppendUvarint(b, uint64(len(r.Consents)))
	for _, c := range r.Consents {
		b = e.name(b, c.Reference)
		b = e.name(b, string(c.Version[:]))
	}
	b = e.released(b, r.Released)
	b = binary.AppendUvarint(b, uint64(len(r.Withheld)))
	for _, reason := range slices.Sorted(maps.Keys(r.Withheld)) {
		b = e.name(b, reason)
		b = binary.AppendUvarint(b, uint64(r.Withheld[reason]))
	}
	b = append(b, r.Digest[:]...)
	e.body = b
}

// released writes the names of what was released. The same page is asked for again and again.
func (e *encoder) released(b []byte, released []string) []byte {
	at := unsafe.SliceData(released)
	if l, ok := e.lists[at]; ok && len(l.released) == len(released) {
		return append(b, l.encoded...)
	}
	begin := len(b)
	b = binary.AppendUvarint(b, uint64(len(released)))
	last := uint64(0)
	for _, id := range released {
		n := e.names.number(id)
		b = binary.AppendVarint(b, int64(n)-int64(last))
		last = n
	}
	if len(e.lists) == maxLists {
		clear(e.lists)
	}
	if len(released) > 1 {
		e.lists[at] = list{released: released, encoded: slices.Clone(b[begin:])}
	}
	return b
}

func (e *encoder) name(b []byte, s string) []byte { return binary.AppendUvarint(b, e.names.number(s)) }

// decoder reads the records of one chain, in order, from its first.
type decoder struct {
	names names
	// only, if set, is the one client whose records are read whole. Of the others the time, the recipient and the client are.
	only string
}

// decodeCommit reads the records of a commit; nil for one that cannot be read. After such a one nothing can until the names begin again.
func (d *decoder) decodeCommit(b []byte) ([]*Record, error) {
	parts, err := split(b)
	if err != nil {
		d.names = names{}
		return nil, err
	}
	records := make([]*Record, len(parts))
	for i, p := range parts {
		r, problem := d.decode(p)
		if problem != nil {
			d.names = names{}
			err = problem
			continue
		}
		records[i] = &r
	}
	return records, err
}

// decode reads one record whole.
func (d *decoder) decode(b []byte) (Record, error) {
	r := &reader{b: b}
	if r.byte() != formatVersion {
		return Record{}, errFormat
	}
	flags := r.byte()
	if r.err != nil || flags&^flagsKnown != 0 || len(d.names.texts) == 0 && flags&flagRestart == 0 {
		return Record{}, errFormat
	}
	if flags&flagRestart != 0 {
		d.names.reset()
	}
	d.names.learn(r)
	out := Record{
		Accountable: flags&flagAccountable != 0, ToIndividual: flags&flagIndividual != 0, Authorized: flags&flagAuthorized != 0, Part2: flags&flagPart2 != 0,
	}
	d.head(r, &out)
	if d.only != "" && out.Client != d.only && r.err == nil {
		return out, nil
	}
	d.lists(r, &out)
	copy(out.Digest[:], r.take(len(out.Digest)))
	if r.err != nil || len(r.b) != 0 {
		return Record{}, errFormat
	}
	return out, nil
}

func (d *decoder) head(r *reader, out *Record) {
	if at := r.take(8); at != nil {
		out.At = time.Unix(0, int64(binary.BigEndian.Uint64(at))).UTC()
	}
	out.RequestID = r.text()
	out.Partner = d.names.text(r)
	out.Interaction = d.names.text(r)
	out.Status = int(min(r.uvarint(), 1000))
	out.Client = d.names.text(r)
	out.ChartVersion = d.names.text(r)
}

func (d *decoder) lists(r *reader, out *Record) {
	for n := r.uvarint(); n > 0 && r.err == nil; n-- {
		out.Purposes = append(out.Purposes, d.names.text(r))
	}
	for n := r.uvarint(); n > 0 && r.err == nil; n-- {
		c := ConsentUse{Reference: d.names.text(r)}
		if version := d.names.text(r); len(version) != len(c.Version) {
			r.err = errFormat
		} else {
			copy(c.Version[:], version)
		}
		out.Consents = append(out.Consents, c)
	}
	last := int64(0)
	for n := r.uvarint(); n > 0 && r.err == nil; n-- {
		last += r.varint()
		out.Released = append(out.Released, d.names.at(r, uint64(last)))
	}
	for n := r.uvarint(); n > 0 && r.err == nil; n-- {
		if out.Withheld == nil {
			out.Withheld = map[string]uint32{}
		}
		reason := d.names.text(r)
		out.Withheld[reason] = uint32(min(r.uvarint(), 1<<32-1))
	}
}
