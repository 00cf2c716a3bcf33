package replay

import (
	"errors"
	"fmt"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state/store"
)

// Files say nothing of finality. Their good blocks are taken to be final once the best is FinalAfter slots beyond them, so
// that the store can drop what nobody needs; without that it would grow for ever.

// finalize makes old ancestors of the best block final, many at a time.
func (r *Replay) finalize() error {
	s := r.opts.Store
	if s == nil || r.opts.FinalAfter == 0 {
		return nil
	}
	best, ok, err := s.Best()
	if err != nil || !ok || best.Slot < r.nextFinal+r.opts.FinalAfter {
		return err
	}
	r.nextFinal = best.Slot - r.opts.FinalAfter + r.opts.Params.EpochLength
	old, err := s.AncestorAt(best.Hash, best.Slot-r.opts.FinalAfter)
	if errors.Is(err, store.ErrNotFound) {
		return nil // the chain is younger
	}
	if err != nil {
		return err
	}
	if final, ok, err := s.Finalized(); err != nil || ok && old.Slot <= final.Slot {
		return err
	}
	if err := s.Finalize(old.Hash); err != nil {
		return fmt.Errorf("finalize the block of slot %d: %w", old.Slot, err)
	}
	return nil
}

// passed says whether a block is as old as what is final and its state is not kept any more: an import that goes on cannot
// execute it, and need not.
func (r *Replay) passed(v *block.View) (bool, error) {
	return r.beforeKept(v.Header.Slot, v.HeaderHash())
}

func (r *Replay) beforeKept(slot protocol.Slot, hash protocol.Hash) (bool, error) {
	if r.opts.Store == nil {
		return false, nil
	}
	final, ok, err := r.opts.Store.Finalized()
	if err != nil || !ok || slot > final.Slot {
		return false, err
	}
	_, kept, err := r.chain.State(hash)
	return !kept, err
}
