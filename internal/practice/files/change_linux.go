package files

import (
	"os"
	"syscall"
	"time"
)

// lastChange is when a file was last changed in any way: its inode's time too, which a copy that keeps the time of the original cannot set.
func lastChange(i os.FileInfo) time.Time {
	t := i.ModTime()
	if s, ok := i.Sys().(*syscall.Stat_t); ok {
		if c := time.Unix(s.Ctim.Unix()); c.After(t) {
			return c
		}
	}
	return t
}
