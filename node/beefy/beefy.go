// Package beefy signs what the services have put out, so that bridges need not follow the chain: for each finalized block, a BLS
// signature of the super-peak of the accumulation-output log. GP §18.
//
// beefy.go makes a validator's own signatures, takes those of others, and adds them up; scheme.go is all that depends on how BLS keys
// are read. Where no validator has a BLS key that is not zero, as on most chains, nothing is done; no key is ever refused.
// All of it belongs to the goroutine of the node's loop.
package beefy

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"damson/internal/protocol"
	"damson/node/chain"
	"damson/node/loop"
	"damson/state"
)

// Message is what is signed for a block. GP eq:accoutsignedcommitment.
func Message(superPeak protocol.Hash) []byte {
	return append([]byte(protocol.ContextBeefy), superPeak[:]...)
}

// Vote is a validator's signature.
type Vote struct {
	Block     protocol.Hash
	Validator protocol.Validator // index into κ′ of the block
	Signature []byte
}

// Commitment is what enough validators have signed.
type Commitment struct {
	Block     protocol.Hash
	Slot      protocol.Slot
	SuperPeak protocol.Hash
	Signers   []protocol.Validator // ascending
	Aggregate []byte
}

// Options configures New. What is not said to be optional must be set.
type Options struct {
	Chain  interface{ Watch(chain.Events) }
	Loop   loop.Loop
	Scheme Scheme
	Signer Signer       // nil: it follows the signatures of others
	Log    *slog.Logger // nil: nobody wants to know

	Publish   func(*Vote)       // optional: to spread our own signatures
	Fresh     func(*Vote)       // optional: a signature of another that is good, and news
	Committed func(*Commitment) // optional
}

// Why a vote is not taken.
var (
	ErrUnknown = errors.New("beefy: the block is not one of the last that are final")
	ErrVoter   = errors.New("beefy: no validator of that index has a key")
	ErrForged  = errors.New("beefy: the signature is wrong")
)

// kept bounds the finalized blocks whose votes are taken.
const kept = 64

// maxEarly bounds the votes for blocks that are not final here yet. The oldest go first.
const maxEarly = 4096

// signQueue is where the loop does the arithmetic.
const signQueue = "beefy"

// Beefy does the duty.
type Beefy struct {
	Options
	tree  map[protocol.Hash]*chain.Block // imported, and not final yet
	final protocol.Hash                  // the last that is
	known map[protocol.Hash]*round
	order []protocol.Hash // of known, the oldest first
	early []*Vote         // for blocks that are not final here yet

	counts Counts
}

// Counts is what has been done since the start.
type Counts struct {
	Signed    uint64        `json:"signed"` // by us
	Taken     uint64        `json:"taken"`  // of others
	Committed uint64        `json:"committed"`
	Last      protocol.Slot `json:"last_slot"` // of the blocks that enough have signed, the latest
}

// Counts gives what has been done.
func (b *Beefy) Counts() Counts { return b.counts }

// round is a finalized block.
type round struct {
	hash  protocol.Hash
	slot  protocol.Slot
	peak  protocol.Hash
	keys  []protocol.BLSKey
	votes map[protocol.Validator][]byte
	busy  map[protocol.Validator]bool // votes that are being checked
	done  bool
}

// New makes the duty. It begins with the next block that becomes final.
func New(o Options) *Beefy {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	b := &Beefy{Options: o, tree: make(map[protocol.Hash]*chain.Block), known: make(map[protocol.Hash]*round)}
	o.Chain.Watch(chain.Events{Imported: func(x *chain.Block) { b.tree[x.Hash] = x }, Finalized: b.finalized})
	return b
}

// finalized signs all blocks that have become final.
func (b *Beefy) finalized(last *chain.Block) {
	list := []*chain.Block{last}
	for x := b.tree[last.Parent]; x != nil && x.Hash != b.final; x = b.tree[x.Parent] {
		list = append(list, x)
	}
	slices.Reverse(list)
	b.final = last.Hash
	for hash, x := range b.tree {
		if x.Slot <= last.Slot {
			delete(b.tree, hash)
		}
	}
	for _, x := range list {
		r, err := begin(x)
		if err != nil {
			b.Log.Error("a block's outputs are not signed", "slot", x.Slot, "error", err)
			continue
		}
		if r == nil { // nobody has a key
			continue
		}
		b.known[r.hash] = r
		if b.order = append(b.order, r.hash); len(b.order) > kept {
			delete(b.known, b.order[0])
			b.order = b.order[1:]
		}
		b.sign(r)
		early := b.early
		b.early = nil
		for _, v := range early {
			if v.Block == r.hash {
				b.Take(v, nil)
			} else {
				b.early = append(b.early, v)
			}
		}
	}
}

