package node

import (
	"fmt"

	"damson/internal/bundle"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/availability"
	"damson/node/guarantor"
	"damson/node/preimages"
	"damson/state/workreport"
)

// WorkCounts is what a node has done in-core since it was started.
type WorkCounts struct {
	guarantor.Counts
	availability.Data
	Preimages preimages.Counts
	Waiting   int   // packages
	Shelf     int64 // octets of data that is kept
}

// work makes the duties of packages: who guarantees them, and who keeps their data. Without a shelf there are none.
func (n *Node) work() error {
	n.Preimages = preimages.New(preimages.Options{
		Params: n.Params, Chain: n.Chain, Pool: n.Pool, Network: n.Network, Loop: n.Loop, Slots: n.Slots, Log: n.Log,
		Tell: func(id jamnp.PeerID) bool { return n.Gossip.Sets().Validator(id) && n.Gossip.Sets().Announces(n.Self, id) },
	})
	if n.Shelf == nil || len(n.Keys) == 0 {
		return nil
	}
	coder, err := bundle.NewCoder(n.Params)
	if err != nil {
		return fmt.Errorf("work: %w", err)
	}
	secret := &n.Keys[0].Ed25519
	key := availability.Key{Public: publicKey(n.Keys[0]), Sign: func(message []byte) protocol.Ed25519Signature {
		return secret.Sign(message)
	}}
	n.Keeper = availability.New(availability.Options{
		Params: n.Params, Chain: n.Chain, Store: n.Store, Shelf: n.Shelf, Pool: n.Pool, Coder: coder, Network: n.Network,
		Loop: n.Loop, Slots: n.Slots, Rand: n.Rand, Key: key, Log: n.Log, Ready: n.ready, Mistakes: n.Mistakes.Keeper,
	})
	n.Computer = workreport.New(workreport.Options{Params: n.Params, Invoker: n.Importer.Invoker(), Coder: coder})
	n.Guarantor, err = guarantor.New(guarantor.Options{
		Params: n.Params, Chain: n.Chain, Store: n.Store, Shelf: n.Shelf, Pool: n.Pool, Keeper: n.Keeper, Computer: n.Computer,
		Network: n.Network, Loop: n.Loop, Slots: n.Slots, Rand: n.Rand, Key: key, Log: n.Log, Ready: n.ready, Stage: n.Events.Stage,
		Mistakes: n.Mistakes.Guarantor,
	})
	if err != nil {
		return fmt.Errorf("work: %w", err)
	}
	return nil
}

func (n *Node) startWork() {
	if n.Guarantor != nil {
		n.Keeper.Start()
		n.Guarantor.Start()
	}
}

func (n *Node) stopWork() {
	if n.Preimages != nil {
		n.Preimages.Stop()
	}
	if n.Guarantor != nil {
		n.Guarantor.Stop()
		n.Keeper.Stop()
	}
}

// serveWork hands a stream to the duty that wants it. It reports false if none does.
func (n *Node) serveWork(x jamnp.Exchange) bool {
	return n.Preimages.Serve(x) || n.Guarantor != nil && (n.Guarantor.Serve(x) || n.Keeper.Serve(x))
}

func (n *Node) workCounts() (c WorkCounts) {
	c.Preimages = n.Preimages.Counts()
	if n.Guarantor != nil {
		c.Counts, c.Data, c.Waiting, c.Shelf = n.Guarantor.Counts(), n.Keeper.Counts(), n.Guarantor.Waiting(), n.Shelf.Size()
	}
	return c
}
