package author

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/net/simnet"
	"damson/node/loop/looptest"
)

// ticketNode is a node that is told of streams with tickets.
type ticketNode struct {
	node  *node
	net   *simnet.Node
	proxy *Proxy
}

func (*ticketNode) Connected(jamnp.Peer)                              {}
func (*ticketNode) Disconnected(jamnp.PeerID, error)                  {}
func (*ticketNode) Handshake(jamnp.PeerID, jamnp.Kind) []byte         { return nil }
func (*ticketNode) Opened(jamnp.PeerID, jamnp.Kind, []byte)           {}
func (*ticketNode) Received(_ jamnp.PeerID, _ jamnp.Kind, msg []byte) {}
func (n *ticketNode) Serve(x jamnp.Exchange)                          { n.proxy.Serve(x) }

type scheduler struct{ *looptest.Loop }

func (s scheduler) After(d time.Duration, do func()) { s.Loop.After(d, do) }

// connected joins the nodes of a world by a network.
func connected(w *world, faults simnet.Faults) []*ticketNode {
	net := simnet.New(scheduler{w.loop}, 7, simnet.Options{Faults: faults})
	list := make([]*ticketNode, len(w.nodes))
	for i, n := range w.nodes {
		x := &ticketNode{node: n}
		list[i] = x
		key := protocol.Ed25519Key(n.keys[0].Ed25519.Public())
		x.net = net.Node(key, netip.AddrPortFrom(netip.IPv6Loopback(), uint16(40000+i)), x, w.loop)
		x.proxy = NewProxy(ProxyOptions{
			Params: w.params, Chain: n.chain, Pool: n.pool, Loop: w.loop, Slots: w.slots, Verifier: w.im.Verifier(),
			Network: x.net, Self: []protocol.Ed25519Key{key}, Random: rand.New(rand.NewPCG(uint64(i), 5)),
		})
		n.offers = func(_ *node, epoch uint32, id protocol.Hash, proof *block.TicketProof) {
			x.proxy.Send(epoch, id, proof)
		}
	}
	for i, x := range list {
		for j, y := range list {
			if i != j {
				x.net.Connect(y.net.ID(), netip.AddrPortFrom(netip.IPv6Loopback(), uint16(40000+j)))
			}
		}
	}
	return list
}

// TestProxy lets six validators find out by the network alone which tickets there are, and seal an epoch with them.
func TestProxy(t *testing.T) {
	w := newWorld(t, 6, func(o *Options) { o.Setup = development })
	w.final = 2
	faults := simnet.Faults{MinLatency: 20 * time.Millisecond, MaxLatency: 300 * time.Millisecond, Loss: 0.2, Duplicate: 0.1}
	nodes := connected(w, faults)
	w.run(6)
	for i, n := range nodes {
		if _, got := n.node.pool.Tickets(); got < 15 { // a node does not draw the tickets of its own that are on their way
			t.Errorf("node %d knows %d tickets", i, got)
		}
		if blame := n.net.Stats().Blame; blame != 0 {
			t.Errorf("node %d gave %d points of blame", i, blame)
		}
	}
	var toProxy, fromProxy uint64
	for _, n := range nodes {
		toProxy += n.net.Stats().Sent(jamnp.TicketToProxy).Messages
		fromProxy += n.net.Stats().Sent(jamnp.TicketFromProxy).Messages
	}
	if toProxy > 18 || toProxy < 8 || fromProxy != 18*5 {
		t.Errorf("%d messages to proxies, %d from them", toProxy, fromProxy)
	}
	w.run(17)
	if best := w.agree(); best.Slot != 23 || best.Tickets != uint64(w.params.EpochLength) {
		t.Errorf("best is of slot %d, %d blocks have tickets", best.Slot, best.Tickets)
	}
}

// TestProxyGone stops the validator who is to pass a ticket on: it goes to all nevertheless.
func TestProxyGone(t *testing.T) {
	w := newWorld(t, 6, func(o *Options) { o.Setup = development })
	w.final = 2
	nodes := connected(w, simnet.Faults{MinLatency: 20 * time.Millisecond, MaxLatency: 100 * time.Millisecond})
	w.run(1)
	gone := nodes[5]
	gone.node.author.Stop()
	gone.proxy.Stop()
	w.must(gone.net.Close())
	w.run(6)
	for i, n := range nodes[:5] {
		if _, got := n.node.pool.Tickets(); got < 15 {
			t.Errorf("node %d knows %d tickets of 15", i, got)
		}
	}
}

// TestProxyHostile sends what breaks rules.
func TestProxyHostile(t *testing.T) {
	w := newWorld(t, 6, nil)
	nodes := connected(w, simnet.Faults{MinLatency: time.Millisecond, MaxLatency: time.Millisecond})
	w.run(2)
	var good jamnp.Ticket
	epoch, _ := w.params.Epoch(w.slots.At(w.loop.Now()))
	good.Epoch = epoch + 1
	later, attempt := good, good
	later.Epoch += 7
	attempt.Proof.Attempt = 99
	for _, tc := range []struct {
		name     string
		kind     jamnp.Kind
		messages [][]byte
		blame    int
	}{
		{"bad proof to proxy", jamnp.TicketToProxy, [][]byte{good.AppendTo(nil)}, blameTicket},
		{"bad proof from proxy", jamnp.TicketFromProxy, [][]byte{good.AppendTo(nil)}, blameTicket},
		{"attempt", jamnp.TicketToProxy, [][]byte{attempt.AppendTo(nil)}, blameStream},
		{"other epoch", jamnp.TicketToProxy, [][]byte{later.AppendTo(nil)}, 0},
		{"too short", jamnp.TicketToProxy, [][]byte{good.AppendTo(nil)[:788]}, blameStream},
		{"too long", jamnp.TicketToProxy, [][]byte{append(good.AppendTo(nil), 0)}, blameStream},
		{"two", jamnp.TicketToProxy, [][]byte{good.AppendTo(nil), {}}, blameStream},
		{"none", jamnp.TicketToProxy, nil, 0},
	} {
		before := nodes[0].net.Stats().Blame
		done := 0
		nodes[1].net.Request(nodes[0].net.ID(), tc.kind, tc.messages, 0, time.Second, func(_ [][]byte, err error) {
			if done++; !errors.Is(err, jamnp.ErrReset) {
				t.Errorf("%s: %v", tc.name, err)
			}
		})
		w.loop.Advance(100 * time.Millisecond)
		if got := nodes[0].net.Stats().Blame - before; done != 1 || got != tc.blame {
			t.Errorf("%s: answered %d times, %d points of blame, want %d", tc.name, done, got, tc.blame)
		}
	}
}
