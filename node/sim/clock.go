package sim

import (
	"time"

	"damson/node/loop"
)

// clock is the time of a world: what will happen, in order. What happens at one time happens in the order in which it was planned.
type clock struct {
	now    time.Time
	queue  []event // a heap
	serial uint64
}

type event struct {
	at     int64 // nanoseconds
	serial uint64
	do     func()
}

func (e *event) before(other *event) bool {
	return e.at < other.at || e.at == other.at && e.serial < other.serial
}

// Now implements simnet.Scheduler.
func (c *clock) Now() time.Time { return c.now }

// After implements simnet.Scheduler.
func (c *clock) After(d time.Duration, do func()) {
	c.serial++
	c.queue = append(c.queue, event{c.now.UnixNano() + int64(max(d, 0)), c.serial, do})
	q := c.queue
	for i := len(q) - 1; i > 0; {
		up := (i - 1) / 2
		if q[up].before(&q[i]) {
			break
		}
		q[up], q[i] = q[i], q[up]
		i = up
	}
}

// pop takes what happens next.
func (c *clock) pop() event {
	q := c.queue
	next, last := q[0], len(q)-1
	q[0], q[last] = q[last], event{}
	q = q[:last]
	c.queue = q
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if q[child].before(&q[least]) {
				least = child
			}
		}
		if least == i {
			return next
		}
		q[least], q[i] = q[i], q[least]
		i = least
	}
}

// runUntil lets everything happen up to a time.
func (c *clock) runUntil(end time.Time) {
	for limit := end.UnixNano(); len(c.queue) > 0 && c.queue[0].at <= limit; {
		e := c.pop()
		c.now = time.Unix(0, e.at).UTC()
		e.do()
	}
	c.now = end
}

// life is the loop of a node between two crashes. What was planned in it does not happen after it.
type life struct {
	world *World
	node  *simNode
	skew  time.Duration // of its clock
	over  bool
	free  map[string]time.Time // when the last work of a queue is done
}

var _ loop.Loop = (*life)(nil)

func (l *life) alive(do func()) func() {
	return func() {
		if !l.over {
			do()
		}
	}
}

// Now implements loop.Loop.
func (l *life) Now() time.Time { return l.world.now.Add(l.skew) }

// Post implements loop.Loop.
func (l *life) Post(do func()) { l.world.After(0, l.alive(do)) }

type timer struct{ stopped bool }

// Stop implements loop.Timer.
func (t *timer) Stop() { t.stopped = true }

// After implements loop.Loop.
func (l *life) After(d time.Duration, do func()) loop.Timer {
	t := new(timer)
	l.world.After(d, func() {
		if !t.stopped && !l.over {
			do()
		}
	})
	return t
}

// How long work takes that is done beside a loop.
const (
	minWork = 200 * time.Microsecond
	maxWork = 40 * time.Millisecond
)

// Queues of the nodes' loops whose work ends with a note on disk.
var noting = map[string]bool{"author": true, "finality": true, "auditor": true, "guarantor/sign": true}

// Go implements loop.Loop: the work is done at some time before its end, so that a crash may come before, between and after.
func (l *life) Go(queue string, work func() func()) {
	begin := l.world.now
	if queue != "" && l.free[queue].After(begin) {
		begin = l.free[queue]
	}
	begin = begin.Add(l.world.between(minWork, maxWork))
	end := begin.Add(l.world.between(minWork, maxWork))
	if queue != "" {
		l.free[queue] = end
	}
	if noting[queue] {
		l.world.plan.atWork(l.node, queue, end.Sub(l.world.now))
	}
	var then func()
	l.world.After(begin.Sub(l.world.now), l.alive(func() {
		if noting[queue] {
			l.node.disk.durably(func() { then = work() })
		} else {
			then = work()
		}
	}))
	l.world.After(end.Sub(l.world.now), l.alive(func() {
		if then != nil {
			then()
		}
	}))
}
