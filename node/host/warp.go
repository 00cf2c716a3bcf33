package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/net/quic"
	"damson/node/chain"
	"damson/node/finality"
	"damson/node/gossip"
	"damson/node/keys"
	"damson/state"
)

// warp begins the store with the state of a block that is final already. Its header is proved by the justifications of all sets since
// the genesis, and its state by the root that they voted for. If nothing is final yet, the chain begins with its genesis.
func (h *Host) warp(ctx context.Context, o *Options) error {
	if _, started, err := h.store.Finalized(); started || err != nil {
		return err
	}
	var network *quic.Network
	network, err := quic.New(quic.Options{
		Key: o.key().TLS(), Genesis: o.Spec.HeaderHash(), Handler: visitor{}, Loop: h.loop, Log: o.Log, External: o.External, Eager: true,
		Redial: redial(o),
	})
	if err != nil {
		return err
	}
	proof, err := genesisProof(o)
	if err != nil {
		return err
	}
	type outcome struct {
		header *block.Header
		sigma  *state.State
		err    error
	}
	ended := make(chan outcome, 1)
	h.do(func() {
		for _, a := range known(o) {
			network.Connect(a.ID, a.At)
		}
		s := &searcher{o: o, h: h, network: network, proof: proof}
		gossip.NewWarp(gossip.WarpOptions{
			Params: o.Spec.Params, Network: network, Loop: h.loop, Slots: o.Slots, Finality: s, Log: o.Log, Progress: o.WarpProgress,
		}).Start(func(header *block.Header, sigma *state.State, err error) { ended <- outcome{header, sigma, err} })
	})
	var got outcome
	select {
	case got = <-ended:
	case <-ctx.Done():
		got.err = ctx.Err()
	}
	closing := error(nil)
	h.do(func() { closing = network.Close() })
	network.Wait()
	switch {
	case errors.Is(got.err, errNothingFinal):
		o.Log.Info("nothing is final on this chain yet: it is followed from its genesis")
		return closing
	case got.err != nil:
		return errors.Join(fmt.Errorf("warp: %w", got.err), closing)
	}
	o.Log.Info("the state is here and proved", "slot", got.header.Slot, "block", got.header.Hash(), "root", got.sigma.Root())
	return errors.Join(chain.StartAt(h.store, o.Spec.HeaderHash(), got.header, got.sigma), closing)
}

// visitor is the handler of a node that has nothing to give yet.
type visitor struct{}

var errVisitor = errors.New("host: nothing is here yet")

func (visitor) Connected(jamnp.Peer)                      {}
func (visitor) Disconnected(jamnp.PeerID, error)          {}
func (visitor) Handshake(jamnp.PeerID, jamnp.Kind) []byte { return nil }
func (visitor) Opened(jamnp.PeerID, jamnp.Kind, []byte)   {}
func (visitor) Received(jamnp.PeerID, jamnp.Kind, []byte) {}
func (visitor) Serve(x jamnp.Exchange)                    { x.Reject(errVisitor) }

// known lists whom the specification names: its bootnodes, and the validators of the genesis.
func known(o *Options) []gossip.Address {
	all := bootnodes(o)
	active, err := o.Spec.Genesis().Active()
	if err != nil {
		return all
	}
	self := protocol.Ed25519Key(o.key().Public())
	for i := range active {
		if at := keys.Address(&active[i]); at != (netip.AddrPort{}) && active[i].Ed25519 != self {
			all = append(all, gossip.Address{ID: active[i].Ed25519, At: at})
		}
	}
	return all
}

// genesisProof is what the genesis tells of who finalizes.
func genesisProof(o *Options) (*finality.WarpProof, error) {
	sets, err := gossip.NewSets(o.Spec.Params, o.Spec.Genesis())
	if err != nil {
		return nil, err
	}
	return &finality.WarpProof{
		Params: o.Spec.Params, Set: finality.NewSet(sets.Epoch, sets.Members(gossip.Current).Ed25519Keys()),
		Next: sets.Members(gossip.Next).Ed25519Keys(),
	}, nil
}

// errNothingFinal means that peers answer, and know of nothing that is final beyond the genesis.
var errNothingFinal = errors.New("host: nothing is final yet")

// searcher finds the latest final block that peers can prove: it is a gossip.Finality.
type searcher struct {
	o       *Options
	h       *Host
	network *quic.Network
	proof   *finality.WarpProof // by the genesis alone
}