// begin reads what is to be signed for a block, and whose keys there are; nil if there is none that is not zero.
func begin(x *chain.Block) (*round, error) {
	active, err := x.State.Active()
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(active, func(k state.ValidatorKeys) bool { return k.BLS != (protocol.BLSKey{}) }) {
		return nil, nil
	}
	recent, err := x.State.Recent()
	if err != nil {
		return nil, err
	}
	if len(recent.Blocks) == 0 {
		return nil, errors.New("beefy: no recent block")
	}
	r := &round{
		hash: x.Hash, slot: x.Slot, peak: recent.Blocks[len(recent.Blocks)-1].BeefyRoot,
		votes: make(map[protocol.Validator][]byte), busy: make(map[protocol.Validator]bool),
	}
	for i := range active {
		r.keys = append(r.keys, active[i].BLS)
	}
	return r, nil
}

// sign signs a block with our own key, if it is one of the validators'.
func (b *Beefy) sign(r *round) {
	if b.Signer == nil {
		return
	}
	i := slices.Index(r.keys, b.Signer.Public())
	if i < 0 {
		return
	}
	b.Loop.Go(signQueue, func() func() {
		v := &Vote{Block: r.hash, Validator: protocol.Validator(i), Signature: b.Signer.Sign(Message(r.peak))}
		return func() {
			b.counts.Signed++
			b.count(r, v)
			if b.Publish != nil {
				b.Publish(v)
			}
		}
	})
}

// Take takes in a signature of another validator. Done is told what comes of it, and may be nil.
func (b *Beefy) Take(v *Vote, done func(error)) {
	if done == nil {
		done = func(error) {}
	}
	r := b.known[v.Block]
	switch {
	case r == nil && b.tree[v.Block] != nil:
		if len(b.early) == maxEarly {
			b.early = b.early[1:]
		}
		b.early = append(b.early, v)
		done(nil)
		return
	case r == nil:
		done(ErrUnknown)
		return
	case int(v.Validator) >= len(r.keys) || r.keys[v.Validator] == (protocol.BLSKey{}):
		done(fmt.Errorf("%w: %d", ErrVoter, v.Validator))
		return
	case r.votes[v.Validator] != nil || r.busy[v.Validator]:
		done(nil)
		return
	}
	r.busy[v.Validator] = true
	b.Loop.Go(signQueue, func() func() {
		ok := b.Scheme.Verify(&r.keys[v.Validator], Message(r.peak), v.Signature)
		return func() {
			delete(r.busy, v.Validator)
			if !ok {
				done(fmt.Errorf("%w: of validator %d", ErrForged, v.Validator))
				return
			}
			b.counts.Taken++
			b.count(r, v)
			done(nil)
			if b.Fresh != nil {
				b.Fresh(v)
			}
		}
	})
}

// count counts a signature that is known to be good, and adds all up when there are more than two thirds.
func (b *Beefy) count(r *round, v *Vote) {
	r.votes[v.Validator] = v.Signature
	if r.done || len(r.votes) <= len(r.keys)*2/3 {
		return
	}
	r.done = true
	c := &Commitment{Block: r.hash, Slot: r.slot, SuperPeak: r.peak}
	var signatures [][]byte
	for i := range r.keys {
		if s := r.votes[protocol.Validator(i)]; s != nil {
			c.Signers, signatures = append(c.Signers, protocol.Validator(i)), append(signatures, s)
		}
	}
	b.Loop.Go(signQueue, func() func() {
		var err error
		c.Aggregate, err = b.Scheme.Aggregate(signatures)
		return func() {
			if err != nil {
				b.Log.Error("signatures of a block's outputs do not add up", "slot", r.slot, "error", err)
				return
			}
			b.counts.Committed++
			b.counts.Last = max(b.counts.Last, c.Slot)
			if b.Committed != nil {
				b.Committed(c)
			}
		}
	})
}
