package gossip

import (
	"slices"
	"testing"
	"time"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/net/simnet"
	"damson/node/chain"
	"damson/node/keys"
	"damson/state"
	"damson/state/trie"
)

// TestAnnounce lets every validator author in turn: all others have the block soon, and hear of it from neighbours alone.
func TestAnnounce(t *testing.T) {
	w := newWorld(t, fast)
	w.validators(6)
	w.loop.Advance(20 * time.Second)
	for i, n := range w.nodes {
		if len(n.net.Peers()) != 5 {
			t.Fatalf("validator %d has %d peers", i, len(n.net.Peers()))
		}
	}
	parent := w.genesis.Header
	for i := range 12 {
		w.loop.AdvanceTo(w.slots.Start(protocol.Slot(1004 + i)))
		parent = w.author(parent, protocol.Slot(1004+i), 0)
		w.nodes[i%6].take(parent)
		w.loop.Advance(time.Second)
		w.agree(parent)
	}
	// Each has three neighbours in rows of two: a block is announced to the other two at most by each who hears of it.
	for i, n := range w.nodes {
		announced := n.net.Stats().Sent(jamnp.BlockAnnouncement).Messages
		if announced > 3+3*12 {
			t.Errorf("validator %d sent %d announcements", i, announced)
		}
		if n.net.Stats().Blame != 0 || n.Syncing() {
			t.Errorf("validator %d blames others, or catches up", i)
		}
	}
}

// TestPartition gives two halves of the network different blocks: when it heals, all have all of them.
func TestPartition(t *testing.T) {
	w := newWorld(t, simnet.Faults{MinLatency: 10 * time.Millisecond, MaxLatency: 300 * time.Millisecond, Loss: 0.2, Reorder: 0.2, Duplicate: 0.1})
	w.validators(6)
	w.loop.Advance(20 * time.Second)
	common := w.grow(w.genesis.Header, 900, 3)
	w.nodes[0].take(common...)
	w.loop.Advance(5 * time.Second)
	w.agree(common[2])
	var left, right []jamnp.PeerID
	for i, n := range w.nodes {
		if i < 3 {
			left = append(left, n.Self)
		} else {
			right = append(right, n.Self)
		}
	}
	w.net.Partition(left, right)
	w.loop.Advance(time.Second)
	a, b := w.grow(common[2], 910, 6), w.grow(common[1], 930, 9)
	w.nodes[0].take(a...)
	w.nodes[4].take(b...)
	w.loop.Advance(90 * time.Second)
	w.net.Heal()
	w.loop.Advance(120 * time.Second)
	for i, n := range w.nodes {
		for _, hash := range append(a, b...) {
			if n.Chain.Block(hash) == nil {
				t.Fatalf("validator %d lacks a block of slot %d", i, w.slotOf(hash))
			}
		}
	}
	w.agree(b[8])
}

// TestSync lets a fresh node catch up from several peers, whose finality is ahead.
func TestSync(t *testing.T) {
	w := newWorld(t, fast)
	w.validators(4)
	all := w.grow(w.genesis.Header, 700, 300)
	for i, n := range w.nodes {
		n.take(all...)
		n.finalize(all[290+i])
	}
	w.loop.Advance(20 * time.Second)
	id, at := stranger(1)
	n := w.add(id, at, Address{w.nodes[0].Self, w.nodes[0].net.Address()})
	w.loop.Advance(90 * time.Second)
	w.agree(all[299])
	if n.Syncing() || len(n.progress) < 300/progressEvery {
		t.Fatalf("%d reports", len(n.progress))
	}
	last := n.progress[len(n.progress)-1]
	if last.Blocks != 300 || last.Peers < 2 || last.At != last.Target || last.At != 999 {
		t.Errorf("%+v", last)
	}
	if n.net.Stats().Blame != 0 {
		t.Error("somebody was blamed")
	}
}

// liar is a peer that claims to have blocks and answers as it likes.
type liar struct {
	*simnet.Node
	handshake []byte
	answer    func(kind jamnp.Kind, request []byte) [][]byte
	asked     int
}

