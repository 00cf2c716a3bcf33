package cputime

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// Pin keeps the goroutine on its thread, and that thread, with the processes that it begins, on one processor: the n-th of those it may
// use, counted around. Where the system refuses it does nothing but the former. The function that it returns undoes it.
func Pin(n int) (release func()) {
	runtime.LockOSThread()
	release = runtime.UnlockOSThread
	var may, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &may); err != nil || may.Count() == 0 {
		return release
	}
	n %= may.Count()
	for cpu := 0; ; cpu++ {
		if !may.IsSet(cpu) {
			continue
		}
		if n == 0 {
			one.Set(cpu)
			break
		}
		n--
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return release
	}
	return func() {
		if err := unix.SchedSetaffinity(0, &may); err != nil {
			return // the thread ends with the goroutine, since it stays locked
		}
		runtime.UnlockOSThread()
	}
}
