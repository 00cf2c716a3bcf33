//go:build unix

package main

import (
	"runtime"
	"syscall"
)

// peakMemory gives the most octets of memory that the process has had at once, or 0 if that is not known.
func peakMemory() int64 {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	peak := int64(usage.Maxrss) //nolint:unconvert // narrower on some platforms
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return peak // octets there
	}
	return peak << 10
}