func (l *liar) Connected(p jamnp.Peer) {
	if p.Initiator {
		l.Open(p.ID, jamnp.BlockAnnouncement)
	}
}
func (l *liar) Disconnected(jamnp.PeerID, error)          {}
func (l *liar) Handshake(jamnp.PeerID, jamnp.Kind) []byte { return l.handshake }
func (l *liar) Opened(jamnp.PeerID, jamnp.Kind, []byte)   {}
func (l *liar) Received(jamnp.PeerID, jamnp.Kind, []byte) {}
func (l *liar) Serve(x jamnp.Exchange) {
	l.asked++
	x.Next(1000, func(request []byte, err error) {
		x.Next(0, func([]byte, error) {
			if answer := l.answer(x.Kind(), request); answer != nil {
				x.Answer(answer...)
			} else {
				x.Reject(nil)
			}
		})
	})
}

func (w *world) liar(i int, h jamnp.Handshake, answer func(jamnp.Kind, []byte) [][]byte) *liar {
	l := &liar{handshake: jamnp.Encode(&h), answer: answer}
	id, at := stranger(100 + i)
	l.Node = w.net.Node(id, at, l, w.loop)
	for _, n := range w.nodes {
		l.Connect(n.Self, n.net.Address())
	}
	return l
}

// TestLiars surrounds a node with peers that claim much and give garbage: it is not led astray, and leaves them.
func TestLiars(t *testing.T) {
	w := newWorld(t, fast)
	w.validators(2)
	good, victim := w.nodes[0], w.nodes[1]
	all := w.grow(w.genesis.Header, 800, 60)
	good.take(all...)
	far := jamnp.Handshake{Final: jamnp.Final{Hash: protocol.Hash{1}, Slot: 990}, Leaves: []jamnp.Final{{Hash: protocol.Hash{2}, Slot: 998}}}
	bad := otherBody(w.octets[all[0]])
	liars := []*liar{
		w.liar(0, far, func(jamnp.Kind, []byte) [][]byte { return nil }),
		w.liar(1, far, func(jamnp.Kind, []byte) [][]byte { return [][]byte{[]byte("garbage")} }),
		w.liar(2, far, func(jamnp.Kind, []byte) [][]byte { return [][]byte{w.octets[all[3]]} }),
		w.liar(3, far, func(jamnp.Kind, []byte) [][]byte { return [][]byte{{}} }),
		w.liar(4, far, func(jamnp.Kind, []byte) [][]byte { return [][]byte{bad, bad} }),
		w.liar(5, far, func(jamnp.Kind, []byte) [][]byte { return [][]byte{bad} }),
	}
	w.loop.Advance(3 * time.Minute)
	w.agree(all[59])
	if victim.Syncing() {
		t.Error("still believes the liars")
	}
	for i, l := range liars {
		if l.asked > 150 {
			t.Errorf("liar %d was asked %d times", i, l.asked)
		}
	}
	if blame := victim.net.Stats().Blame; blame < 2*blameUnasked+blameMalformed {
		t.Errorf("blame %d", blame)
	}
}

// otherBody gives a block the same header with an extrinsic that it does not commit to.
func otherBody(octets []byte) []byte {
	header := octets[:len(octets)-7] // of an empty extrinsic
	return append(slices.Clip(header), 0, 1, 0, 0, 0, 0, 1, 'x', 0, 0, 0, 0, 0)
}

// TestBadBody gives a node a block with another body first: who gave it is blamed, and the block is taken from another peer.
func TestBadBody(t *testing.T) {
	w := newWorld(t, fast)
	w.validators(2)
	good, victim := w.nodes[0], w.nodes[1]
	hash := w.author(w.genesis.Header, 990, 0)
	l := w.liar(0, jamnp.Handshake{Leaves: []jamnp.Final{{Hash: hash, Slot: 990}}}, func(kind jamnp.Kind, _ []byte) [][]byte {
		return [][]byte{otherBody(w.octets[hash])}
	})
	victim.Network.Connect(l.ID(), l.Address())
	w.loop.Advance(20 * time.Second)
	if got := victim.net.Stats().Blame; got != blameBadBlock {
		t.Errorf("blame %d", got)
	}
	good.take(hash)
	w.loop.Advance(20 * time.Second)
	w.agree(hash)
}

