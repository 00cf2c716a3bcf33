package bandersnatch

import (
	"sync"
	"sync/atomic"
)

// each calls f with 0 to n−1, from up to the given number of goroutines, the caller's included, and waits for all. A panic of
// f is one of each, so that the caller can recover it.
func each(workers, n int, f func(i int)) {
	workers = min(workers, n)
	if workers <= 1 {
		for i := range n {
			f(i)
		}
		return
	}
	var next atomic.Int64
	var fault atomic.Pointer[any]
	work := func() {
		defer func() {
			if r := recover(); r != nil {
				fault.CompareAndSwap(nil, &r)
			}
		}()
		for {
			i := int(next.Add(1)) - 1
			if i >= n {
				return
			}
			f(i)
		}
	}
	var group sync.WaitGroup
	for range workers - 1 {
		group.Go(work)
	}
	work()
	group.Wait()
	if r := fault.Load(); r != nil {
		panic(*r) //nolint:forbidigo // it is one already
	}
}
