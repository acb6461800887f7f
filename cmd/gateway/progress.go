package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// progress is a bar on a terminal. A nil one shows nothing.
type progress struct {
	mu    sync.Mutex
	out   *os.File
	next  time.Time
	shown bool
	done  bool
}

// progressOn gives a bar on the file if that is a terminal: in a log it would be noise.
func progressOn(out *os.File) *progress {
	info, err := out.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	return &progress{out: out, next: time.Now().Add(300 * time.Millisecond)}
}

const barWidth = 40

// show draws how far something is, a few times a second, and nothing for what is soon over.
func (p *progress) show(done, total int64) {
	if p == nil || total <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.done || now.Before(p.next) {
		return
	}
	p.next, p.shown = now.Add(100*time.Millisecond), true
	fmt.Fprint(p.out, bar(done, total))
}

// bar is one picture of the bar.
func bar(done, total int64) string {
	done = min(done, total)
	filled := int(done * barWidth / total)
	return fmt.Sprintf("\rreading [%s%s] %3d %% of %d MB", strings.Repeat("#", filled), strings.Repeat(".", barWidth-filled), done*100/total, total>>20)
}

// clear takes the bar away; nothing is drawn after it.
func (p *progress) clear() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done = true; p.shown {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