// TestMalformed sends what is no message on every stream: each is blamed for.
func TestMalformed(t *testing.T) {
	w := newWorld(t, fast)
	w.validators(1)
	n := w.nodes[0]
	var blame int
	blamed := func(why string) {
		t.Helper()
		if n.net.Stats().Blame -= blameMalformed; n.net.Stats().Blame != blame {
			t.Errorf("%s: blame %d", why, n.net.Stats().Blame+blameMalformed-blame)
		}
		n.net.Stats().Blame = blame
	}
	l := w.liar(0, jamnp.Handshake{}, nil)
	w.loop.Advance(20 * time.Second)
	l.Send(n.Self, jamnp.BlockAnnouncement, []byte("garbage"))
	w.loop.Advance(time.Second)
	blamed("announcement")
	bad := w.liar(1, jamnp.Handshake{}, nil)
	bad.handshake = []byte("garbage")
	w.loop.Advance(20 * time.Second)
	blamed("handshake")
	for i, kind := range []jamnp.Kind{jamnp.BlockRequest, jamnp.StateRequest} {
		for j, messages := range [][][]byte{{[]byte("short")}, {make([]byte, 1000)}, {make([]byte, 37), make([]byte, 5)}} {
			l := w.liar(10+10*i+j, jamnp.Handshake{}, nil)
			w.loop.Advance(20 * time.Second)
			var got error
			l.Request(w.nodes[0].Self, kind, messages, 1000, time.Minute, func(_ [][]byte, err error) { got = err })
			w.loop.Advance(time.Second)
			if got == nil {
				t.Errorf("kind %d: %q was answered", kind, messages)
			}
			blamed("request")
		}
	}
	if w.nodes[0].serving != 0 {
		t.Error("requests are still counted")
	}
}

// ask sends a request and gives the answer.
func (n *node) ask(to *node, kind jamnp.Kind, m jamnp.Message) (answer [][]byte, err error) {
	n.net.Request(to.Self, kind, [][]byte{jamnp.Encode(m)}, 64<<20, time.Minute, func(got [][]byte, why error) { answer, err = got, why })
	n.world.loop.Advance(2 * time.Second)
	return answer, err
}

func TestServeBlocks(t *testing.T) {
	w := newWorld(t, fast)
	w.validators(2)
	main := w.grow(w.genesis.Header, 10, 40)
	late := w.author(main[39], 800, 0) // after a long time without blocks
	dead := w.author(main[4], 70, 1)
	young := w.author(main[36], 60, 1)
	server, client := w.nodes[0], w.nodes[1]
	server.take(main...)
	server.take(dead, young)
	server.finalize(main[30])
	server.take(late)
	w.loop.Advance(30 * time.Second)
	for _, tc := range []struct {
		name string
		of   protocol.Hash
		down bool
		most uint32
		want []protocol.Hash // nil: refused
	}{
		{"one", main[10], true, 1, main[10:11]},
		{"down", main[10], true, 4, []protocol.Hash{main[10], main[9], main[8], main[7]}},
		{"down to the first", main[1], true, 100, []protocol.Hash{main[1], main[0]}},
		{"genesis", w.genesis.Header, true, 5, nil},
		{"up from genesis", w.genesis.Header, false, 3, main[:3]},
		{"up", main[20], false, 5, main[21:26]},
		{"up to the end", main[35], false, 100, []protocol.Hash{main[36], main[37], main[38], main[39]}}, // within so many slots
		{"up over a gap", main[39], false, 1, []protocol.Hash{late}},
		{"up from the end", late, false, 5, []protocol.Hash{}},
		{"a fork that can be final", young, true, 2, []protocol.Hash{young, main[36]}},
		{"up from a fork", young, false, 2, []protocol.Hash{}},
		{"a fork that cannot be final", dead, true, 2, nil},
		{"unknown", protocol.Hash{1}, true, 2, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := &jamnp.BlocksRequest{Block: tc.of, Maximum: tc.most}
			if tc.down {
				m.Direction = jamnp.DescendingInclusive
			}
			answer, err := client.ask(server, jamnp.BlockRequest, m)
			if (err != nil) != (tc.want == nil) {
				t.Fatalf("error %v", err)
			}
			if err != nil {
				return
			}
			var blocks jamnp.Blocks
			w.must(blocks.Decode(answer[0], w.params))
			var got []protocol.Hash
			for i := range blocks {
				got = append(got, blocks[i].Hash)
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %d blocks, want %d", len(got), len(tc.want))
			}
		})
	}
}

