//go:build !linux

// Package cputime is the clock that programs and compilers are timed with.
package cputime

import (
	"runtime"
	"time"
)

var began = time.Now()

// Thread is the time that has passed; there is no better clock here.
func Thread() time.Duration { return time.Since(began) }

// Pin keeps the goroutine on its thread. The function that it returns undoes that.
func Pin(int) (release func()) {
	runtime.LockOSThread()
	return runtime.UnlockOSThread
}
