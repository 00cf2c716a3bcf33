package invariants

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// Fault is a panic as an error: this program failed, whatever it was asked to do.
type Fault struct {
	Value any    // what it panicked with
	Stack []byte // where
}

func (f *Fault) Error() string { return fmt.Sprintf("panic: %v\n%s", f.Value, f.Stack) }

// Guard calls do and makes a *Fault of a panic. Goroutines need it: a panic that nobody recovers there ends the process,
// whoever might have recovered it in the goroutine that began them.
func Guard(do func() error) (err error) {
	defer func() {
		switch value := recover().(type) {
		case nil:
		case *Fault:
			err = value // of a Group within
		default:
			err = &Fault{value, debug.Stack()}
		}
	}()
	return do()
}

// Group is a sync.WaitGroup for goroutines that may panic: their first panic becomes that of Wait. The zero value is ready
// for use.
type Group struct {
	wait  sync.WaitGroup
	first atomic.Pointer[Fault]
}

// Go calls f in a goroutine.
func (g *Group) Go(f func()) {
	g.wait.Go(func() {
		err := Guard(func() error {
			f()
			return nil
		})
		if fault, ok := errors.AsType[*Fault](err); ok {
			g.first.CompareAndSwap(nil, fault)
		}
	})
}

// Wait returns when all goroutines have ended, and panics with a *Fault if one of them did.
func (g *Group) Wait() {
	g.wait.Wait()
	if fault := g.first.Load(); fault != nil {
		panic(fault) //nolint:forbidigo // it is one already
	}
}
