package ledger

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Finding is a kind of damage that Verify finds.
type Finding string

// The findings.
const (
	NoCheckpoint      Finding = "there is no checkpoint: the ledger is empty or was emptied"
	CheckpointGap     Finding = "a checkpoint is missing"
	CheckpointLink    Finding = "the checkpoint does not follow the one before it"
	CheckpointForged  Finding = "the checkpoint's signature is not ours"
	CheckpointBack    Finding = "the checkpoint takes a chain back"
	AnchorMissing     Finding = "the checkpoint that was noted elsewhere is not there, or is another: the ledger was rolled back or replaced"
	TipForged         Finding = "the signature of the chain's end is not ours"
	TipBack           Finding = "the chain ends before what a checkpoint names: it was cut"
	CheckpointsCut    Finding = "the newest checkpoints are missing"
	ChainMissing      Finding = "a chain that a checkpoint names is missing"
	ChainUnknown      Finding = "no checkpoint knows this chain"
	RecordMissing     Finding = "records are missing"
	RecordChanged     Finding = "the record was changed, moved or put in"
	RecordUnreadable  Finding = "the record cannot be read"
	RecordAfterEnd    Finding = "the record stands behind the signed end of its chain"
	CheckpointDiffers Finding = "the chain is not the one that a checkpoint names"
)

// Problem is a finding and its place. Writer and Seq are empty where they do not apply; a checkpoint's number stands in Seq.
type Problem struct {
	Finding Finding
	Writer  string
	Seq     uint64
}

// Anchor names a checkpoint by number and hash: "12:9f86d0...". Noted outside the machine, it shows later whether the whole ledger was
// rolled back to an older copy, which nothing in the ledger itself can show.
type Anchor struct {
	Number uint64
	Hash   Hash
}

// String is the anchor as ParseAnchor reads it.
func (a Anchor) String() string {
	return strconv.FormatUint(a.Number, 10) + ":" + hex.EncodeToString(a.Hash[:])
}

// ParseAnchor reads what Anchor.String writes.
func ParseAnchor(s string) (Anchor, error) {
	number, hash, _ := strings.Cut(s, ":")
	n, err := strconv.ParseUint(number, 10, 63)
	b, err2 := hex.DecodeString(hash)
	if err != nil || err2 != nil || n == 0 || len(b) != len(Hash{}) {
		return Anchor{}, fmt.Errorf("ledger: an anchor is the number and hash of a checkpoint, as verify prints it")
	}
	return Anchor{Number: n, Hash: Hash(b)}, nil
}

// Report is what Verify found.
type Report struct {
	Chains, Records, Checkpoints int
	Last                         Anchor
	Problems                     []Problem // at most maxProblems
	More                         int       // further problems
}

// OK tells whether the ledger is whole.
func (r *Report) OK() bool { return len(r.Problems) == 0 }

const maxProblems = 100

func (r *Report) add(f Finding, writer WriterID, seq uint64) {
	if len(r.Problems) == maxProblems {
		r.More++
		return
	}
	p := Problem{Finding: f, Seq: seq}
	if writer != (WriterID{}) {
		p.Writer = writer.String()
	}
	r.Problems = append(r.Problems, p)
}

// Verify checks every chain, every signature and every gap. It finds a record that was changed, moved, put in or removed, a chain that was
// cut or removed, and checkpoints that were changed or removed. What it cannot find without an anchor: the whole file put back to an
// older copy of itself, or emptied and begun anew by someone who has the key. An error means that the ledger could not be read.
func (r *Reader) Verify(ctx context.Context, anchor *Anchor) (*Report, error) {
	v := &verification{reader: r, report: &Report{}, named: map[WriterID]map[uint64]Hash{}, least: map[WriterID]uint64{}}
	err := r.snapshot(ctx, func(q querier) error {
		if err := v.checkpoints(ctx, q, anchor); err != nil {
			return err
		}
		if err := v.tips(ctx, q); err != nil {
			return err
		}
		return v.records(ctx, q)
	})
	if err != nil {
		return nil, err
	}
	return v.report, nil
}

// verification is one run of Verify.
type verification struct {
	reader *Reader
	report *Report
	named  map[WriterID]map[uint64]Hash // the heads that checkpoints name
	least  map[WriterID]uint64          // the last of them
	ends   map[WriterID]tip
}

