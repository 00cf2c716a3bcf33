package finality

import (
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"damson/crypto/blake2b"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/loop"
)

var (
	seeds = flag.Int("seeds", 100, "how many simulated networks of voters")
	seed  = flag.Uint64("seed", 0, "the only seed to simulate")
)

// newWorld makes a network in which all that a seed can choose is chosen.
func newWorld(seed uint64, m Mistake) *world {
	r := rand.New(rand.NewPCG(seed, 0))
	w := emptyWorld(r, []int{4, 4, 5, 6, 7}[r.IntN(5)], protocol.Slot(4+r.IntN(20)), 6*time.Second)
	w.mistake = m
	w.loss = r.Float64() * 0.4
	w.latency = time.Duration(20+r.IntN(6000)) * time.Millisecond
	w.liars = r.IntN(3) > 0
	for _, n := range w.nodes[:(len(w.nodes)-1)/3] {
		n.liar = r.IntN(2) == 0
		n.faulty = !n.liar
	}
	for _, n := range w.nodes {
		n.start()
	}
	return w
}

// emptyWorld makes a network of nodes that do not run yet.
func emptyWorld(r *rand.Rand, count int, epoch protocol.Slot, slot time.Duration) *world {
	w := &world{
		rand: r, now: loop.CommonEra, slots: loop.Slots{Era: loop.CommonEra, Duration: slot},
		params: protocol.Tiny(), blocks: make(map[protocol.Hash]*simBlock), group: make([]int, count),
		sent:  make(map[jamnp.Kind]int),
		final: make(map[uint64]jamnp.Ballot), cast: make(map[castKey]jamnp.Ballot),
	}
	w.params.EpochLength, w.params.Validators = epoch, count
	genesis := &simBlock{Block: Block{Hash: protocol.Hash{1}, StateRoot: protocol.Hash{2}}}
	w.blocks[genesis.Hash] = genesis
	w.tip = genesis
	w.final[0] = genesis.ballot()
	for i := range count {
		w.nodes = append(w.nodes, &simNode{
			w: w, index: i, notes: make(map[string][]byte), changed: func() {},
			key:    blake2b.Sum256(binary.LittleEndian.AppendUint64(nil, r.Uint64()<<16+uint64(i))),
			blocks: map[protocol.Hash]*simBlock{genesis.Hash: genesis}, final: genesis, best: genesis,
		})
	}
	return w
}

// author makes a block of the slot on what a node thinks best, and sends it to all.
func (w *world) author(slot protocol.Slot, n *simNode) {
	parent := n.best
	if parent.Slot >= slot || n.root(parent) != parent.Block {
		return
	}
	var random [8]byte
	binary.LittleEndian.PutUint64(random[:], w.rand.Uint64())
	b := &simBlock{Block{blake2b.Sum256(random[:]), parent.Hash, slot, blake2b.Sum256(random[:4])}, parent.height + 1}
	w.blocks[b.Hash] = b
	if b.height > w.tip.height {
		w.tip = b
	}
	for _, other := range w.nodes {
		if d, ok := w.delay(n.index, other.index); ok || other == n {
			w.after(d, func() { other.fetch(b.Hash) })
		}
	}
}

// faults makes what goes wrong in a slot.
func (w *world) faults() {
	if w.rand.IntN(3) == 0 {
		w.fashion = w.rand.IntN(32)
	}
	if w.rand.IntN(6) == 0 { // the network splits, or is whole
		parts := 1 + w.rand.IntN(3)
		for i := range w.group {
			w.group[i] = w.rand.IntN(parts)
		}
	}
	if w.rand.IntN(2) == 0 { // somebody is cut off for a while, and misses what the others agree on, or they what he saw
		i, before := w.rand.IntN(len(w.group)), slices.Clone(w.group)
		w.after(w.upTo(w.slots.Duration), func() {
			if !w.calm {
				w.group[i] = -1
				w.after(w.upTo(3*w.slots.Duration), func() {
					if !w.calm {
						w.group[i] = before[i]
					}
				})
			}
		})
	}
	odds := 20
	if w.rand.IntN(12) == 0 {
		odds = 2 // the power fails
	}
	for _, n := range w.nodes {
		if n.run != nil && w.rand.IntN(odds) == 0 {
			n.crash()
		}
	}
}

