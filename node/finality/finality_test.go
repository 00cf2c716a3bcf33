package finality

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"damson/internal/protocol"
	"damson/net/jamnp"
)

func someKeys(n int) []protocol.Ed25519Key {
	keys := make([]protocol.Ed25519Key, n)
	for i := range keys {
		keys[i] = protocol.Ed25519Key{byte(i), byte(i >> 8), 1}
	}
	return keys
}

func TestThreshold(t *testing.T) {
	for _, tc := range []struct{ voters, faults, threshold int }{
		{1, 0, 1}, {2, 0, 2}, {3, 0, 3}, {4, 1, 3}, {5, 1, 4}, {6, 1, 5}, {7, 2, 5}, {1023, 340, 683},
	} {
		s := NewSet(1, someKeys(tc.voters))
		if s.Faults() != tc.faults || s.Threshold() != tc.threshold {
			t.Errorf("%d voters: f %d, threshold %d, want %d, %d", tc.voters, s.Faults(), s.Threshold(), tc.faults, tc.threshold)
		}
		if 3*s.Threshold() <= 2*tc.voters {
			t.Errorf("%d of %d voters are no more than two thirds", s.Threshold(), tc.voters)
		}
	}
}

// TestSetMembers: zeroed keys have no vote, and nobody has two.
func TestSetMembers(t *testing.T) {
	keys := someKeys(6)
	keys[2], keys[4] = protocol.Ed25519Key{}, keys[0]
	s := NewSet(1, keys)
	if want := []protocol.Ed25519Key{keys[0], keys[1], keys[3], keys[5]}; !slices.Equal(s.Voters, want) {
		t.Errorf("voters %v", s.Voters)
	}
	if s.Index(protocol.Ed25519Key{}) != -1 || s.Index(keys[5]) != 3 {
		t.Error("wrong places")
	}
}

// forked is a chain that forks: 0 - 1 - 2 - 3 and 1 - 4 - 5, where 3 and 5 have the same slot.
func forked(t *testing.T) (*tree, []*node) {
	t.Helper()
	w := emptyWorld(rand.New(rand.NewPCG(1, 1)), 4, 100, time.Second)
	n := w.nodes[0]
	blocks := []*simBlock{n.final}
	for i, parent := range []int{0, 1, 2, 1, 4} {
		p := blocks[parent]
		b := &simBlock{Block{protocol.Hash{0xb, byte(i + 1)}, p.Hash, p.Slot + 1, protocol.Hash{0xc, byte(i + 1)}}, p.height + 1}
		w.blocks[b.Hash], n.blocks[b.Hash] = b, b
		blocks = append(blocks, b)
	}
	tr := newTree(n, n.Finalized(), func(s protocol.Slot) uint32 { return uint32(s / 100) })
	var nodes []*node
	for _, b := range blocks {
		nodes = append(nodes, tr.find(b.Hash))
	}
	return tr, nodes
}

func vote(nodes []*node, votes ...int) *box {
	b := newBox(len(votes))
	for i, at := range votes {
		if at >= 0 {
			b.add(i, &jamnp.SignedBallot{Ballot: nodes[at].Ballot})
		}
	}
	return b
}

func TestTally(t *testing.T) {
	tr, nodes := forked(t)
	set := NewSet(0, someKeys(4)) // f = 1, three are a supermajority
	index := func(n *node) int { return slices.Index(nodes, n) }
	for _, tc := range []struct {
		name                 string
		prevotes, precommits []int
		ghost, estimate      int
		completable          bool
	}{
		{"nothing", []int{-1, -1, -1, -1}, []int{-1, -1, -1, -1}, -1, -1, false},
		{"all for one", []int{3, 3, 3, 3}, []int{3, 3, 3, 3}, 3, 3, true},
		{"three for one", []int{3, 3, 3, -1}, []int{3, 3, 3, -1}, 3, 3, true},
		{"a fork", []int{3, 3, 5, 5}, []int{1, 1, 1, 1}, 1, 1, true},
		{"no precommits yet", []int{3, 3, 3, 3}, []int{-1, -1, -1, -1}, 3, 3, false},
		{"two precommits below", []int{3, 3, 3, 3}, []int{2, 2, -1, -1}, 3, 3, false},
		{"three precommits below", []int{3, 3, 3, 3}, []int{2, 2, 2, -1}, 3, 2, true},
		{"precommits on another fork", []int{3, 3, 3, 5}, []int{5, 3, -1, -1}, 3, 3, false},
		{"descendants count", []int{1, 2, 3, 5}, []int{-1, -1, -1, -1}, 1, 1, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			prevotes := newTally(tr, set, vote(nodes, tc.prevotes...), NoMistake)
			precommits := newTally(tr, set, vote(nodes, tc.precommits...), NoMistake)
			e, completable := estimate(prevotes, precommits)
			if g := prevotes.ghost(); index(g) != tc.ghost || index(e) != tc.estimate || completable != tc.completable {
				t.Errorf("g %d, E %d, completable %v; want %d, %d, %v", index(g), index(e), completable, tc.ghost, tc.estimate, tc.completable)
			}
		})
	}
}

