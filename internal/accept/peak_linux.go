package main

import (
	"os"
	"syscall"
)

// peakKiB is the most memory that an ended process held at once.
func peakKiB(p *os.ProcessState) int64 {
	if usage, ok := p.SysUsage().(*syscall.Rusage); ok {
		return usage.Maxrss
	}
	return 0
}