func (v *verification) checkpoints(ctx context.Context, q querier, anchor *Anchor) error {
	all, err := readCheckpoints(ctx, q, 0)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		v.report.add(NoCheckpoint, WriterID{}, 0)
	}
	anchored := anchor == nil
	var last Anchor
	for _, c := range all {
		v.checkpoint(c, last)
		last = Anchor{Number: c.number, Hash: c.hash()}
		anchored = anchored || last == *anchor
	}
	if !anchored {
		v.report.add(AnchorMissing, WriterID{}, anchor.Number)
	}
	v.report.Checkpoints, v.report.Last = len(all), last
	return nil
}

func (v *verification) checkpoint(c checkpoint, before Anchor) {
	if c.number != before.Number+1 {
		v.report.add(CheckpointGap, WriterID{}, before.Number+1)
	} else if c.prev != before.Hash {
		v.report.add(CheckpointLink, WriterID{}, c.number)
	}
	if !signed(v.reader.keys, c.message(), c.signature) {
		v.report.add(CheckpointForged, WriterID{}, c.number)
	}
	for _, h := range c.moved {
		if v.named[h.writer] == nil {
			v.named[h.writer] = map[uint64]Hash{}
		}
		if h.seq < v.least[h.writer] {
			v.report.add(CheckpointBack, h.writer, c.number)
		}
		v.named[h.writer][h.seq] = h.hash
		v.least[h.writer] = max(v.least[h.writer], h.seq)
	}
}

func (v *verification) tips(ctx context.Context, q querier) error {
	tips, err := readTips(ctx, q)
	if err != nil {
		return err
	}
	v.ends = make(map[WriterID]tip, len(tips))
	for _, t := range tips {
		v.ends[t.writer] = t
		if !signed(v.reader.keys, t.message(), t.signature) {
			v.report.add(TipForged, t.writer, t.seq)
		}
		if v.named[t.writer] == nil {
			v.report.add(ChainUnknown, t.writer, 0)
		}
		if t.seq < v.least[t.writer] {
			v.report.add(TipBack, t.writer, t.seq)
		}
		if t.checkpoint > v.report.Last.Number {
			v.report.add(CheckpointsCut, t.writer, t.checkpoint)
		}
	}
	for w := range v.named {
		if _, ok := v.ends[w]; !ok {
			v.report.add(ChainMissing, w, 0)
		}
	}
	v.report.Chains = len(tips)
	return nil
}

// walk is the state of going along one chain.
type walk struct {
	head
	decoder decoder
}

func (v *verification) records(ctx context.Context, q querier) error {
	at := walk{}
	seen := map[WriterID]bool{}
	for s, err := range readCommits(ctx, q) {
		if err != nil {
			return err
		}
		if !seen[s.writer] {
			v.end(at)
			at = walk{head: head{writer: s.writer}}
			seen[s.writer] = true
			if _, ok := v.ends[s.writer]; !ok {
				v.report.add(ChainUnknown, s.writer, s.seq)
			}
		}
		v.commit(&at, s)
	}
	v.end(at)
	for w, t := range v.ends {
		if !seen[w] && t.seq > 0 {
			v.report.add(RecordMissing, w, 1)
		}
	}
	return nil
}

// commit checks one link of a chain. What it finds stands under the number of the commit's last record.
func (v *verification) commit(at *walk, s stored) {
	records, err := split(s.records)
	gap := err == nil && s.seq != at.seq+uint64(len(records))
	if gap {
		v.report.add(RecordMissing, s.writer, at.seq+1)
	} else if link(s.writer, s.seq, at.hash, s.records) != s.hash {
		v.report.add(RecordChanged, s.writer, s.seq)
	}
	if _, err := at.decoder.decodeCommit(s.records); err != nil && !gap {
		v.report.add(RecordUnreadable, s.writer, s.seq)
	}
	v.report.Records += len(records)
	if hash, ok := v.named[s.writer][s.seq]; ok && hash != s.hash {
		v.report.add(CheckpointDiffers, s.writer, s.seq)
	}
	if t, ok := v.ends[s.writer]; ok && s.seq > t.seq {
		v.report.add(RecordAfterEnd, s.writer, s.seq)
	} else if ok && s.seq == t.seq && s.hash != t.hash {
		v.report.add(RecordChanged, s.writer, s.seq)
	}
	at.seq, at.hash = s.seq, s.hash
}

// end checks that a chain goes as far as its tip says.
func (v *verification) end(at walk) {
	if at.writer == (WriterID{}) {
		return
	}
	if t, ok := v.ends[at.writer]; ok && at.seq < t.seq {
		v.report.add(RecordMissing, at.writer, at.seq+1)
	}
}
