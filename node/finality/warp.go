package finality

import (
	"errors"
	"fmt"
	"time"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/net/jamnp"
)

// handover is the block at which a set gave way to the next: the first of an epoch, finalized by the set of the epoch before.
type handover struct {
	from, to uint32
	step     jamnp.WarpStep
}

type note struct {
	name  string
	value []byte
}

func handoverNote(hash protocol.Hash) string { return fmt.Sprintf("grandpa/handover/%x", hash[:]) }

// nextNote names the handover at which a set ended.
func nextNote(set uint32) string { return fmt.Sprintf("grandpa/next/%08x", set) }

func (h *handover) appendTo(b []byte) []byte {
	return h.step.AppendTo(codec.AppendU32(codec.AppendU32(b, h.from), h.to))
}

func (h *handover) decodeFrom(d *codec.Decoder, p *protocol.Params) {
	h.from, h.to = d.U32(), d.U32()
	h.step.DecodeFrom(d, p)
}

// handoverNotes gives the notes of the block that ends the set of now.
func (v *Voter) handoverNotes(c *jamnp.Commit) []note {
	hash := c.Target.Header
	h := handover{v.set.ID, v.epoch(c.Target.Slot), jamnp.WarpStep{Header: v.Chain.Header(hash), Commit: *c}}
	return []note{{handoverNote(hash), h.appendTo(nil)}, {nextNote(h.from), hash[:]}}
}

// next gives the handover at which a set ended, if this node has it.
func (v *Voter) next(set uint32) (h handover, ok bool) {
	hash, ok, err := v.Notes.Note(nextNote(set))
	if err != nil || !ok || len(hash) != len(protocol.Hash{}) {
		return h, false
	}
	octets, ok, err := v.Notes.Note(handoverNote(protocol.Hash(hash)))
	if err != nil || !ok {
		return h, false
	}
	d := codec.NewDecoder(octets)
	h.decodeFrom(&d, v.Params)
	return h, d.Finish() == nil
}

// answerWarp gives the handovers after a set, and at their end the latest justification.
func (v *Voter) answerWarp(x jamnp.Exchange, message []byte) error {
	var q jamnp.WarpRequest
	if err := q.Decode(message, v.Params); err != nil {
		return err
	}
	var steps jamnp.WarpSteps
	set, complete := q.Set, false
	for len(steps) < jamnp.MaxWarpSteps {
		h, ok := v.next(set)
		if !ok {
			complete = true
			break
		}
		steps = append(steps, h.step)
		set = h.to
	}
	if c := v.latest; complete && c != nil && c.Set == set && len(steps) < jamnp.MaxWarpSteps {
		steps = append(steps, jamnp.WarpStep{Header: v.Chain.Header(c.Target.Header), Commit: *c})
	}
	x.Answer(jamnp.Encode(&steps))
	return nil
}

// AskWarp asks a peer for what was finalized after a set. Done gets the steps, which are to be verified by a WarpProof.
func (v *Voter) AskWarp(id jamnp.PeerID, set uint32, done func(steps jamnp.WarpSteps, err error)) {
	q := jamnp.WarpRequest{Set: set}
	v.Network.Request(id, jamnp.WarpSync, [][]byte{jamnp.Encode(&q)}, jamnp.WarpStepsLimit(v.Params),
		v.Slots.Scale(warpTimeout), func(answer [][]byte, err error) {
			var steps jamnp.WarpSteps
			if err == nil {
				var message []byte
				if message, err = one(answer); err == nil {
					err = steps.Decode(message, v.Params)
				}
			}
			done(steps, err)
		})
}

// warpTimeout is how long an answer may take, for slots of six seconds.
const warpTimeout = 30 * time.Second

// askWarp asks a peer that follows a later set how the one of now ended, one peer at a time.
func (v *Voter) askWarp(id jamnp.PeerID) {
	if v.warping || !v.asks(id) {
		return
	}
	v.warping = true
	asked := v.set.ID
	v.AskWarp(id, asked, func(steps jamnp.WarpSteps, err error) {
		// Not again at once: blocks may have to come first.
		v.Loop.After(2*v.t, func() { v.warping = false })
		if _, broken := errors.AsType[protocol.Invalid](err); broken {
			v.Network.Blame(id, blameLie, fmt.Errorf("warp: %w", err))
		}
		if err != nil || len(steps) == 0 {
			v.useless(id)
			return
		}
		v.steps, v.stepsFrom, v.stepsMore = steps, id, len(steps) == jamnp.MaxWarpSteps
		v.followSteps()
	})
}

// followSteps takes the next of the steps that a peer gave, if the set of now is the one that can judge it. The last ones may lead to
// more.
func (v *Voter) followSteps() {
	if len(v.steps) == 0 {
		return
	}
	final := v.Chain.Finalized().Slot
	for len(v.steps) > 0 && (v.steps[0].Commit.Set < v.set.ID || v.steps[0].Commit.Target.Slot <= final) {
		v.steps = v.steps[1:]
	}
	if len(v.steps) == 0 {
		if v.stepsMore {
			v.warping = false
			v.askWarp(v.stepsFrom)
		}
		return
	}
	if c := &v.steps[0].Commit; c.Set == v.set.ID {
		v.learnCommit(v.stepsFrom, c)
	}
}

// WarpProof follows the finalized chain by headers and justifications alone. GP eq:header's epoch mark names the validators of the
// next epoch, so that the first block of each epoch tells who finalizes the first block of the epoch after the next.
type WarpProof struct {
	Params *protocol.Params
	Set    *Set                  // who finalizes now
	Next   []protocol.Ed25519Key // who will after the next change of epoch: γ_P

	Header *block.Header // the latest finalized header proven; nil before any
	Target jamnp.Ballot  // that header's block, with its posterior state root
}

// The rules that a step can break.
const (
	ErrHeader    = protocol.Invalid("finality/header_is_not_the_justified_one")
	ErrEpochMark = protocol.Invalid("finality/first_header_of_an_epoch_without_mark")
)

// Advance verifies a step and takes it. Only votes for exactly the step's block count: a justification of the block at which the
// set changes has no others.
func (w *WarpProof) Advance(s *jamnp.WarpStep) error {
	if err := VerifyJustification(w.Set, &s.Commit, nil); err != nil {
		return err
	}
	if blake2b.Sum256(s.Header) != s.Commit.Target.Header {
		return ErrHeader
	}
	h := new(block.Header)
	d := codec.NewDecoder(s.Header)
	h.DecodeFrom(&d, w.Params)
	if err := d.Finish(); err != nil {
		return err
	}
	if h.Slot != s.Commit.Target.Slot {
		return ErrHeader
	}
	if epoch := uint32(h.Slot / w.Params.EpochLength); epoch > w.Set.ID {
		if h.EpochMark == nil {
			return ErrEpochMark
		}
		w.Set = NewSet(epoch, w.Next)
		w.Next = nil
		for i := range h.EpochMark.Validators {
			w.Next = append(w.Next, h.EpochMark.Validators[i].Ed25519)
		}
	}
	w.Header, w.Target = h, s.Commit.Target
	return nil
}
