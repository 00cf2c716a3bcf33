package finality

import (
	"bytes"
	"container/heap"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"damson/crypto/blake2b"
	"damson/crypto/ed25519"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/loop"
)

// world is a network of voters under a seed: one queue of events, blocks that fork, messages that come late or not at all,
// voters that lie, crash and come back.
type world struct {
	rand   *rand.Rand
	now    time.Time
	queue  events
	serial int
	slots  loop.Slots
	params *protocol.Params
	nodes  []*simNode
	blocks map[protocol.Hash]*simBlock
	tip    *simBlock

	loss    float64
	latency time.Duration
	group   []int // the part of a split network that each node is in
	calm    bool  // faults are over
	fashion int   // which octet of a hash makes a block better than others

	final   map[uint64]jamnp.Ballot // by height, as first finalized by anybody
	cast    map[castKey]jamnp.Ballot
	broken  []string
	mistake Mistake
	liars   bool
	crashes int
	lags    []time.Duration // from the beginning of a slot until a node finalizes its block
	sent    map[jamnp.Kind]int
}

type castKey struct {
	node  int
	round uint64
	set   uint32
	t     jamnp.BallotType
}

type simBlock struct {
	Block
	height uint64
}

type event struct {
	at     time.Time
	serial int
	do     func()
}

type events []event

func (q events) Len() int { return len(q) }
func (q events) Less(i, j int) bool {
	return q[i].at.Before(q[j].at) || q[i].at.Equal(q[j].at) && q[i].serial < q[j].serial
}
func (q events) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *events) Push(x any)   { *q = append(*q, x.(event)) }
func (q *events) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

func (w *world) after(d time.Duration, do func()) {
	w.serial++
	heap.Push(&w.queue, event{w.now.Add(d), w.serial, do})
}

func (w *world) runUntil(end time.Time) {
	for len(w.queue) > 0 && !w.queue[0].at.After(end) {
		e := heap.Pop(&w.queue).(event)
		w.now = e.at
		e.do()
	}
	w.now = end
}

func (w *world) upTo(d time.Duration) time.Duration {
	return time.Duration(w.rand.Int64N(int64(d) + 1))
}

func (w *world) fail(format string, args ...any) {
	w.broken = append(w.broken, fmt.Sprintf("%s: ", w.now.Sub(w.slots.Era))+fmt.Sprintf(format, args...))
}

// simNode is a validator: its disk, its blocks, and a voter while it runs.
type simNode struct {
	w       *world
	index   int
	key     protocol.Ed25519Key
	liar    bool // sends what it likes
	faulty  bool // computes other states for some blocks
	notes   map[string][]byte
	blocks  map[protocol.Hash]*simBlock
	final   *simBlock
	best    *simBlock
	changed func()
	run     *simRun // nil while it is down
	voter   *Voter
	keyless bool
	secret  *ed25519.PrivateKey // nil: signatures are hashes
}

// simRun is the loop, the chain and the network of a node between two crashes.
type simRun struct {
	*simNode
	last map[string]time.Time // when the last work of a queue is done
}

func (r *simRun) alive(do func()) func() {
	return func() {
		if r.run == r {
			do()
		}
	}
}

func (r *simRun) Now() time.Time { return r.w.now }
func (r *simRun) Post(do func()) { r.w.after(0, r.alive(do)) }
func (r *simRun) After(d time.Duration, do func()) loop.Timer {
	t := &simTimer{}
	r.w.after(d, r.alive(func() {
		if !t.stopped {
			do()
		}
	}))
	return t
}

func (r *simRun) Go(queue string, work func() func()) {
	at := r.w.now.Add(r.w.upTo(50 * time.Millisecond))
	if queue != "" && at.Before(r.last[queue]) {
		at = r.last[queue]
	}
	r.last[queue] = at
	r.w.after(at.Sub(r.w.now), r.alive(func() {
		if then := work(); then != nil {
			r.Post(then)
		}
	}))
}

type simTimer struct{ stopped bool }

func (t *simTimer) Stop() { t.stopped = true }

func (n *simNode) SetNote(name string, value []byte) error {
	n.notes[name] = bytes.Clone(value)
	return nil
}

func (n *simNode) Note(name string) ([]byte, bool, error) {
	value, ok := n.notes[name]
	return value, ok, nil
}

// The chain of a node.

func (n *simNode) root(b *simBlock) Block {
	out := b.Block
	if n.faulty && b.Hash[0]%4 == 0 && b.height > 0 {
		out.StateRoot[31] ^= 0xff
	}
	return out
}

func (n *simNode) Best() Block { return n.root(n.best) }

func (n *simNode) Finalized() Block { return n.root(n.final) }

func (n *simNode) Block(hash protocol.Hash) (Block, bool) {
	b := n.blocks[hash]
	if b == nil || !n.w.descends(b, n.final) {
		return Block{}, false
	}
	return n.root(b), true
}

