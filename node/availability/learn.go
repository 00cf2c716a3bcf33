package availability

import (
	"errors"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/node/availability/shelf"
	"damson/node/chain"
	"damson/node/roster"
)

// learn remembers the reports of a block: where their data is.
func (k *Keeper) learn(b *chain.Block) {
	if b.Parent == (protocol.Hash{}) {
		return // the genesis is a header
	}
	k.Loop.Go(learnQueue, func() func() {
		list, err := k.read(b)
		if err != nil {
			return func() { k.log.Error("the reports of a block are not known", "slot", b.Slot, "error", err) }
		}
		if len(list) == 0 {
			return nil
		}
		return func() {
			for _, r := range list {
				k.remember(r)
			}
			k.changed()
		}
	})
}

// read reads the reports of a block, and puts them on the shelf. It runs in the queue.
func (k *Keeper) read(b *chain.Block) ([]*shelf.Report, error) {
	octets, err := k.Store.Block(b.Hash)
	if err != nil {
		return nil, err
	}
	var v block.View
	if err := v.Decode(octets, k.Params); err != nil {
		return nil, err
	}
	active, err := b.State.Active()
	if err != nil {
		return nil, err
	}
	epoch, _ := k.Params.Epoch(b.Slot)
	if !k.epochs[epoch] { // of this queue alone
		k.epochs[epoch] = true
		if err := k.Shelf.PutSet(epoch, b.Slot, active.Ed25519Keys()); err != nil {
			return nil, err
		}
	}
	guarantees := v.Extrinsic.Guarantees
	if len(guarantees) == 0 {
		return nil, nil
	}
	duties, err := roster.At(k.Params, b.State, b.Slot)
	if err != nil {
		return nil, err
	}
	list := make([]*shelf.Report, 0, len(guarantees))
	for i := range guarantees {
		g := &guarantees[i]
		r := &shelf.Report{Hash: v.ReportHash(i), Spec: g.Report.Package, Core: g.Report.Core, Slot: b.Slot}
		if rotation := duties.Of(g.Slot); rotation != nil {
			for _, c := range g.Credentials {
				r.Guarantors = append(r.Guarantors, rotation.Keys[c.Validator].Ed25519)
			}
		}
		if err := k.Shelf.PutReport(r); err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

func (k *Keeper) remember(r *shelf.Report) {
	if k.reports[r.Spec.ErasureRoot] == nil {
		k.reports[r.Spec.ErasureRoot] = r
		k.order = append(k.order, r)
	}
}

// Report gives what is known of a report in a recent block by its erasure root: who guaranteed it, and when. Nil if nothing is.
func (k *Keeper) Report(erasureRoot protocol.Hash) *shelf.Report { return k.reports[erasureRoot] }

// find finds a report by its erasure root, or by its segment root if there is one. It runs beside the loop.
func (k *Keeper) find(root protocol.Hash, bySegments bool) (*shelf.Report, []protocol.Ed25519Key, error) {
	var err error
	if bySegments {
		if root, err = k.Shelf.ErasureRoot(root); err != nil {
			return nil, nil, err
		}
	}
	r, err := k.Shelf.Report(root)
	if err != nil {
		return nil, nil, err
	}
	epoch, _ := k.Params.Epoch(r.Slot)
	holders, err := k.Shelf.Set(epoch)
	if err == nil && len(holders) != k.Params.Validators {
		err = errors.New("availability: the validators of the report's epoch are not known")
	}
	return r, holders, err
}