// TestOddVotes: votes with another state root count for the parent, with another slot for nothing, of liars for everything.
func TestOddVotes(t *testing.T) {
	tr, nodes := forked(t)
	set := NewSet(0, someKeys(4))
	b := vote(nodes, 3, 3, 3, -1)
	other := nodes[3].Ballot
	other.StateRoot[0] ^= 1
	b.first[2] = &jamnp.SignedBallot{Ballot: other}
	if g := newTally(tr, set, b, NoMistake).ghost(); g != nodes[2] {
		t.Errorf("another state root: g is %v", g)
	}
	if g := newTally(tr, set, b, AnyStateRoot).ghost(); g != nodes[3] {
		t.Errorf("the mistake makes no difference: g is %v", g)
	}
	other = nodes[3].Ballot
	other.Slot++
	b.first[2] = &jamnp.SignedBallot{Ballot: other}
	if g := newTally(tr, set, b, NoMistake).ghost(); g != nil {
		t.Errorf("another slot: g is %v", g)
	}
	b.add(2, &jamnp.SignedBallot{Ballot: nodes[5].Ballot})
	if g := newTally(tr, set, b, NoMistake).ghost(); g != nodes[3] {
		t.Errorf("an equivocation: g is %v", g)
	}
	b = vote(nodes, 3, 3, -1, -1)
	b.first[2] = &jamnp.SignedBallot{Ballot: jamnp.Ballot{Header: protocol.Hash{0xff}, Slot: 2}}
	y := newTally(tr, set, b, NoMistake)
	if got := y.against(2, 3, &nodes[3].Header); got != 1 {
		t.Errorf("an unknown block of a lower slot counts %d against", got)
	}
	if got := y.against(0, 1, &nodes[1].Header); got != 2 {
		t.Errorf("an unknown block of a higher slot counts %d against", got-2)
	}
}

// quiet runs a network in which nothing goes wrong.
func quiet(t *testing.T, count, slots int, duration, latency time.Duration, prepare func(w *world)) *world {
	t.Helper()
	w := emptyWorld(rand.New(rand.NewPCG(7, uint64(count))), count, 12, duration)
	w.calm, w.latency = true, latency
	if prepare != nil {
		prepare(w)
	}
	for _, n := range w.nodes {
		n.start()
	}
	for slot := protocol.Slot(1); int(slot) <= slots; slot++ {
		w.runUntil(w.slots.Start(slot))
		w.author(slot, w.nodes[w.rand.IntN(len(w.nodes))])
	}
	w.runUntil(w.slots.Start(protocol.Slot(slots + 1)))
	for _, what := range w.broken {
		t.Error(what)
	}
	slices.Sort(w.lags)
	return w
}

// TestLag: blocks are final soon, and with one round of votes for each of them.
func TestLag(t *testing.T) {
	for _, tc := range []struct {
		name              string
		voters            int
		duration, latency time.Duration
		most              time.Duration // at p95
		slots             int
	}{
		{"six voters, protocol time", 6, 6 * time.Second, 200 * time.Millisecond, 6 * time.Second, 36},
		{"six voters, slots of a second", 6, time.Second, 20 * time.Millisecond, time.Second, 36},
		{"six voters, slots of half a second", 6, 500 * time.Millisecond, 20 * time.Millisecond, 500 * time.Millisecond, 36},
		{"a grid of 49 voters", 49, 6 * time.Second, 300 * time.Millisecond, 12 * time.Second, 8},
	} {
		t.Run(tc.name, func(t *testing.T) {
			slots := tc.slots
			w := quiet(t, tc.voters, slots, tc.duration, tc.latency, nil)
			p95 := w.lags[len(w.lags)*95/100]
			for _, n := range w.nodes {
				if int(n.final.Slot)+3 < slots {
					t.Errorf("node %d has finalized slot %d of %d: %s", n.index, n.final.Slot, slots, n.voter.describe())
				}
			}
			if p95 > tc.most {
				t.Errorf("final after %v at p95, want %v", p95, tc.most)
			}
			t.Logf("final after %v at p50, %v at p95; messages for each voter and slot: %.1f votes, %.1f commits, %.1f states",
				w.lags[len(w.lags)/2], p95, w.perVoter(jamnp.GrandpaVote, slots), w.perVoter(jamnp.GrandpaCommit, slots), w.perVoter(jamnp.GrandpaState, slots))
		})
	}
}