func (n *simNode) Finalize(hash protocol.Hash) error {
	b := n.blocks[hash]
	if b == nil || !n.w.descends(b, n.final) {
		return errors.New("sim: does not descend from the finalized block")
	}
	for at := b; at != n.final; at = n.w.blocks[at.Parent] {
		mine := n.root(at)
		ballot := mine.ballot()
		if other, ok := n.w.final[at.height]; ok && other != ballot && !n.liar {
			n.w.fail("node %d finalizes %x with root %x at height %d, another did %x with root %x",
				n.index, ballot.Header[:4], ballot.StateRoot[:], at.height, other.Header[:4], other.StateRoot[:])
		}
		n.w.final[at.height] = ballot
	}
	n.final = b
	n.w.lags = append(n.w.lags, n.w.now.Sub(n.w.slots.Start(b.Slot)))
	n.choose()
	n.changed()
	return nil
}

func (n *simNode) Active() ([]protocol.Ed25519Key, error) {
	return n.w.active(uint32(n.final.Slot / n.w.params.EpochLength)), nil
}

func (n *simNode) Header(hash protocol.Hash) []byte { return hash[:] }
func (n *simNode) Watch(changed func())             { n.changed = changed }

func (w *world) descends(b, ancestor *simBlock) bool {
	for b != nil && b.height > ancestor.height {
		b = w.blocks[b.Parent]
	}
	return b == ancestor
}

// active gives the validators of an epoch: all of them in even epochs, else all but the last, who does not lie.
func (w *world) active(epoch uint32) []protocol.Ed25519Key {
	var keys []protocol.Ed25519Key
	for _, n := range w.nodes {
		if !n.keyless {
			keys = append(keys, n.key)
		}
	}
	if epoch%2 == 1 && len(keys)%3 != 1 {
		keys[len(keys)-1] = protocol.Ed25519Key{}
	}
	return keys
}

// learn gives a node a block, if it has the parent.
func (n *simNode) learn(b *simBlock) bool {
	if n.blocks[b.Hash] != nil {
		return true
	}
	parent := n.blocks[b.Parent]
	if parent == nil || !n.w.descends(parent, n.final) || n.root(parent) != parent.Block {
		return false
	}
	n.blocks[b.Hash] = b
	if n.w.calm {
		n.choose()
	}
	n.changed()
	return true
}

// fetch gives a node a block and its ancestors.
func (n *simNode) fetch(hash protocol.Hash) {
	var path []*simBlock
	for b := n.w.blocks[hash]; b != nil && n.blocks[b.Hash] == nil; b = n.w.blocks[b.Parent] {
		path = append(path, b)
	}
	for _, b := range slices.Backward(path) {
		if !n.learn(b) {
			return
		}
	}
}

// choose sets the best block: any leaf while there are faults, later the highest block.
func (n *simNode) choose() {
	var all []*simBlock
	for _, b := range n.blocks {
		if n.w.descends(b, n.final) {
			all = append(all, b)
		}
	}
	slices.SortFunc(all, func(a, b *simBlock) int {
		if a.height != b.height {
			return int(b.height) - int(a.height)
		}
		return bytes.Compare(a.Hash[:], b.Hash[:])
	})
	n.best = all[0]
	switch {
	case n.w.calm:
	case n.w.rand.IntN(4) == 0:
		n.best = all[n.w.rand.IntN(min(len(all), 4))]
	default: // what is best changes for all at once
		top := all[:min(len(all), 6)]
		n.best = slices.MaxFunc(top, func(a, b *simBlock) int { return int(a.Hash[n.w.fashion]) - int(b.Hash[n.w.fashion]) })
	}
}

// The network.

func (r *simRun) Connect(jamnp.PeerID, netip.AddrPort)       {}
func (r *simRun) Disconnect(jamnp.PeerID)                    {}
func (r *simRun) Open(jamnp.PeerID, jamnp.Kind)              {}
func (r *simRun) Send(jamnp.PeerID, jamnp.Kind, []byte) bool { return false }
func (r *simRun) Close() error                               { return nil }
func (r *simRun) Blame(id jamnp.PeerID, points int, reason error) {
	if p := r.w.byKey(id); points >= blameLie && !p.liar && !p.faulty && r.w.mistake == NoMistake {
		r.w.fail("node %d blames node %d: %v", r.index, p.index, reason)
	}
}

func (w *world) byKey(id protocol.Ed25519Key) *simNode {
	return w.nodes[slices.IndexFunc(w.nodes, func(n *simNode) bool { return n.key == id })]
}

func (r *simRun) Peers() []jamnp.Peer {
	var out []jamnp.Peer
	for _, n := range r.w.nodes {
		if n != r.simNode {
			out = append(out, jamnp.Peer{ID: n.key})
		}
	}
	return out
}

