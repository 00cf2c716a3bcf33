package gossip

import (
	"context"
	"crypto/ed25519"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"damson/internal/protocol"
	"damson/interp"
	"damson/net/jamnp"
	"damson/net/quic"
	"damson/net/simnet"
	"damson/node/chain"
	"damson/node/importer"
	"damson/node/loop"
)

// real starts a node in real time, on QUIC. It is told of what the node imports.
func (w *world) real(t *testing.T, seed byte, slots loop.Slots, imported chan<- protocol.Hash, bootnodes ...Address) (*Gossip, Address, func(do func())) {
	t.Helper()
	s := w.store()
	w.must(chain.Start(s, w.header, w.genesis.State))
	im, err := importer.New(importer.Options{Params: w.params, Engine: interp.New()})
	w.must(err)
	l := loop.New(loop.Options{})
	c, err := chain.New(chain.Options{Params: w.params, Store: s, Importer: im, Loop: l, Slots: slots})
	w.must(err)
	c.Watch(chain.Events{Imported: func(b *chain.Block) { imported <- b.Hash }})
	h := new(late)
	key := ed25519.NewKeyFromSeed(append([]byte{seed}, make([]byte, ed25519.SeedSize-1)...))
	n, err := quic.New(quic.Options{
		Key: key, Genesis: w.genesis.Header, Handler: h, Loop: l, Listen: netip.MustParseAddrPort("127.0.0.1:0"), Eager: true,
	})
	w.must(err)
	g := New(Options{
		Params: w.params, Chain: c, Store: s, Network: n, Loop: l, Slots: slots, Self: n.ID(),
		Rand: rand.New(rand.NewPCG(1, uint64(seed))), Bootnodes: bootnodes,
	})
	h.Handler = g
	ran := make(chan error)
	go func() { ran <- l.Run(context.Background()) }()
	t.Cleanup(func() {
		l.Post(func() {
			_ = n.Close() // the end of the test
			l.Stop()
		})
		if err := <-ran; err != nil {
			t.Error(err)
		}
		n.Wait()
	})
	started := make(chan error)
	l.Post(func() { started <- g.Start() })
	w.must(<-started)
	return g, Address{jamnp.PeerID(key.Public().(ed25519.PublicKey)), n.Address()}, l.Post
}

// TestQUIC lets a node catch up with another over a real network, and hear of a new block at once.
func TestQUIC(t *testing.T) {
	w := newWorld(t, simnet.Faults{})
	const old = 150
	all := w.grow(w.genesis.Header, 1, old+1)
	slots := loop.Slots{Era: time.Now().Add(-(old + 2) * time.Second), Duration: time.Second}
	first, second := make(chan protocol.Hash, old+1), make(chan protocol.Hash, old+1)
	a, at, post := w.real(t, 1, slots, first)
	post(func() {
		for _, hash := range all[:old] {
			a.Chain.Import(w.octets[hash], nil)
		}
	})
	wait := func(from <-chan protocol.Hash, want protocol.Hash) {
		t.Helper()
		for limit := time.After(time.Minute); ; {
			select {
			case got := <-from:
				if got == want {
					return
				}
			case <-limit:
				t.Fatal("nothing comes")
			}
		}
	}
	wait(first, all[old-1])
	w.real(t, 2, slots, second, at)
	wait(second, all[old-1])
	begin := time.Now()
	post(func() { a.Chain.Import(w.octets[all[old]], nil) })
	wait(second, all[old])
	t.Logf("a block is known to the other after %v", time.Since(begin))
}
