package author

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/node/chain"
)

// TestFallback lets three nodes with two keys each make two epochs of blocks, one in every slot.
func TestFallback(t *testing.T) {
	w := newWorld(t, 3, nil)
	w.final = 3
	w.run(30)
	best := w.agree()
	if best.Slot != 30 || best.Height != 30 {
		t.Errorf("best is of slot %d with %d blocks behind it, want 30", best.Slot, best.Height)
	}
	if best.Ticketed {
		t.Error("sealed with a ticket that nobody made")
	}
	for i, n := range w.nodes {
		if len(n.all) == 0 {
			t.Errorf("node %d has authored nothing", i)
		}
		for _, b := range n.all {
			if keys, err := b.State.Active(); err != nil || !n.has(keys[b.Author].Bandersnatch) {
				t.Errorf("node %d: the author of slot %d is %d, %v", i, b.Slot, b.Author, err)
			}
		}
	}
}

func (n *node) has(key protocol.BandersnatchKey) bool {
	for _, k := range n.keys {
		if k.Bandersnatch.Public().Bytes() == key {
			return true
		}
	}
	return false
}

// TestTickets makes tickets in the first epoch, and seals the second one with them.
func TestTickets(t *testing.T) {
	w := newWorld(t, 2, func(o *Options) { o.Setup = development })
	w.final = 2
	sent := map[protocol.Slot]int{}
	for _, n := range w.nodes {
		n.offers = func(n *node, epoch uint32, id protocol.Hash, proof *block.TicketProof) {
			sent[n.slots.At(n.loop.Now())]++
			if epoch != 1 && epoch != 2 {
				t.Errorf("a ticket is for epoch %d", epoch)
			}
			for _, other := range n.nodes {
				other.pool.AddTicket(epoch, proof, func(got protocol.Hash, err error) {
					if err != nil || got != id {
						t.Errorf("ticket %s: %s, %v", id, got, err)
					}
				})
			}
		}
	}
	var marked bool
	w.nodes[0].chain.Watch(chain.Events{Imported: func(b *chain.Block) { marked = marked || b.Header.WinnersMark != nil }})
	w.run(int(2*w.params.EpochLength) - 1)
	best := w.agree()
	if best.Slot != 23 || best.Height != 23 || best.Tickets != uint64(w.params.EpochLength) || !marked {
		t.Errorf("best is of slot %d with %d blocks, of which %d have tickets; winners marked: %v",
			best.Slot, best.Height, best.Tickets, marked)
	}
	// The genesis is final in the first epoch; the second one's first block is two slots later, and seen a slot after that.
	if all := w.params.Validators * w.params.TicketAttempts; len(sent) != 2 || sent[2] != all || sent[16] != all {
		t.Errorf("tickets were sent by slot: %v, want %d in slots 2 and 16", sent, all)
	}
}

// TestGuard crashes authors again and again, in the midst of slots: no key ever seals two blocks for one slot, unless it
// forgets on purpose.
func TestGuard(t *testing.T) {
	for _, forget := range []bool{false, true} {
		w := newWorld(t, 1, func(o *Options) { o.Mistakes.ForgetSeals = forget })
		n := w.nodes[0]
		twice := 0
		for slot := protocol.Slot(1); slot <= 10; slot++ {
			w.loop.AdvanceTo(w.slots.Start(slot))
			if len(n.all) == 0 || n.all[len(n.all)-1].Slot != slot {
				t.Fatalf("no block for slot %d", slot)
			}
			n.crash()
			n.open()
			// The same slot again, as if the block before had never been.
			before := len(n.all)
			if parent := n.chain.Parent(n.chain.Best()); parent != nil && n.chain.Best().Slot == slot {
				if parent = n.chain.Parent(parent); parent != nil {
					n.loop.Go("", (&task{author: n.author, parent: parent, slot: slot}).begin)
				}
			}
			n.author.slot(slot)
			w.loop.Run()
			for _, b := range n.all[before:] {
				if b.Slot <= slot {
					twice++
				}
			}
		}
		if forget != (twice > 0) {
			t.Errorf("forgetful: %v; %d slots were sealed twice", forget, twice)
		}
	}
}

