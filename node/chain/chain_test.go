package chain_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"damson/internal/protocol"
	"damson/node/chain"
	"damson/node/importer"
	"damson/state/store"
)

func TestImport(t *testing.T) {
	w := newWorld(t)
	if w.chain.Best().Hash != w.genesis.Header || w.chain.Finalized() != w.chain.Best() {
		t.Fatal("the chain does not begin with the genesis")
	}
	a := w.grow(w.genesis.Header, 1, 0)
	b := w.grow(a.Hash, 3, 0)
	if w.chain.Best() != b || b.StateRoot != w.tips[b.Hash].State.Root() || b.State.Root() != b.StateRoot {
		t.Errorf("best is %+v, want the last block", w.chain.Best())
	}
	if b.Height != 2 || b.Slot != 3 || b.Ticketed || b.Header.Hash() != b.Hash || w.chain.Parent(b) != a {
		t.Errorf("the block is %+v", b)
	}
	if !w.chain.IsAncestor(a, b) || w.chain.IsAncestor(b, a) || !w.chain.IsAncestor(b, b) {
		t.Error("who is whose ancestor")
	}
	w.reopen()
	if best := w.chain.Best(); best.Hash != b.Hash || best.Height != 2 || w.chain.Parent(best).Hash != a.Hash {
		t.Errorf("after a restart best is %+v", best)
	}
}

// TestOrder gives a chain and a fork all at once, children first: whoever's parent is not there is refused, and all the others
// wait for theirs.
func TestOrder(t *testing.T) {
	w := newWorld(t)
	var all [][]byte
	parent := w.genesis.Header
	for slot := protocol.Slot(1); slot <= 8; slot++ {
		hash, octets := w.author(parent, slot, 0)
		all, parent = append(all, octets), hash
	}
	var told []string
	tell := func(name string) func(*chain.Block, error) {
		return func(b *chain.Block, err error) {
			if told = append(told, name); (err != nil) != strings.HasSuffix(name, "!") {
				t.Errorf("block %s: %v, %v", name, b, err)
			}
		}
	}
	w.chain.Import(all[7], tell("8!"))
	for i, octets := range all {
		w.chain.Import(octets, tell(fmt.Sprint(i+1)))
		w.chain.Import(bytes.Clone(octets), tell(fmt.Sprint(i+1)))
	}
	w.loop.Run()
	if got := strings.Join(told, " "); got != "8! 1 1 2 2 3 3 4 4 5 5 6 6 7 7 8 8" {
		t.Errorf("told of %s", got)
	}
	if w.chain.Best().Hash != parent {
		t.Error("the last block is not the best")
	}
}

// TestRivals gives the header of a good block with another body, before the good block and after it.
func TestRivals(t *testing.T) {
	w := newWorld(t)
	hash, good := w.author(w.genesis.Header, 1, 2)
	_, after := w.author(hash, 2, 0)
	bad := bytes.Clone(good)
	bad[len(bad)-1] ^= 1 // how many faults there are: not that many
	var errs [4]error
	for i, octets := range [][]byte{bad, good, bad, after} {
		w.chain.Import(octets, func(_ *chain.Block, err error) { errs[i] = err })
	}
	w.loop.Run()
	if errs[0] == nil || errs[1] != nil || errs[3] != nil {
		t.Errorf("errors %v", errs)
	}
	if w.chain.Best().Slot != 2 {
		t.Error("the bad twin has kept the good block out")
	}
}

