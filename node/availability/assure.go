package availability

import (
	"errors"
	"time"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/chain"
	"damson/node/pool"
	"damson/node/roster"
	"damson/state"
)

// lead is how long before a slot assurances for its block go out.
func (k *Keeper) lead() time.Duration { return k.Slots.Scale(assureBefore) }

// wait waits until it is time to assure for the block of a slot.
func (k *Keeper) wait(slot protocol.Slot) {
	at := k.Slots.Start(slot).Add(-k.lead())
	k.timer = k.Loop.After(at.Sub(k.Loop.Now()), func() {
		if k.stopped {
			return
		}
		slot := max(slot, k.Slots.At(k.Loop.Now().Add(k.lead())))
		k.wait(slot + 1)
		k.assuring = slot
		k.assure(slot)
	})
}

// assure says which data we hold to everybody who may author the block of a slot. GP §11.2, JAMNP-S CE 141.
func (k *Keeper) assure(slot protocol.Slot) {
	anchor := k.Chain.Best()
	if anchor.Slot >= slot || anchor.Hash == k.assured || k.Ready != nil && !k.Ready() {
		return
	}
	waiting, index, ok := k.waiting(anchor)
	if !ok {
		return
	}
	duties, err := roster.At(k.Params, anchor.State, slot)
	if err != nil {
		k.log.Error("the authors of a slot are not known", "error", err)
		return
	}
	k.assured = anchor.Hash
	a := &block.Assurance{Anchor: anchor.Hash, Bitfield: k.bitfield(waiting, index), Validator: index}
	signed := blake2b.Sum256Parts(a.Anchor[:], a.Bitfield)
	a.Signature = k.Key.Sign(append([]byte(protocol.ContextAvailable), signed[:]...))
	k.counts.Assurances++
	k.Pool.AddAssurance(a, func(err error) {
		if err != nil && !errors.Is(err, pool.ErrStale) && !errors.Is(err, pool.ErrKnown) {
			k.log.Error("our own assurance is not taken", "error", err)
		}
	})
	message := [][]byte{jamnp.Encode(&jamnp.Assurance{Anchor: a.Anchor, Bitfield: a.Bitfield, Signature: a.Signature})}
	for i := range duties.Active { // who may author: κ′. The signature counts by κ, which k.waiting has looked at
		if to := duties.Active[i].Ed25519; to != k.Key.Public && to != (jamnp.PeerID{}) {
			k.Network.Request(to, jamnp.AssuranceDistribution, message, 0, k.patience(), func(_ [][]byte, err error) {
				if err != nil {
					k.log.Debug("an assurance is not taken", "peer", to.PeerName(), "error", err)
				}
			})
		}
	}
}

// bitfield has a bit for each core whose report's data we hold.
func (k *Keeper) bitfield(waiting state.Reports, index protocol.Validator) []byte {
	bits := make([]byte, k.Params.BitfieldOctets())
	for core, a := range waiting {
		if a == nil {
			continue
		}
		at := place{a.Report.Package.ErasureRoot, jamnp.ShardOf(protocol.Core(core), index, k.Params)}
		if _, held := k.held[at]; held || k.Mistakes.AssureAll {
			bits[core/8] |= 1 << (core % 8)
		}
	}
	return bits
}

// takeAssurance takes in an assurance of a peer: CE 141.
func (k *Keeper) takeAssurance(x jamnp.Exchange) {
	read(k, x, &jamnp.Assurance{}, jamnp.AssuranceLimit(k.Params), func(m *jamnp.Assurance) {
		anchor := k.Chain.Block(m.Anchor)
		if anchor == nil {
			x.Reject(pool.ErrStale)
			return
		}
		index, ok := k.assurer(anchor, x.Peer())
		if !ok {
			k.blame(x.Peer(), blameMalformed, errNoAssurer)
			x.Reject(errNoAssurer)
			return
		}
		a := &block.Assurance{Anchor: m.Anchor, Bitfield: m.Bitfield, Validator: index, Signature: m.Signature}
		k.Pool.AddAssurance(a, func(err error) {
			if _, invalid := errors.AsType[protocol.Invalid](err); invalid {
				k.blame(x.Peer(), blameData, err)
			}
			if err != nil && !errors.Is(err, pool.ErrKnown) {
				x.Reject(err)
				return
			}
			x.Answer()
		})
	})
}

// errNoAssurer is an assurance of somebody whose word does not count.
var errNoAssurer = protocol.Invalid("availability/not_an_assurer")

func (k *Keeper) assurer(anchor *chain.Block, id jamnp.PeerID) (protocol.Validator, bool) {
	active, err := anchor.State.Active()
	if err != nil {
		k.log.Error("an anchor's state cannot be read", "error", err)
		return 0, false
	}
	return roster.Index(active, id)
}
