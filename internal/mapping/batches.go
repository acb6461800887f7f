package mapping

import (
	"fmt"

	"github.com/consentry/gateway/internal/practice"
)

// mapper maps the rows of one map in batches: few rows when all of them are read, many while the database yields the next. Only one goroutine
// uses the run at a time.
type mapper struct {
	maps  *Maps
	run   *run
	of    *rowMap
	made  []made
	batch batch // is being filled

	full, empty chan batch // nil until the second goroutine begins
	done        chan struct{}
	panicked    any
}

// batch is rows that wait, one behind the other.
type batch struct {
	values []practice.Value
	bytes  int
}

// A batch is full with so many rows, or with so many bytes of texts and files.
const (
	batchRows  = 64
	batchBytes = 256 << 10
)

func (m *Maps) newMapper(x *run, rm *rowMap) *mapper {
	return &mapper{maps: m, run: x, of: rm}
}

// add takes a row, whose slice the reader will use again.
func (p *mapper) add(row practice.Row) error {
	if len(row) != len(p.of.query.Columns) {
		return fmt.Errorf("mapping: %s: the source yields another number of columns than declared", p.of.kind)
	}
	for i := range row {
		p.batch.bytes += len(row[i].Text) + len(row[i].Bytes)
	}
	p.batch.values = append(p.batch.values, row...)
	if len(p.batch.values) >= batchRows*len(row) || p.batch.bytes >= batchBytes {
		p.hand()
	}
	return nil
}

// hand gives a full batch to the second goroutine. There are two: one is filled while the other is mapped.
func (p *mapper) hand() {
	if p.full == nil {
		p.full, p.empty, p.done = make(chan batch, 1), make(chan batch, 2), make(chan struct{})
		p.empty <- batch{values: make([]practice.Value, 0, cap(p.batch.values))}
		go p.work()
	}
	p.full <- p.batch
	p.batch = <-p.empty
}

func (p *mapper) work() {
	defer close(p.done)
	for b := range p.full {
		p.guarded(b)
		clear(b.values) // what they refer to belongs to nobody now
		p.empty <- batch{values: b.values[:0]}
	}
}

// guarded maps a batch, unless a row before it has panicked: that is the reader's to know, here it would end the process.
func (p *mapper) guarded(b batch) {
	defer func() {
		if v := recover(); v != nil {
			p.panicked = v
		}
	}()
	if p.panicked == nil {
		p.each(b)
	}
}

func (p *mapper) each(b batch) {
	width := len(p.of.query.Columns)
	for rest := b.values; len(rest) > 0; rest = rest[width:] {
		p.run.row = rest[:width:width]
		p.made = append(p.made, p.maps.row(p.run, p.of))
	}
}

// finish maps what is left, after the last row.
func (p *mapper) finish() {
	if p.full == nil {
		p.each(p.batch)
		return
	}
	p.full <- p.batch
	p.close()
	if p.panicked != nil {
		panic(p.panicked)
	}
}

// close ends the second goroutine. Whoever makes a mapper closes it.
func (p *mapper) close() {
	if p.full != nil {
		close(p.full)
		<-p.done
		p.full = nil
	}
}