func TestRefused(t *testing.T) {
	w := newWorld(t)
	a := w.grow(w.genesis.Header, 1, 0)
	b := w.grow(a.Hash, 2, 0)
	_, fork := w.author(a.Hash, 3, 0)
	_, late := w.author(w.genesis.Header, 2, 3)
	_, unknown := w.author(w.genesis.Header, 4, 0)
	unknown[0] ^= 1
	spoilt := bytes.Clone(fork)
	spoilt[200]++
	w.must(w.chain.Finalize(b))
	var refused int
	w.chain.Watch(chain.Events{Refused: func(protocol.Hash, error) { refused++ }})
	for name, tc := range map[string]struct {
		octets []byte
		want   error
	}{
		"unknown parent":       {unknown, importer.ErrUnknownParent},
		"of a finalized slot":  {late, store.ErrFinalized},
		"parent was finalized": {fork, importer.ErrUnknownParent},
	} {
		if _, err := w.give(tc.octets); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
	for n := range 290 {
		if _, err := w.give(fork[:n]); err == nil {
			t.Errorf("the first %d octets are a block", n)
		}
	}
	if _, bad := w.author(b.Hash, 5, 0); true {
		bad[240] ^= 1
		if _, err := w.give(bad); !errors.As(err, new(protocol.Invalid)) {
			t.Errorf("a spoilt block: %v", err)
		}
	}
	if refused != 4 || w.chain.Best() != b || len(w.chain.Leaves()) != 1 {
		t.Errorf("%d events of refusal", refused)
	}
}

// TestFuture holds blocks until their slot begins, and refuses those that are far ahead, up to the end of time.
func TestFuture(t *testing.T) {
	w := newWorld(t)
	first, soon := w.author(w.genesis.Header, 1001, 0)
	_, later := w.author(first, 1002, 0)
	_, far := w.author(w.genesis.Header, 1003, 0)
	_, last := w.author(w.genesis.Header, 1<<32-1, 0)
	var errs [4]error
	calls := 0
	for i, octets := range [][]byte{soon, later, far, last} {
		w.chain.Import(octets, func(_ *chain.Block, err error) { errs[i] = err; calls++ })
	}
	w.loop.Run()
	if !errors.Is(errs[2], chain.ErrFuture) || !errors.Is(errs[3], chain.ErrFuture) || calls != 2 {
		t.Errorf("%d calls: %v", calls, errs)
	}
	w.loop.Advance(6*time.Second - 1)
	if w.chain.Best().Slot != 0 {
		t.Error("a block was imported before its slot")
	}
	w.loop.Advance(1)
	if w.chain.Best().Slot != 1001 {
		t.Error("a block was not imported when its slot began")
	}
	w.loop.Advance(6 * time.Second)
	if w.chain.Best().Slot != 1002 || calls != 4 || errs[0] != nil || errs[1] != nil {
		t.Errorf("%d calls: %v", calls, errs)
	}
}

// TestEquivocation shows two blocks of one slot: neither may be on the best chain until finality has decided.
func TestEquivocation(t *testing.T) {
	w := newWorld(t)
	var events []string
	w.chain.Watch(chain.Events{
		Imported: func(b *chain.Block) { events = append(events, fmt.Sprint("imported ", b.Slot)) },
		Best: func(before, now *chain.Block) {
			events = append(events, fmt.Sprint("best ", before.Slot, "-", now.Slot))
		},
		Finalized:   func(b *chain.Block) { events = append(events, fmt.Sprint("finalized ", b.Slot)) },
		Equivocated: func(a, b *chain.Block) { events = append(events, fmt.Sprint("equivocated ", a.Slot, "-", b.Slot)) },
	})
	a := w.grow(w.genesis.Header, 1, 0)
	b := w.grow(a.Hash, 2, 0)
	c := w.grow(b.Hash, 3, 0)
	twin := w.grow(a.Hash, 2, 1)
	if w.chain.Best() != a {
		t.Errorf("best is of slot %d although slot 2 has two blocks", w.chain.Best().Slot)
	}
	d := w.grow(a.Hash, 4, 0) // built on the best: another fork, which is good
	if w.chain.Best() != d {
		t.Error("nobody can go on")
	}
	w.grow(twin.Hash, 5, 0)
	w.must(w.chain.Finalize(b))
	if w.chain.Best() != c {
		t.Errorf("finality has decided, but best is of slot %d", w.chain.Best().Slot)
	}
	w.loop.Run()
	got := strings.Join(events, ", ")
	want := "imported 1, best 0-1, imported 2, best 1-2, imported 3, best 2-3, imported 2, equivocated 2-2, best 3-1, " +
		"imported 4, best 1-4, imported 5, finalized 2, best 4-3"
	if got != want {
		t.Errorf("events\n%s, want\n%s", got, want)
	}
	if err := w.chain.Finalize(d); !errors.Is(err, store.ErrNotDescendant) {
		t.Errorf("a fork was finalized: %v", err)
	}
	if err := w.chain.Finalize(a); !errors.Is(err, store.ErrNotDescendant) {
		t.Errorf("finality went back: %v", err)
	}
	w.reopen()
	if w.chain.Best().Hash != c.Hash || w.chain.Finalized().Hash != b.Hash || w.chain.Block(d.Hash) != nil {
		t.Error("a restart changes the chain")
	}
}

// TestFinalizedMeanwhile finalizes a fork while a block of another one is executed.
func TestFinalizedMeanwhile(t *testing.T) {
	w := newWorld(t)
	a, b := w.grow(w.genesis.Header, 1, 0), w.grow(w.genesis.Header, 2, 0)
	next, onB := w.author(b.Hash, 3, 0)
	_, after := w.author(next, 4, 0)
	var errs [2]error
	for i, octets := range [][]byte{onB, after} {
		w.chain.Import(octets, func(_ *chain.Block, err error) { errs[i] = err })
	}
	w.loop.Post(func() { w.must(w.chain.Finalize(a)) })
	w.loop.Run()
	if !errors.Is(errs[0], store.ErrFinalized) || errs[1] == nil || w.chain.Best() != a {
		t.Errorf("errors %v", errs)
	}
	w.reopen()
	if w.chain.Best().Hash != a.Hash {
		t.Error("a restart changes the chain")
	}
}

func TestAudited(t *testing.T) {
	w := newWorld(t)
	audited := map[protocol.Slot]bool{1: true, 3: true}
	w.opts.Audited = func(b *chain.Block) bool { return audited[b.Slot] }
	w.reopen()
	a := w.grow(w.genesis.Header, 1, 0)
	b := w.grow(a.Hash, 2, 0)
	c := w.grow(b.Hash, 3, 0)
	if w.chain.Best() != c || w.chain.Candidate() != a {
		t.Error("a block may be built on before it is audited, and not be voted for")
	}
	told := 0
	w.chain.Watch(chain.Events{Candidate: func(b *chain.Block) {
		if told++; b != c {
			t.Error("another one is to be voted for")
		}
	}})
	audited[2] = true
	w.chain.Reconsider()
	w.chain.Reconsider()
	if w.chain.Candidate() != c || told != 1 {
		t.Errorf("audits do not count, or %d times", told)
	}
}

func TestCondemned(t *testing.T) {
	w := newWorld(t)
	a := w.grow(w.genesis.Header, 1, 0)
	b := w.grow(a.Hash, 2, 0)
	c := w.grow(b.Hash, 3, 0)
	w.chain.Condemn(b)
	if w.chain.Best() != a || w.chain.Candidate() != a || !w.chain.Condemned(c) || w.chain.Condemned(a) {
		t.Error("a block is built on that was condemned")
	}
	if w.grow(c.Hash, 4, 0); w.chain.Best() != a {
		t.Error("a block above a condemned one is built on")
	}
	if d := w.grow(a.Hash, 5, 0); w.chain.Best() != d {
		t.Error("a block beside a condemned one is not built on")
	}
	w.must(w.chain.Finalize(c)) // the others have decided
	if w.chain.Best().Parent != c.Hash || w.chain.Condemned(w.chain.Best()) {
		t.Error("what became final is still condemned")
	}
}

func TestOtherGenesis(t *testing.T) {
	w := newWorld(t)
	other := *w.header
	other.EpochMark = nil
	if err := chain.Start(w.store, &other, w.genesis.State); !errors.Is(err, chain.ErrOtherChain) {
		t.Errorf("%v, want %v", err, chain.ErrOtherChain)
	}
}

// TestBounds gives more blocks than may wait: those of a later slot, and those that come faster than they are executed.
func TestBounds(t *testing.T) {
	w := newWorld(t)
	_, octets := w.author(w.genesis.Header, 1, 0)
	_, soon := w.author(w.genesis.Header, 1001, 0)
	busy, future, good := 0, 0, 0
	count := func(_ *chain.Block, err error) {
		switch {
		case errors.Is(err, chain.ErrBusy):
			busy++
		case errors.Is(err, chain.ErrFuture):
			future++
		case err == nil:
			good++
		default:
			t.Error(err)
		}
	}
	for range 100 {
		w.chain.Import(soon, count)
	}
	w.loop.Run()
	if future != 36 || good+busy != 0 {
		t.Errorf("%d of 100 blocks of the next slot are refused", future)
	}
	for range 80_000 {
		w.chain.Import(octets, count)
	}
	w.loop.Run()
	if busy < 10_000 || busy+good != 80_000 {
		t.Errorf("%d refused, %d taken", busy, good)
	}
	w.loop.Advance(7 * time.Second)
	if good != 80_000-busy+64 || w.chain.Best().Hash == w.genesis.Header {
		t.Errorf("%d are good", good)
	}
	for range 100 { // all that was taken is given back
		if _, err := w.give(octets); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDeep goes back over many blocks that are not final, also after a restart, by a fork that is longer.
func TestDeep(t *testing.T) {
	w := newWorld(t)
	root := w.genesis.Header
	for slot := protocol.Slot(1); slot <= 100; slot++ {
		root = w.grow(root, slot, 0).Hash
	}
	tip := w.chain.Best()
	if tip.Height != 100 {
		t.Fatalf("the best block has %d behind it", tip.Height)
	}
	var moves int
	w.chain.Watch(chain.Events{Best: func(before, now *chain.Block) {
		if moves++; w.chain.CommonAncestor(before, now).Hash != w.genesis.Header || before != tip {
			t.Errorf("best moves from slot %d to %d", before.Slot, now.Slot)
		}
	}})
	fork := w.genesis.Header
	for i := range 101 {
		fork = w.grow(fork, protocol.Slot(200+i), 0).Hash
	}
	if w.chain.Best().Hash != fork || moves != 1 {
		t.Errorf("best is of slot %d after %d moves", w.chain.Best().Slot, moves)
	}
	if _, err := tip.State.Safrole(); err != nil {
		t.Error(err)
	}
	w.reopen()
	if w.chain.Best().Hash != fork || len(w.chain.Leaves()) != 2 {
		t.Error("a restart changes the chain")
	}
	w.must(w.chain.Finalize(w.chain.Block(root)))
	w.reopen()
	if w.chain.Best().Hash != root || w.chain.Best().Height != 100 || len(w.chain.Leaves()) != 1 {
		t.Errorf("after finality best is %+v", w.chain.Best())
	}
}
