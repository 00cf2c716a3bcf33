package jit

import (
	"runtime"
	"sync"

	"damson/jit/exec"
)

// maxEvicted is how much machine code may have been thrown out of the cache, and not been given back, before the garbage
// collector is asked to look whether anyone still has it. By itself it would not come: of a megabyte of machine code it
// sees an object of some hundred octets.
const maxEvicted = 16 << 20

// evicted is the machine code that was thrown out and is waiting for nobody to hold it.
type evicted struct {
	mu         sync.Mutex
	octets     int64
	floor      int64 // the least there was since the last collection that was asked for: somebody holds it
	collecting bool
}

// weight is what a piece of machine code counts.
type weight struct {
	native *exec.Code
	octets int64
	waits  bool // it was thrown out
}

// add counts code that was thrown out. The collection that this may lead to is not waited for.
func (v *evicted) add(w *weight) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if w.waits {
		return
	}
	w.waits = true
	v.octets += w.octets
	if v.octets-v.floor < maxEvicted || v.collecting {
		return
	}
	v.floor, v.collecting = v.octets, true
	go func() {
		runtime.GC()
		v.mu.Lock()
		defer v.mu.Unlock()
		v.collecting = false
	}()
}

// free gives the memory of code back that nobody has any more.
func (v *evicted) free(w *weight) {
	w.native.Free()
	v.mu.Lock()
	defer v.mu.Unlock()
	if w.waits {
		v.octets -= w.octets
		v.floor = min(v.floor, v.octets)
	}
}
