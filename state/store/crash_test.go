package store

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/state"
)

// childEnv names the variable that makes the test program the child of TestKilled, in the folder that it names.
const childEnv = "DAMSON_STORE_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		if err := crashed.run(dir, func(n int) { fmt.Println("synced", n) }); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// crashed is the chain of the crash tests: blocks, forks and finality.
var crashed = crashChain{model{seed: 11, keys: 300}, 1500, Options{
	Params: protocol.Tiny(), CacheBytes: 1 << 20, StateSlots: 30, BlockSlots: 200,
}}

type crashChain struct {
	model
	last int // block
	opts Options
}

// run opens the store and imports from where it is to the end, telling of what is acknowledged.
func (c crashChain) run(dir string, synced func(n int)) (err error) {
	s, err := Open(dir, c.opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return c.extendTo(s, c.last, synced)
}

// extendTo imports up to a block, with forks, finality and an acknowledgement now and then.
func (c crashChain) extendTo(s *Store, last int, synced func(n int)) error {
	best, ok, err := s.Best()
	if err != nil {
		return err
	}
	n := 0
	var prior *state.State
	if ok {
		n = int(best.Height) + 1
		if prior, err = s.State(best.Hash); err != nil {
			return err
		}
	}
	for ; n <= last; n++ {
		if n > 0 && n%7 == 0 {
			fork := c.block(n, 1, 0, prior)
			fork.Best = false
			if _, err := s.Commit(fork); err != nil {
				return err
			}
		}
		if prior, err = s.Commit(c.block(n, 0, 0, prior)); err != nil {
			return err
		}
		if n%10 == 0 && n > 20 {
			if err := s.Finalize(c.hash(n-10, 0)); err != nil && !errors.Is(err, ErrNotDescendant) {
				return err
			}
		}
		if n%5 == 0 {
			if err := s.Sync(); err != nil {
				return err
			}
			synced(n)
		}
	}
	return nil
}

// roots gives the roots of all states.
func (c crashChain) roots() []protocol.Hash {
	list := make([]protocol.Hash, c.last+1)
	s := state.New(c.opts.Params, c.changes(0, 0))
	for n := range list {
		if n > 0 {
			s = s.Apply(&state.Delta{Services: c.changes(n, 0)})
		}
		list[n] = s.Root()
	}
	return list
}

// check opens what a crash left behind. It must be a chain at least as long as what was acknowledged, whole and without
// anything that nobody needs.
func (c crashChain) check(t *testing.T, dir string, opts Options, roots []protocol.Hash, acknowledged int) (reached int) {
	t.Helper()
	s, err := Open(dir, opts)
	if err != nil {
		t.Fatalf("after the crash: %v", err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	best, ok, err := s.Best()
	if err != nil || !ok && acknowledged >= 0 {
		t.Fatalf("after the crash the best block is %v, %v; %d was acknowledged", best, err, acknowledged)
	}
	if !ok {
		return -1
	}
	reached = int(best.Height)
	if reached < acknowledged {
		t.Fatalf("block %d was acknowledged and is lost; %d is best", acknowledged, reached)
	}
	got, err := s.State(best.Hash)
	if err != nil {
		t.Fatal(err)
	}
	if got.Root() != roots[reached] {
		t.Fatalf("block %d: root %s, want %s", reached, got.Root(), roots[reached])
	}
	if octets, err := s.Block(best.Hash); err != nil || !bytes.HasPrefix(octets, c.header(reached, 0)) {
		t.Fatalf("block %d is %x, %v", reached, octets, err)
	}
	if s.hasFinal {
		if err := s.prune(); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := s.BySlot(0, 1<<31)
	if err != nil {
		t.Fatal(err)
	}
	checkRecords(t, s, entries)
	return reached
}

func crashes() int {
	if vectors.Thorough() {
		return 500
	}
	return 20
}

// TestKilled kills a process that imports, at random moments.
func TestKilled(t *testing.T) {
	seed := vectors.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 1))
	roots := crashed.roots()
	dir, reached, chains := t.TempDir(), -1, 0
	for range crashes() {
		acknowledged := max(reached, crashed.killed(t, dir, time.Duration(rng.IntN(300))*time.Millisecond))
		reached = crashed.check(t, dir, crashed.opts, roots, acknowledged)
		if reached == crashed.last {
			dir, reached, chains = t.TempDir(), -1, chains+1
		}
	}
	if err := crashed.run(dir, func(int) {}); err != nil {
		t.Fatal(err)
	}
	if crashed.check(t, dir, crashed.opts, roots, crashed.last) != crashed.last {
		t.Fatal("the chain does not end where it must")
	}
	vectors.Figure(t, "crashes", "%d kills, %d chains of %d blocks, no loss; seed %d", crashes(), chains+1, crashed.last, seed)
}

// killed runs a child, kills it after a while and gives the last block that it acknowledged.
func (c crashChain) killed(t *testing.T, dir string, after time.Duration) (acknowledged int) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childEnv+"="+dir)
	var stderr strings.Builder
	child.Stderr = &stderr
	out, err := child.StdoutPipe()
	if err == nil {
		err = child.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = child.Process.Kill() }) // it may have ended
	defer timer.Stop()
	acknowledged = -1
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if n, err := strconv.Atoi(strings.TrimPrefix(lines.Text(), "synced ")); err == nil {
			acknowledged = n
		}
	}
	err = child.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.Exited()) {
		t.Fatalf("the child failed: %v: %s", err, stderr.String())
	}
	return acknowledged
}
