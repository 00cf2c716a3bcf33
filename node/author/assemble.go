package author

import (
	"errors"
	"time"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/node/chain"
	"damson/node/pool"
	"damson/state/safrole"
)

// task is a block in the making.
type task struct {
	author     *Author
	parent     *chain.Block
	slot       protocol.Slot
	candidates *pool.Candidates
	began      time.Time

	signer *signer
	draft  *pool.Draft
	hash   protocol.Hash // when it is sealed
	second bool          // the first one was refused and is gone
	twin   bool          // a mistake: the first one is there
}

// begin finds out beside the loop whether it is our turn; then make goes on.
func (t *task) begin() (then func()) {
	a := t.author
	after, err := pool.Contest(a.opts.Params, t.parent.State, t.slot, a.opts.Verifier)
	if err == nil {
		t.signer = a.turn(after, t.slot)
	}
	return func() {
		if err != nil || t.signer == nil {
			t.end(err)
			return
		}
		t.candidates = a.opts.Pool.Candidates(t.parent, t.slot)
		t.make(func() error { return a.guard.allow(t.signer.key, t.slot) })
	}
}

// make makes a block of the candidates beside the loop, seals it if that is allowed, and has it imported.
func (t *task) make(allow func() error) {
	a := t.author
	a.opts.Events.Authoring(t.slot, t.parent.Hash)
	a.opts.Loop.Go(queue, func() func() {
		var octets []byte
		var err error
		if t.draft, err = t.candidates.Draft(a.opts.Verifier.RingRoot, t.ancestor); err == nil {
			if a.spoil != nil && !t.second {
				a.spoil(&t.draft.Extrinsic)
			}
			err = allow()
		}
		if err == nil {
			octets, err = t.seal()
		}
		return func() {
			if err != nil {
				t.end(err)
				return
			}
			a.opts.Events.Sealed(t.slot, t.hash)
			a.opts.Chain.Import(octets, t.imported)
		}
	})
}

// ancestor says which headers the block may look up by.
func (t *task) ancestor(header protocol.Hash, slot protocol.Slot) bool {
	return t.author.opts.Chain.Ancestor(t.parent.Hash, header, slot)
}

// seal gives the encoded block of the draft. The guard must have allowed it.
func (t *task) seal() ([]byte, error) {
	d := t.draft
	v, err := block.NewView(&block.Block{Extrinsic: d.Extrinsic}, t.author.opts.Params)
	if err != nil {
		return nil, err
	}
	h := block.Header{
		Parent: d.Parent, PriorStateRoot: d.PriorRoot, ExtrinsicHash: v.ExtrinsicHash(), Slot: d.Slot,
		EpochMark: d.Marks.Epoch, WinnersMark: d.Marks.Winners, Author: t.signer.index, OffendersMark: d.Offenders,
	}
	safrole.SignEntropy(&h, t.signer.secrets.Bandersnatch, t.signer.input)
	if t.twin {
		key := t.signer.secrets.Bandersnatch
		h.EntropySignature = key.SignHedged(safrole.EntropyInput(key.Output(t.signer.input)), nil, []byte("twin"))
	}
	safrole.Seal(&h, t.signer.secrets.Bandersnatch, t.signer.input)
	header := h.AppendTo(nil)
	t.hash = blake2b.Sum256(header)
	return d.Extrinsic.AppendTo(header), nil
}

// imported hears what our own importer says of the block. One that it refuses has been seen by nobody; an empty block takes
// its place, so that what was wrong with the contents does not cost the slot.
func (t *task) imported(b *chain.Block, err error) {
	a := t.author
	if err == nil {
		a.log.Info("block authored", "slot", b.Slot, "hash", b.Hash, "ticket", b.Ticketed, "parent", b.Parent,
			"took", a.opts.Loop.Now().Sub(t.began))
		if a.opts.Authored != nil {
			a.opts.Authored(b)
		}
		if a.opts.Mistakes.SealTwice && !t.second {
			if other := a.opts.Chain.Parent(t.parent); other != nil {
				t.parent = other
			}
			t.twin = true
			t.again()
			return
		}
		t.end(nil)
		return
	}
	if _, invalid := errors.AsType[protocol.Invalid](err); !invalid || t.second {
		t.end(err)
		return
	}
	a.log.Error("our own block is refused: an empty one takes its place", "slot", t.slot, "error", err)
	a.opts.Pool.Drop(&t.draft.Extrinsic)
	t.again()
}

// again makes an empty block for the same slot. The guard has allowed it, and must not be asked again.
func (t *task) again() {
	a := t.author
	t.second = true
	t.candidates = a.opts.Pool.Nothing(t.parent, t.slot)
	t.make(func() error { return nil })
}

func (t *task) end(err error) {
	t.author.busy = false
	if err != nil {
		t.author.log.Error("no block was made", "slot", t.slot, "error", err)
		t.author.opts.Events.Failed(t.slot, err)
	}
}
