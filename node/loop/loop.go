// Package loop is where a node thinks: one goroutine that does one thing after another, so that the node's duties need no
// locks, and a simulation can run whole nodes in an order that follows from a seed.
//
// Duties do not start goroutines, sleep, or read the clock: they ask their Loop. What takes long (executing a block, making
// a proof, writing to disk) they hand to Go and hear of when it is done.
package loop

import "time"

// Loop runs functions one after another. New makes the real one; node/sim has one with a clock of its own.
type Loop interface {
	// Now is the time.
	Now() time.Time
	// Post runs a function on the loop, after those posted before. It is safe for concurrent use; all else is for the
	// loop's own goroutine.
	Post(do func())
	// After runs a function on the loop when so much time has passed.
	After(d time.Duration, do func()) Timer
	// Go runs work beside the loop, and on the loop what the work returns, unless that is nil. Work of one queue is done in order,
	// one after another; the empty name means that it waits for nothing.
	Go(queue string, work func() (then func()))
}

// Timer is a function that waits for its time.
type Timer interface {
	// Stop keeps the function from running, if it has not run yet.
	Stop()
}