func TestGuardOrder(t *testing.T) {
	w := newWorld(t, 1, nil)
	n := w.nodes[0]
	g, err := openGuard(n.store, n.keys, false)
	w.must(err)
	key, other := n.keys[0].Bandersnatch.Public().Bytes(), n.keys[1].Bandersnatch.Public().Bytes()
	w.must(g.allow(key, 7))
	for _, slot := range []protocol.Slot{7, 6, 0} {
		if err := g.allow(key, slot); !errors.Is(err, ErrSealed) {
			t.Errorf("slot %d: %v", slot, err)
		}
	}
	w.must(g.allow(other, 3))
	w.must(g.allow(key, 8))
	again, err := openGuard(n.store, n.keys, false)
	w.must(err)
	if err := again.allow(key, 8); !errors.Is(err, ErrSealed) {
		t.Errorf("after a restart: %v", err)
	}
	w.must(again.allow(other, 4))
}

// TestApart lets nodes build chains of their own for a while, over the change of an epoch. When they hear of the other blocks,
// all go over to the same chain, and nobody's block is left out of the next ones.
func TestApart(t *testing.T) {
	w := newWorld(t, 3, nil)
	w.run(4)
	common := w.agree()
	w.apart = true
	w.run(14)
	for i, n := range w.nodes {
		if n.chain.Best() == n.chain.Block(common.Hash) {
			t.Errorf("node %d has made no block", i)
		}
	}
	if w.nodes[0].chain.Best().Hash == w.nodes[1].chain.Best().Hash {
		t.Fatal("the nodes are not apart")
	}
	w.apart = false
	longest := uint64(0)
	for _, n := range w.nodes {
		longest = max(longest, n.chain.Best().Height)
		for _, b := range n.all {
			if b.Slot > common.Slot {
				octets, err := n.store.Block(b.Hash)
				w.must(err)
				for _, other := range w.nodes {
					other.chain.Import(octets, func(_ *chain.Block, err error) { w.must(err) })
				}
			}
		}
	}
	w.loop.Run()
	if best := w.agree(); best.Height != longest {
		t.Errorf("the best chain has %d blocks, the longest %d", best.Height, longest)
	}
	w.run(5)
	if best := w.agree(); best.Slot != 23 || best.Height != longest+5 {
		t.Errorf("best is of slot %d with %d blocks, want %d", best.Slot, best.Height, longest+5)
	}
}

// TestSealTwice: who makes that mistake is noticed by all, and the chain goes on without his blocks.
func TestSealTwice(t *testing.T) {
	w := newWorld(t, 2, nil)
	w.nodes[0].author.opts.Mistakes.SealTwice = true
	equivocations := 0
	w.nodes[1].chain.Watch(chain.Events{Equivocated: func(a, b *chain.Block) {
		if equivocations++; a.Author != b.Author || a.Slot != b.Slot {
			t.Error("no equivocation")
		}
	}})
	w.run(12)
	if equivocations == 0 {
		t.Error("nobody noticed")
	}
	best := w.agree()
	bySlot := map[protocol.Slot]int{}
	for _, b := range w.nodes[0].all {
		bySlot[b.Slot]++
	}
	for b := best; b != nil; b = w.nodes[0].chain.Parent(b) {
		if bySlot[b.Slot] > 1 {
			t.Errorf("slot %d of the best chain has two blocks", b.Slot)
		}
	}
	if len(w.nodes[1].all) == 0 || best.Slot < w.nodes[1].all[len(w.nodes[1].all)-1].Slot {
		t.Error("an honest block is not on the best chain")
	}
}

// TestRefusedByUs puts a preimage that nobody asked for into the draft: our own importer refuses it, and an empty block is
// made instead.
func TestRefusedByUs(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, 1, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	n := w.nodes[0]
	n.author.spoil = func(x *block.Extrinsic) {
		x.Preimages = append(x.Preimages, block.Preimage{Service: 77, Blob: []byte("no")})
	}
	w.run(1)
	if len(n.all) != 1 || n.all[0].Slot != 1 {
		t.Fatalf("no block was made; %s", log.String())
	}
	if !strings.Contains(log.String(), "preimage_unneeded") {
		t.Errorf("the log does not say why: %s", log.String())
	}
}

// BenchmarkSlot makes a block in each slot and imports it, on one node with all keys.
func BenchmarkSlot(b *testing.B) {
	w := newWorld(b, 1, nil)
	w.final = 3
	for b.Loop() {
		w.run(1)
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/block")
	if best := w.agree(); int(best.Height) < b.N {
		b.Errorf("%d blocks in %d slots", best.Height, b.N)
	}
}