func (w *world) perVoter(k jamnp.Kind, slots int) float64 {
	return float64(w.sent[k]) / float64(len(w.nodes)) / float64(slots)
}

// TestFollower: a node without a key finalizes what the others do, also one that comes late.
func TestFollower(t *testing.T) {
	const slots = 40
	w := quiet(t, 7, slots, 6*time.Second, 200*time.Millisecond, func(w *world) {
		last := w.nodes[6]
		last.keyless = true
		w.params.Validators = 6
		w.after(time.Minute, last.crash)
		w.group[6] = 1
		w.after(2*time.Minute, func() { w.group[6] = 0 })
	})
	if n := w.nodes[6]; n.final.Slot+3 < slots {
		t.Errorf("it has finalized slot %d of %d: %s", n.final.Slot, slots, n.voter.describe())
	}
	if n := w.nodes[6]; n.voter.Round() != 0 {
		t.Error("it votes")
	}
}

// TestSignatures: with signatures that are real, blocks are finalized, and the justifications hold for anybody.
func TestSignatures(t *testing.T) {
	secrets, public := secrets(6, "s")
	w := quiet(t, 6, 20, 6*time.Second, 100*time.Millisecond, func(w *world) {
		for i, n := range w.nodes {
			n.secret, n.key = &secrets[i], public[i]
		}
	})
	n := w.nodes[2]
	if n.final.Slot < 17 {
		t.Fatalf("slot %d is final: %s", n.final.Slot, n.voter.describe())
	}
	c, ok := n.voter.Justification(n.final.Hash)
	if !ok {
		t.Fatal("no justification")
	}
	if err := VerifyJustification(NewSet(c.Set, w.active(c.Set)), c, nil); err != nil {
		t.Error(err)
	}
	c.Precommits[1].Signature[0]++
	if err := VerifyJustification(NewSet(c.Set, w.active(c.Set)), c, nil); !errors.Is(err, ErrSignature) {
		t.Errorf("a forged signature: %v", err)
	}
}

// TestLongAbsence: a voter that was away for more changes of the set than one answer tells of comes back within seconds.
func TestLongAbsence(t *testing.T) {
	const slots, away = 400, 380
	var back time.Time
	w := quiet(t, 6, slots, 6*time.Second, 100*time.Millisecond, func(w *world) {
		n := w.nodes[5]
		w.group[5] = 1
		w.after(away*6*time.Second, func() {
			w.group[5] = 0
			n.fetch(w.tip.Hash)
		})
		var watch func()
		watch = func() {
			if w.after(time.Second, watch); back.IsZero() && n.final.Slot > away-12 {
				back = w.now
			}
		}
		w.after(0, watch)
	})
	took := back.Sub(w.slots.Start(away))
	if back.IsZero() || took > time.Minute {
		t.Errorf("it has finalized slot %d, after %v: %s", w.nodes[5].final.Slot, took, w.nodes[5].voter.describe())
	}
	t.Logf("back after %v", took)
}

// TestJustifications: those of the last blocks and of all changes of the set are served, also after a restart.
func TestJustifications(t *testing.T) {
	w := quiet(t, 6, 60, 6*time.Second, 200*time.Millisecond, nil)
	n := w.nodes[0]
	n.crash()
	w.runUntil(w.now.Add(30 * time.Second))
	epochs := 0
	for b := n.final; b.height > 0; b = w.blocks[b.Parent] {
		parent := w.blocks[b.Parent]
		first := b.Slot/12 > parent.Slot/12
		c, ok := n.voter.Justification(b.Hash)
		if ok && (c.Target != b.ballot() || !enough(NewSet(c.Set, w.active(c.Set)), c, nil, 4)) {
			t.Errorf("slot %d: a commit for %v", b.Slot, c.Target)
		}
		if first {
			epochs++
		}
		if first && (!ok || c.Set != uint32(parent.Slot/12)) {
			t.Errorf("slot %d begins an epoch and has no justification by the set before", b.Slot)
		}
	}
	if epochs < 4 {
		t.Errorf("%d changes of the set", epochs)
	}
}