// lie sends votes of a liar: often each voter is told what it would like to hear.
func (w *world) lie(liar *simNode) {
	var all []*simBlock
	for b := w.tip; b != nil && len(all) < 6; b = w.blocks[b.Parent] {
		all = append(all, b)
	}
	for _, n := range w.nodes {
		if n.liar || n.run == nil || w.rand.IntN(2) == 0 {
			continue
		}
		r := n.voter.current()
		if r == nil {
			continue
		}
		m := jamnp.Votes{Round: r.number, Set: n.voter.set.ID}
		for _, t := range castOrder {
			target := all[w.rand.IntN(len(all))].ballot()
			switch b := r.own[t]; {
			case w.rand.IntN(3) > 0:
				mine := n.Best()
				target = mine.ballot()
				if b != nil {
					target = *b
				}
			case w.rand.IntN(4) == 0:
				target.StateRoot[0] ^= 1
			}
			if t == jamnp.PrimaryProposal && n.voter.set.Voters[n.voter.set.primary(r.number)] != liar.key {
				continue
			}
			m.Ballots = append(m.Ballots, jamnp.TypedBallot{Type: t, SignedBallot: jamnp.SignedBallot{
				Ballot: target, Signature: simSignature(liar.key, jamnp.VotePayload(m.Round, m.Set, t, &target)), Voter: liar.key,
			}})
		}
		if n.voter.set.Index(liar.key) >= 0 {
			liar.run.Request(n.key, jamnp.GrandpaVote, [][]byte{jamnp.Encode(&m)}, 0, time.Second, func([][]byte, error) {})
		}
	}
}

// simulate runs a world: slots with faults, then slots without.
func simulate(seed uint64, m Mistake, faulty, calm int) *world {
	w := newWorld(seed, m)
	for slot := protocol.Slot(1); int(slot) <= faulty+calm; slot++ {
		if int(slot) == faulty+1 {
			w.calm, w.loss, w.latency = true, 0, 300*time.Millisecond
			clear(w.group)
			for _, n := range w.nodes {
				n.choose()
			}
		}
		if !w.calm {
			w.faults()
		}
		w.runUntil(w.slots.Start(slot))
		authors := 1
		if !w.calm {
			authors += w.rand.IntN(3)
		}
		for range authors {
			if n := w.nodes[w.rand.IntN(len(w.nodes))]; n.run != nil {
				w.author(slot, n)
			}
		}
		for part := range 6 {
			w.runUntil(w.slots.Start(slot).Add(time.Duration(part) * time.Second))
			for _, n := range w.nodes {
				if !w.calm && n.run != nil {
					n.choose()
					n.changed()
				}
				if n.liar && n.run != nil && w.liars {
					w.lie(n)
				}
			}
		}
	}
	return w
}

// TestSafety: whatever is lost, late, split, restarted or said by less than a third of the voters, no two blocks are finalized
// that contradict each other, no honest voter contradicts itself, and all get on when it is over.
func TestSafety(t *testing.T) {
	first, last := uint64(1), uint64(*seeds)
	if *seed != 0 {
		first, last = *seed, *seed
	}
	const faulty, calm = 30, 20
	var finalized, crashes int
	for s := first; s <= last; s++ {
		w := simulate(s, NoMistake, faulty, calm)
		for _, what := range w.broken {
			t.Errorf("seed %d: %s", s, what)
		}
		for _, n := range w.nodes {
			if n.liar || n.faulty {
				continue
			}
			due := n.best // what was there when the last seconds began
			for due.Slot > faulty+calm-5 {
				due = w.blocks[due.Parent]
			}
			if got := n.final.Slot; got < due.Slot || due.Slot < faulty {
				t.Errorf("seed %d: node %d of %d has finalized slot %d, not %d: %s", s, n.index, len(w.nodes), got, due.Slot, n.voter.describe())
			}
		}
		finalized += len(w.final)
		crashes += w.crashes
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("%d blocks finalized, %d crashes", finalized, crashes)
}

// TestMistakes: the simulation notices each mistake.
func TestMistakes(t *testing.T) {
	for _, tc := range []struct {
		name string
		m    Mistake
		from uint64 // seeds before that were tried and show nothing
	}{
		{"too few votes", TooFewVotes, 1},
		{"votes are forgotten", ForgetVotes, 1},
		{"state roots are ignored", AnyStateRoot, 1},
		{"the estimate is ignored", IgnoreEstimate, 370},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for s := tc.from; s <= tc.from+2000; s++ {
				if w := simulate(s, tc.m, 40, 0); len(w.broken) > 0 {
					t.Logf("seed %d: %s", s, w.broken[0])
					return
				}
			}
			t.Error("not noticed")
		})
	}
}