// TestState downloads a state in small ranges, and from too old a block.
func TestState(t *testing.T) {
	w := newWorld(t, fast)
	w.validators(2)
	main := w.grow(w.genesis.Header, 10, 5)
	server, client := w.nodes[0], w.nodes[1]
	server.take(main...)
	w.loop.Advance(30 * time.Second)
	want := w.tips[main[3]].State.Trie()
	var got []trie.Change
	for start, more := (protocol.StateKey{}), true; more; start, _ = trie.Next(got[len(got)-1].Key) {
		answer, err := client.ask(server, jamnp.StateRequest, &jamnp.StateRangeRequest{Block: main[3], Start: start, End: lastKey, Maximum: 2000})
		w.must(err)
		r, err := readRange(w.params, answer, start, want.Root())
		w.must(err)
		if size := len(answer[0]) + len(answer[1]); size > 2000 && len(r.entries) > 1 {
			t.Errorf("%d entries in %d octets", len(r.entries), size)
		}
		got, more = append(got, r.entries...), r.more
	}
	if trie.New(got).Root() != want.Root() {
		t.Error("the state is not the same")
	}
	answer, err := client.ask(server, jamnp.StateRequest, &jamnp.StateRangeRequest{Block: main[3], Maximum: 2000})
	w.must(err)
	if len(answer[1]) != 0 {
		t.Error("entries after the end")
	}
	if _, err := client.ask(server, jamnp.StateRequest, &jamnp.StateRangeRequest{Block: protocol.Hash{1}, End: lastKey}); err == nil {
		t.Error("the state of no block")
	}
}

// found is a Finality that knows.
type found struct {
	w    *world
	hash []protocol.Hash
}

func (f *found) Latest(done func(*block.Header, protocol.Hash, error)) {
	hash := f.hash[0]
	if len(f.hash) > 1 {
		f.hash = f.hash[1:]
	}
	var v block.View
	f.w.must(v.Decode(f.w.octets[hash], f.w.params))
	h := v.Header
	f.w.loop.Post(func() { done(&h, f.w.tips[hash].State.Root(), nil) })
}

// TestWarp starts a node with a state in place of blocks, among peers of which one lies.
func TestWarp(t *testing.T) {
	w := newWorld(t, fast)
	w.validators(3)
	main := w.grow(w.genesis.Header, 950, 49)
	for _, n := range w.nodes {
		n.take(main...)
		n.finalize(main[40])
	}
	id, at := stranger(1)
	s := w.store()
	quiet := &liar{}
	self := w.net.Node(id, at, quiet, w.loop)
	quiet.Node = self
	for _, n := range w.nodes {
		self.Connect(n.Self, n.net.Address())
	}
	l := &liar{answer: func(_ jamnp.Kind, request []byte) [][]byte {
		var r jamnp.StateRangeRequest
		w.must(r.Decode(request, w.params))
		boundary, entries, err := RangeOf(w.tips[main[40]].State.Trie(), &r)
		w.must(err)
		if len(entries) > 1 {
			entries = slices.Delete(entries, 0, 1)
		}
		return [][]byte{jamnp.Encode(&boundary), jamnp.Encode(&entries)}
	}}
	liarID, liarAt := stranger(2)
	l.Node = w.net.Node(liarID, liarAt, l, w.loop)
	self.Connect(liarID, liarAt)
	var reports []WarpProgress
	warp := NewWarp(WarpOptions{
		Params: w.params, Network: self, Loop: w.loop, Slots: w.slots,
		Finality: &found{w, []protocol.Hash{w.author(w.genesis.Header, 3, 1), main[40]}}, // the first is one that nobody has
		Progress: func(p WarpProgress) { reports = append(reports, p) },
	})
	calls := 0
	warp.Start(func(h *block.Header, sigma *state.State, err error) {
		w.must(err)
		calls++
		w.must(chain.StartAt(s, w.header.Hash(), h, sigma))
	})
	w.loop.Advance(5 * time.Minute)
	if calls != 1 || len(reports) == 0 || reports[len(reports)-1].Done != 1 {
		t.Fatalf("%d calls, reports %v", calls, reports)
	}
	if self.Stats().Blame == 0 {
		t.Error("the liar was not blamed")
	}
	w.must(self.Close())
	n := w.open(s, id, at, Address{w.nodes[0].Self, w.nodes[0].net.Address()})
	w.loop.Advance(time.Minute)
	w.agree(main[48])
	if n.Chain.Finalized().Hash != main[40] {
		t.Error("does not stand on the state that was downloaded")
	}
}

