// Package demo shows each duty of a validator on a small live network, to somebody who knows chains and not JAM.
//
// A demo is a file: single.go, network.go, authoring.go, consensus.go, availability.go, auditing.go. Each starts real nodes in this
// process, which talk over QUIC, follows them step by step, and ends with a verdict. All that is told is read from the nodes
// (world.go), and the claims of the verdict are checked on what the nodes have in the end. narrator.go tells it, to people on a terminal
// and to programs as a Story. faults.go breaks a duty on purpose, so that tests can see that its demo notices.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"damson/internal/pvm"
)

// Demo is a duty that can be shown.
type Demo struct {
	Name  string
	About string
	run   func(ctx context.Context, s *show) error
}

// All gives the demos, in the order in which one builds on the other.
func All() []Demo {
	return []Demo{
		{"single", "one node and one block: what a state transition is, and the machine below it", single},
		{"network", "six nodes find each other over QUIC, pass a block on, and help a late one", network},
		{"authoring", "who may seal which block: a lottery whose tickets nobody can trace", authoring},
		{"consensus", "best is not final: GRANDPA, a network cut in two, and what happens after", consensus},
		{"availability", "work on its way through the cores, and its data back from a third of the shards", availability},
		{"auditing", "two validators sign a lie, and the others find out", auditing},
	}
}

// Options configures Run. What is not said to be optional must be set.
type Options struct {
	Engine pvm.Engine // of the nodes
	// Recompiler makes an engine that recompiles, and names what it makes of each block of a program on w, in the format of perf. An
	// error says why there is none here. Reference is the engine that it is held against.
	Recompiler func(w io.Writer) (pvm.Engine, error)
	Reference  pvm.Engine

	Dir    string    // for the nodes' data; each demo has a folder in it, and removes it
	Out    io.Writer // who is told; nil: nobody but the Story
	Live   bool      // Out is a terminal, on which a line can change
	Colour bool
	Width  int // of Out; 0 means 100

	Fast  bool          // short slots, for tests
	Slot  time.Duration // how long a slot lasts, where a machine is too busy for what Fast says; 0 means as each demo says
	Fault Fault         // for tests: a duty that is broken on purpose
}

// Story is what a demo has told, for programs.
type Story struct {
	Demo    string  `json:"demo"`
	About   string  `json:"about"`
	Steps   []*Step `json:"steps"`
	Verdict []Claim `json:"verdict"`
	Passed  bool    `json:"passed"`
	Error   string  `json:"error,omitempty"` // why it ended before its time
	Seconds float64 `json:"seconds"`
}

// Step is a part of a story.
type Step struct {
	Title     string   `json:"title"`
	GrayPaper string   `json:"gray_paper"`
	LookAt    string   `json:"look_at"`
	Told      []string `json:"told"`
}

// Claim is something that must be so, and what was found.
type Claim struct {
	Claim string `json:"claim"`
	Holds bool   `json:"holds"`
	Found string `json:"found"`
}

// Run runs a demo. The error says why there is no verdict; what is not as it must be is in the story.
func Run(ctx context.Context, d *Demo, o Options) (story *Story, err error) {
	s := &show{Options: o, story: &Story{Demo: d.Name, About: d.About}, began: time.Now()}
	if s.Dir, err = os.MkdirTemp(o.Dir, "damson-demo-"+d.Name+"-"); err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.Dir)) }()
	s.title(d)
	err = d.run(ctx, s)
	if err == nil {
		err = ctx.Err()
	}
	s.close(err)
	return s.story, err
}

// slot is how long one lasts, if it is this long in tests.
func (s *show) slot(fast time.Duration) time.Duration {
	switch {
	case s.Slot > 0:
		return s.Slot
	case s.Fast:
		return fast
	}
	return normalSlot
}

// The length of slots: for people, and for tests on a machine that has time.
const (
	normalSlot = time.Second
	fastSlot   = 300 * time.Millisecond
)

// Err says which claims of the verdict do not hold; nil if all do.
func (s *Story) Err() error {
	var errs []error
	for _, c := range s.Verdict {
		if !c.Holds {
			errs = append(errs, fmt.Errorf("demo %s: it is not so that %s: %s", s.Demo, c.Claim, c.Found))
		}
	}
	if !s.Passed && errs == nil {
		errs = append(errs, fmt.Errorf("demo %s: there is no verdict", s.Demo))
	}
	return errors.Join(errs...)
}