const (
	searchTime   = 10 * time.Second // at slots of six seconds, for others to answer after the first has
	searchAnswer = 30 * time.Second // for one answer
	searchTell   = 10 * time.Second // between words to whoever waits
	searchPeers  = 8
	maxHandovers = 1 << 20 // answers that are taken from one peer
)

// Latest implements gossip.Finality. It waits for peers for as long as it takes.
func (s *searcher) Latest(done func(*block.Header, protocol.Hash, error)) {
	c := &search{searcher: s, done: done, asked: make(map[jamnp.PeerID]bool), told: time.Now()}
	c.look()
}

// search is one search.
type search struct {
	*searcher
	done     func(*block.Header, protocol.Hash, error)
	asked    map[jamnp.PeerID]bool
	open     int
	answered int
	best     *finality.WarpProof
	deadline time.Time // from the first answer on
	told     time.Time
	ended    bool
}

// look asks peers that were not asked, and sees whether enough have answered.
func (c *search) look() {
	if c.ended {
		return
	}
	for _, p := range c.network.Peers() {
		if !c.asked[p.ID] && len(c.asked) < searchPeers {
			c.asked[p.ID] = true
			c.open++
			c.ask(p.ID, copyOf(c.proof), 0)
		}
	}
	now := c.h.loop.Now()
	if c.answered > 0 && (c.answered == len(known(c.o)) || now.After(c.deadline)) {
		c.end()
		return
	}
	if now.Sub(c.told) > searchTell {
		c.told = now
		c.o.Log.Info("waiting for peers that can prove what is final", "peers", len(c.network.Peers()), "asked", len(c.asked))
	}
	c.h.loop.After(max(c.o.Slots.Scale(searchTime)/20, 50*time.Millisecond), c.look)
}

func (c *search) end() {
	c.ended = true
	if c.best == nil || c.best.Header == nil {
		c.done(nil, protocol.Hash{}, errNothingFinal)
		return
	}
	c.done(c.best.Header, c.best.Target.StateRoot, nil)
}

// ask asks a peer for what comes after a proof, again and again until it has no more.
func (c *search) ask(id jamnp.PeerID, proof *finality.WarpProof, count int) {
	q := jamnp.WarpRequest{Set: proof.Set.ID}
	c.network.Request(id, jamnp.WarpSync, [][]byte{jamnp.Encode(&q)}, jamnp.WarpStepsLimit(c.o.Spec.Params), searchAnswer,
		func(answer [][]byte, err error) {
			if c.ended {
				return
			}
			more, err := c.take(proof, answer, err)
			if more && err == nil && count < maxHandovers {
				c.ask(id, proof, count+1)
				return
			}
			c.open--
			if _, lie := errors.AsType[protocol.Invalid](err); lie {
				c.network.Blame(id, 100, fmt.Errorf("warp: %w", err))
			}
			if err != nil {
				c.o.Log.Debug("a peer proves nothing", "peer", id.PeerName(), "error", err)
				c.h.loop.After(max(c.o.Slots.Scale(searchTime)/4, time.Second), func() { delete(c.asked, id) })
				return
			}
			if c.answered++; c.answered == 1 {
				c.deadline = c.h.loop.Now().Add(max(c.o.Slots.Scale(searchTime), time.Second))
			}
			if c.best == nil || cmp.Compare(proof.Target.Slot, c.best.Target.Slot) > 0 {
				c.best = proof
			}
		})
}

// take verifies an answer. More says that the peer may have more.
func (c *search) take(proof *finality.WarpProof, answer [][]byte, err error) (more bool, _ error) {
	if err != nil {
		return false, err
	}
	if len(answer) != 1 {
		return false, jamnp.ErrMessages
	}
	var steps jamnp.WarpSteps
	if err := steps.Decode(answer[0], c.o.Spec.Params); err != nil {
		return false, err
	}
	set := proof.Set.ID
	for i := range steps {
		if err := proof.Advance(&steps[i]); err != nil {
			return false, err
		}
	}
	if len(steps) > 0 {
		c.o.Log.Debug("finality proved", slog.Uint64("slot", uint64(proof.Target.Slot)), "set", proof.Set.ID)
	}
	return len(steps) == jamnp.MaxWarpSteps && proof.Set.ID > set, nil
}

func copyOf(p *finality.WarpProof) *finality.WarpProof {
	other := *p
	return &other
}