func TestEndpoint(t *testing.T) {
	var v state.ValidatorKeys
	if keys.Address(&v).IsValid() {
		t.Error("no address is one")
	}
	copy(v.Metadata[:], []byte{10: 255, 11: 255, 12: 127, 15: 1, 16: 0x40, 17: 0x9c})
	if got := keys.Address(&v).String(); got != "127.0.0.1:40000" {
		t.Errorf("got %s", got)
	}
}

// TestLongFork meets a fork that is longer than an answer, with a liar about slots in between.
func TestLongFork(t *testing.T) {
	w := newWorld(t, fast)
	w.validators(2)
	ours, theirs := w.grow(w.genesis.Header, 700, 100), w.grow(w.genesis.Header, 801, 110)
	w.nodes[1].take(ours...)
	w.nodes[0].take(theirs...)
	w.liar(0, jamnp.Handshake{Leaves: []jamnp.Final{{Hash: theirs[109], Slot: 5}}}, func(jamnp.Kind, []byte) [][]byte { return nil })
	w.loop.Advance(time.Minute)
	w.agree(theirs[109])
	if n := w.nodes[1]; n.Chain.Block(ours[99]) == nil || n.worst > blameSilent || n.fetched != 0 {
		t.Errorf("blame %d, %d octets held", n.worst, n.fetched)
	}
}

// TestPruned meets peers that do not keep old blocks: the node says that it is lost, and is not when somebody helps.
func TestPruned(t *testing.T) {
	w := newWorld(t, fast)
	w.validators(1)
	all := w.grow(w.genesis.Header, 900, 80)
	far := jamnp.Handshake{Final: jamnp.Final{Hash: all[70], Slot: 970}}
	n := w.nodes[0]
	for i := range 3 {
		l := w.liar(i, far, func(jamnp.Kind, []byte) [][]byte { return nil })
		n.Network.Connect(l.ID(), l.Address())
	}
	w.loop.Advance(time.Minute)
	if !n.Lost() || n.Syncing() {
		t.Error("does not know that it is lost")
	}
	id, at := stranger(7)
	archive := w.add(id, at, Address{n.Self, n.net.Address()})
	archive.take(all...)
	w.loop.Advance(time.Minute)
	w.agree(all[79])
	if n.Lost() {
		t.Error("thinks that it is lost")
	}
}

// TestSeek gets a block that was named by somebody who does not have it.
func TestSeek(t *testing.T) {
	w := newWorld(t, fast)
	w.validators(2)
	w.loop.Advance(20 * time.Second)
	hash := w.author(w.genesis.Header, 20, 0)
	w.net.Partition([]jamnp.PeerID{w.nodes[0].Self})
	w.nodes[0].take(hash)
	w.loop.Advance(time.Second)
	w.nodes[1].peers[w.nodes[0].Self].head.Slot = 20
	w.nodes[1].Seek(hash, 20)
	w.net.Heal()
	w.loop.Advance(20 * time.Second)
	w.agree(hash)
}
