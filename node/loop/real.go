package loop

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"
)

// Real is the Loop of a node that lives in real time: one goroutine, which is who calls Run, and a mailbox.
type Real struct {
	work int // at most so much work of the empty queue at once

	mu      sync.Mutex
	mail    []func()          // posted and not yet taken
	queues  map[string]*queue // with work in them
	pending int               // works that are not done, or whose result has not been posted
	ran     bool
	state   state
	wake    chan struct{} // has room for one: the mailbox is no longer empty, or it is time to stop

	timers map[*timer]struct{} // of the loop's goroutine
}

// queue is work that waits, and who does it.
type queue struct {
	waiting []func() func()
	workers int
}

type state uint8

const (
	running  state = iota
	draining       // asked to stop: what was begun is finished, timers are not waited for
	stopped        // nothing is taken any more
)

// keptMail is how large an empty mailbox may stay: a burst does not hold its memory for ever.
const keptMail = 4096

// ErrRan means that a loop was run twice.
var ErrRan = errors.New("loop: it runs already, or has run")

// Options configures New. The zero value is fit for production.
type Options struct {
	Work int // bound on the work of the empty queue that is done at once; 0 means one for each processor
}

// New makes a loop. Functions may be posted at once; they run when Run does.
func New(o Options) *Real {
	if o.Work <= 0 {
		o.Work = runtime.GOMAXPROCS(0)
	}
	return &Real{
		work: o.Work, queues: map[string]*queue{}, wake: make(chan struct{}, 1), timers: map[*timer]struct{}{},
	}
}

// Run does what is posted until the context is done or Stop is called. Then it drains: it stops the timers, waits for the work
// that Go was given, does what that returns and whatever is posted meanwhile, and returns. Later posts are forgotten.
func (l *Real) Run(ctx context.Context) error {
	l.mu.Lock()
	ran := l.ran
	l.ran = true
	l.mu.Unlock()
	if ran {
		return ErrRan
	}
	defer context.AfterFunc(ctx, l.Stop)()
	var batch []func()
	for {
		var rest state
		if batch, rest = l.take(batch); len(batch) == 0 {
			if rest == stopped {
				return nil
			}
			<-l.wake
			continue
		}
		for i, do := range batch {
			do()
			batch[i] = nil
		}
	}
}

// take gives all that was posted, and the room of the batch before for the next. With nothing left to do or to wait for, a loop
// that drains is stopped.
func (l *Real) take(empty []func()) ([]func(), state) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state == draining {
		l.stopTimers()
	}
	if cap(empty) > keptMail {
		empty = nil
	}
	batch := l.mail
	l.mail = empty[:0]
	if len(batch) == 0 && l.state == draining && l.pending == 0 {
		l.state = stopped
	}
	return batch, l.state
}

func (l *Real) stopTimers() {
	for t := range l.timers {
		t.Stop()
	}
}

// Stop asks Run to drain and return. It does not wait, and is safe for concurrent use.
func (l *Real) Stop() {
	l.mu.Lock()
	if l.state < draining {
		l.state = draining
	}
	l.mu.Unlock()
	l.ring()
}

// Now is the time of the machine's clock.
func (l *Real) Now() time.Time { return time.Now() }

// Post runs a function on the loop.
func (l *Real) Post(do func()) {
	l.mu.Lock()
	first := l.post(do)
	l.mu.Unlock()
	if first {
		l.ring()
	}
}

// post reports whether the loop may be asleep.
func (l *Real) post(do func()) bool {
	if l.state == stopped {
		return false
	}
	l.mail = append(l.mail, do)
	return len(l.mail) == 1
}

func (l *Real) ring() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// timer is a function that waits. All but what the clock calls is for the loop's goroutine.
type timer struct {
	loop  *Real
	clock *time.Timer
	do    func()
}

// After runs a function on the loop when so much time has passed.
func (l *Real) After(d time.Duration, do func()) Timer {
	t := &timer{loop: l, do: do}
	l.timers[t] = struct{}{}
	t.clock = time.AfterFunc(d, func() { l.Post(t.ring) })
	return t
}

func (t *timer) ring() {
	if do := t.do; do != nil {
		t.Stop()
		do()
	}
}

// Stop keeps the function from running, even if its time has come and it waits in the mailbox.
func (t *timer) Stop() {
	t.do = nil
	t.clock.Stop()
	delete(t.loop.timers, t)
}

// Go runs work beside the loop. A queue's worker lives while there is work for it. A panic of the work is not caught.
func (l *Real) Go(name string, work func() (then func())) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state == stopped {
		return
	}
	q := l.queues[name]
	if q == nil {
		q = &queue{}
		l.queues[name] = q
	}
	q.waiting = append(q.waiting, work)
	l.pending++
	most := 1
	if name == "" {
		most = l.work
	}
	if q.workers < most {
		q.workers++
		go l.serve(name, q)
	}
}

// serve does the work of a queue until none is left.
func (l *Real) serve(name string, q *queue) {
	for {
		l.mu.Lock()
		if len(q.waiting) == 0 {
			if q.workers--; q.workers == 0 {
				delete(l.queues, name)
			}
			l.mu.Unlock()
			return
		}
		work := q.waiting[0]
		q.waiting[0] = nil
		q.waiting = q.waiting[1:]
		l.mu.Unlock()
		l.done(work())
	}
}

// done posts what a work returned. The loop is woken in any case: it may be waiting for the last work.
func (l *Real) done(then func()) {
	l.mu.Lock()
	l.pending--
	if then != nil {
		l.post(then)
	}
	l.mu.Unlock()
	l.ring()
}
