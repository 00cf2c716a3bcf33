package sim

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/net/simnet"
	"damson/node"
	"damson/node/chain"
	"damson/node/keys"
)

// simNode is a validator: what stays of it when it crashes, and what is lost then.
type simNode struct {
	world *World
	index int
	id    jamnp.PeerID
	disk  *disk
	liar  *liar // nil if it is honest
	desk  *desk // what it has of work; nil without

	life    *life // nil while it is down
	node    *node.Node
	network *simnet.Node
	blame   map[jamnp.PeerID]int // points, in this life
}

func newNode(w *World, index int) *simNode {
	n := &simNode{world: w, index: index, id: w.Base.Keys[index].Ed25519.Public()}
	n.disk = newDisk(func(err error) { n.broken("the disk fails: %v", err) })
	if kind := w.plan.liars[index]; kind != honest {
		n.liar = newLiar(n, kind)
	}
	if w.work != nil {
		n.desk = newDesk(n)
	}
	return n
}

// broken reports a violation by this node.
func (n *simNode) broken(format string, args ...any) {
	n.world.checker.violated("node %d: %s", n.index, fmt.Sprintf(format, args...))
}

// start begins a life of the node, whose clock is wrong by so much.
func (n *simNode) start(skew time.Duration) {
	w := n.world
	if err := n.disk.open(w.Base.Params); err != nil {
		n.broken("its store does not open: %v", err)
		return
	}
	if n.desk != nil {
		n.desk.open()
	}
	n.life = &life{world: w, node: n, skew: skew, free: make(map[string]time.Time)}
	n.blame = make(map[jamnp.PeerID]int)
	var err error
	n.disk.durably(func() { err = n.make() })
	if err != nil {
		n.broken("does not start: %v", err)
		n.crash()
		return
	}
	w.say("node %d starts on %d", n.index, n.node.Chain.Finalized().Slot)
	if n.liar == nil {
		w.checker.started(n)
	}
	n.watch()
	if err := n.node.Start(); err != nil {
		n.broken("does not start: %v", err)
	}
	if n.liar != nil {
		n.liar.start()
	}
}

func (n *simNode) make() (err error) {
	w, key := n.world, n.world.Base.Keys[n.index]
	o := node.Options{
		Params: w.Base.Params, Genesis: w.Base.Header, State: w.Base.genesis(), Store: n.disk.store,
		Importer: w.shared.importer(n), Loop: n.life, Slots: w.slots, Log: slog.New(slog.DiscardHandler),
		Rand: rand.New(rand.NewPCG(w.rand.Uint64(), uint64(n.index))), Self: n.id, Keys: []*keys.Validator{key},
		Setup: w.Base.setup, Prover: w.Base.prover(), Random: reader{rand.New(rand.NewPCG(w.rand.Uint64(), 2))},
		Verify: w.shared.verify,
		Network: func(h jamnp.Handler) (jamnp.Network, error) {
			if n.liar != nil {
				h = n.liar.handler(h)
			}
			if n.desk != nil {
				h = hearing{h, n.desk}
			}
			n.network = w.net.Node(n.id, addressOf(n.index), h, n.life)
			if n.liar != nil {
				return n.liar.network(n.network), nil
			}
			return watched{n.network, n}, nil
		},
	}
	if n.liar == nil {
		o.Mistakes = w.Mistakes
		o.Events.Finalized = func(c *jamnp.Commit) { w.checker.committed(n, c) }
	} else {
		o.Mistakes = n.liar.mistakes()
	}
	if n.desk != nil {
		n.desk.options(&o)
	}
	n.node, err = node.New(o)
	return err
}

// watch tells the log and the checker what happens.
func (n *simNode) watch() {
	w, check := n.world, n.liar == nil
	n.node.Chain.Watch(chain.Events{
		Imported: func(b *chain.Block) {
			w.say("node %d imports %d %s on %s", n.index, b.Slot, b.Hash, b.Parent)
			if check {
				w.checker.imported(n, b)
			}
		},
		Best: func(_, b *chain.Block) { w.say("node %d best %d %s", n.index, b.Slot, b.Hash) },
		Finalized: func(b *chain.Block) {
			w.say("node %d finalizes %d %s", n.index, b.Slot, b.Hash)
			if check {
				w.checker.final(n, b)
			}
		},
		Refused: func(hash protocol.Hash, err error) { w.say("node %d refuses %s: %v", n.index, hash, err) },
	})
}

// crash ends the node's life without a word.
func (n *simNode) crash() {
	if n.life == nil {
		return
	}
	n.world.say("node %d crashes", n.index)
	n.world.crashes++
	n.end()
}

func (n *simNode) end() {
	n.life.over = true
	n.world.net.Crash(n.id)
	n.disk.crash()
	if n.desk != nil {
		n.desk.close()
	}
	n.life, n.node, n.network = nil, nil, nil
}

// stop ends the node when the run is over.
func (n *simNode) stop() {
	if n.life != nil {
		n.end()
	}
}

// watched is the network of an honest node, of which we see what goes out.
type watched struct {
	*simnet.Node
	of *simNode
}

// Request implements jamnp.Network.
func (w watched) Request(
	id jamnp.PeerID, kind jamnp.Kind, messages [][]byte, limit int, timeout time.Duration, done func([][]byte, error),
) {
	if kind == jamnp.GrandpaVote {
		w.of.world.checker.voted(w.of, messages[0])
	}
	if w.of.desk != nil {
		done = w.of.desk.sends(kind, messages, done)
	}
	w.Node.Request(id, kind, messages, limit, timeout, done)
}

// Blame implements jamnp.Network.
func (w watched) Blame(id jamnp.PeerID, points int, reason error) {
	w.of.world.checker.blamed(w.of, id, points, reason)
	w.Node.Blame(id, points, reason)
}