// delay says when a message arrives, if it does.
func (w *world) delay(a, b int) (time.Duration, bool) {
	if w.group[a] != w.group[b] || w.rand.Float64() < w.loss {
		return 0, false
	}
	return w.upTo(w.latency), true
}

func (r *simRun) Request(id jamnp.PeerID, kind jamnp.Kind, messages [][]byte, limit int, timeout time.Duration, done func([][]byte, error)) {
	to := r.w.byKey(id)
	ended := false
	finish := func(answer [][]byte, err error) {
		if !ended {
			ended = true
			done(answer, err)
		}
	}
	r.w.sent[kind]++
	r.After(timeout, func() { finish(nil, jamnp.ErrTimeout) })
	d, ok := r.w.delay(r.index, to.index)
	if !ok {
		return
	}
	r.w.after(d, func() {
		if to.run == nil || to.liar {
			return
		}
		to.voter.Serve(&simExchange{to.run, r, kind, messages, func(answer [][]byte, err error) {
			if back, ok := r.w.delay(r.index, to.index); ok {
				r.w.after(back, r.alive(func() { finish(answer, err) }))
			}
		}})
	})
}

type simExchange struct {
	at       *simRun
	from     *simRun
	kind     jamnp.Kind
	messages [][]byte
	done     func([][]byte, error)
}

func (x *simExchange) Peer() jamnp.PeerID { return x.from.key }
func (x *simExchange) Kind() jamnp.Kind   { return x.kind }
func (x *simExchange) Next(_ int, then func([]byte, error)) {
	x.at.Post(func() {
		if len(x.messages) == 0 {
			then(nil, io.EOF)
			return
		}
		m := x.messages[0]
		x.messages = x.messages[1:]
		then(m, nil)
	})
}
func (x *simExchange) Answer(messages ...[]byte) { x.done(messages, nil) }
func (x *simExchange) Reject(error)              { x.done(nil, jamnp.ErrReset) }

// Life and death.

func (n *simNode) start() {
	r := &simRun{n, make(map[string]time.Time)}
	n.run = r
	n.changed = func() {}
	key := &Key{n.key, func(message []byte) protocol.Ed25519Signature { return n.sign(message) }}
	if n.keyless {
		key = nil
	}
	verify := simVerify
	if n.secret != nil {
		verify = nil
		key.Sign = func(message []byte) protocol.Ed25519Signature { return n.secret.Sign(message) }
	}
	v, err := New(Options{
		Params: n.w.params, Chain: n, Notes: n, Network: r, Loop: r, Slots: n.w.slots,
		Rand: rand.New(rand.NewPCG(n.w.rand.Uint64(), 1)),
		Key:  key,
		Request: func(hash protocol.Hash, _ protocol.Slot, _ jamnp.PeerID) {
			if d, ok := n.w.delay(n.index, n.w.rand.IntN(len(n.w.nodes))); ok {
				r.After(2*d, func() { n.fetch(hash) })
			}
		},
		Events: Events{Behind: func(c *jamnp.Commit) {
			r.After(n.w.latency, func() { n.fetch(c.Target.Header) })
		}},
		Verify: verify, Mistake: n.w.mistake,
	})
	if err != nil {
		n.w.fail("node %d does not start: %v", n.index, err)
		return
	}
	n.voter = v
	if !n.liar {
		v.Start()
	}
}

func (n *simNode) crash() {
	n.run, n.voter, n.changed = nil, nil, func() {}
	n.w.crashes++
	n.w.after(n.w.upTo(20*time.Second), func() {
		if n.run == nil {
			n.start()
		}
	})
}

func simSignature(key protocol.Ed25519Key, message []byte) (s protocol.Ed25519Signature) {
	sum := blake2b.Sum256Parts(key[:], message)
	copy(s[:], sum[:])
	return s
}

func simVerify(claims []Claim) (bad []int) {
	for i, c := range claims {
		if c.Signature != simSignature(c.Set.Voters[c.Voter], c.Message) {
			bad = append(bad, i)
		}
	}
	return bad
}

// sign signs, and notices if the node says two things in one round.
func (n *simNode) sign(message []byte) protocol.Ed25519Signature {
	v := n.voter
	if v == nil { // it is being made
		return simSignature(n.key, message)
	}
	for _, r := range v.rounds {
		for t, b := range r.own {
			if b == nil || !bytes.Equal(message, jamnp.VotePayload(r.number, v.set.ID, jamnp.BallotType(t), b)) {
				continue
			}
			k := castKey{n.index, r.number, v.set.ID, jamnp.BallotType(t)}
			if before, ok := n.w.cast[k]; ok && before != *b {
				n.w.fail("node %d votes for %x and %x, %+v", n.index, before.Header[:4], b.Header[:4], k)
			}
			n.w.cast[k] = *b
		}
	}
	return simSignature(n.key, message)
}
