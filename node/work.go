package node

import (
	"fmt"

	"damson/internal/bundle"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/auditor"
	"damson/node/availability"
	"damson/node/chain"
	"damson/node/guarantor"
	"damson/node/preimages"
	"damson/state/workreport"
)

// WorkCounts is what a node has done in-core since it was started.
type WorkCounts struct {
	guarantor.Counts
	availability.Data
	Preimages preimages.Counts
	Audits    auditor.Counts
	Waiting   int   // packages
	Shelf     int64 // octets of data that is kept
}

// work makes the duties of packages: who guarantees them, and who keeps their data. Without a shelf there are none.
func (n *Node) work() error {
	n.Preimages = preimages.New(preimages.Options{
		Params: n.Params, Chain: n.Chain, Pool: n.Pool, Network: n.Network, Loop: n.Loop, Slots: n.Slots, Log: n.Log,
		Tell: func(id jamnp.PeerID) bool {
			return n.Gossip.Sets().Validator(id) && n.Gossip.Sets().Announces(n.Self, id)
		},
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
		Events: n.Observe.Guarantor, Mistakes: n.Mistakes.Guarantor,
	})
	if err == nil && n.audits() {
		n.Auditor, err = auditor.New(auditor.Options{
			Params: n.Params, Chain: n.Chain, Store: n.Store, Pool: n.Pool, Network: n.Network, Loop: n.Loop, Slots: n.Slots,
			Verifier: n.Importer.Verifier(), Key: n.Keys[0], Log: n.Log, Bundle: n.Keeper.Bundle, Compute: n.Computer.Compute,
			Events: n.Events.Audits, Mistake: n.Mistakes.Auditor,
		})
	}
	if err != nil {
		return fmt.Errorf("work: %w", err)
	}
	return nil
}

// audits says whether the node audits reports: validators do who have data.
func (n *Node) audits() bool { return n.Shelf != nil && len(n.Keys) > 0 && !n.NoAudits }

// audited gives what the chain is to ask before a block may be voted for; nil if that is nothing.
func (n *Node) audited() func(*chain.Block) bool {
	if n.audits() {
		return func(b *chain.Block) bool { return n.Auditor != nil && n.Auditor.Audited(b) }
	}
	if len(n.Keys) > 0 {
		n.Log.Warn("audits off: this validator votes for blocks whose reports nobody here has checked")
	}
	return nil
}

func (n *Node) startWork() {
	if n.Guarantor != nil {
		n.Keeper.Start()
		n.Guarantor.Start()
	}
	if n.Auditor != nil {
		n.Auditor.Start()
	}
}

func (n *Node) stopWork() {
	if n.Preimages != nil {
		n.Preimages.Stop()
	}
	if n.Auditor != nil {
		n.Auditor.Stop()
	}
	if n.Guarantor != nil {
		n.Guarantor.Stop()
		n.Keeper.Stop()
	}
}

// serveWork hands a stream to the duty that wants it. It reports false if none does.
func (n *Node) serveWork(x jamnp.Exchange) bool {
	return n.Preimages.Serve(x) || n.Auditor != nil && n.Auditor.Serve(x) || n.Guarantor != nil && (n.Guarantor.Serve(x) || n.Keeper.Serve(x))
}

func (n *Node) workCounts() (c WorkCounts) {
	c.Preimages = n.Preimages.Counts()
	if n.Guarantor != nil {
		c.Counts, c.Data, c.Waiting, c.Shelf = n.Guarantor.Counts(), n.Keeper.Counts(), n.Guarantor.Waiting(), n.Shelf.Size()
	}
	if n.Auditor != nil {
		c.Audits = n.Auditor.Counts()
	}
	return c
}
