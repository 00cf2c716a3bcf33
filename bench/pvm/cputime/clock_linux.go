// Package cputime is the clock that programs and compilers are timed with.
package cputime

import (
	"time"

	"golang.org/x/sys/unix"
)

// Thread is the CPU time that the thread has used: other jobs of the machine do not count. Between two looks at it a
// goroutine must stay on its thread.
func Thread() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
