// Package looptest has a loop for tests, whose clock stands still until it is told to go on. Work that is handed to it is
// done when its turn comes, so that everything happens in one order.
package looptest

import (
	"slices"
	"time"

	"damson/node/loop"
)

// Loop is a loop.Loop for one goroutine.
type Loop struct {
	now    time.Time
	ready  []func()
	timers []*timer // by time, and those of one time in the order in which they were set
}

type timer struct {
	at   time.Time
	do   func()
	loop *Loop
}

var _ loop.Loop = (*Loop)(nil)

// New makes a loop at a time.
func New(now time.Time) *Loop { return &Loop{now: now} }

// Now is the time.
func (l *Loop) Now() time.Time { return l.now }

// Post runs a function after those posted before.
func (l *Loop) Post(do func()) { l.ready = append(l.ready, do) }

// After runs a function when so much time has passed.
func (l *Loop) After(d time.Duration, do func()) loop.Timer {
	t := &timer{l.now.Add(max(d, 0)), do, l}
	at, _ := slices.BinarySearchFunc(l.timers, t, func(other, t *timer) int {
		if other.at.After(t.at) {
			return 1
		}
		return -1
	})
	l.timers = slices.Insert(l.timers, at, t)
	return t
}

// Stop keeps the function from running.
func (t *timer) Stop() {
	if i := slices.Index(t.loop.timers, t); i >= 0 {
		t.loop.timers = slices.Delete(t.loop.timers, i, i+1)
	}
}

// Go runs work when all that was posted before has run, whatever the queue.
func (l *Loop) Go(_ string, work func() func()) {
	l.Post(func() {
		if then := work(); then != nil {
			l.Post(then)
		}
	})
}

// Run runs what is ready to run, and what comes of it.
func (l *Loop) Run() {
	for len(l.ready) > 0 {
		do := l.ready[0]
		l.ready = l.ready[1:]
		do()
	}
}

// Advance lets time pass, and runs what becomes ready on the way.
func (l *Loop) Advance(d time.Duration) {
	end := l.now.Add(d)
	for l.Run(); len(l.timers) > 0 && !l.timers[0].at.After(end); l.Run() {
		t := l.timers[0]
		l.timers = l.timers[1:]
		l.now = t.at
		t.do()
	}
	l.now = end
}

// AdvanceTo is Advance up to a time.
func (l *Loop) AdvanceTo(end time.Time) { l.Advance(end.Sub(l.now)) }
