package state

import (
	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
)

// Safrole is γ. GP eq:consensusstatecomposition.
type Safrole struct {
	Pending     Validators        // γ_P: the next epoch's validators
	RingRoot    protocol.RingRoot // γ_Z: commits to the Bandersnatch keys in Pending
	SealKeys    SealKeys          // γ_S: who seals each slot of this epoch
	Accumulator []block.Ticket    // γ_A: the best tickets so far for the next epoch, least first
}

// SealKeys is γ_S: a ticket for each slot of the epoch, or in fallback a key. One of the two is nil.
type SealKeys struct {
	Tickets []block.Ticket
	Keys    []protocol.BandersnatchKey
}

// Entropy is η: the accumulator, and its value at the end of each of the last three epochs. GP eq:entropycomposition.
type Entropy [4]protocol.Hash

// DecodeSafrole reads C(4).
func DecodeSafrole(d *codec.Decoder, p *protocol.Params) *Safrole {
	s := new(Safrole)
	s.Pending = DecodeValidators(d, p)
	d.Copy(s.RingRoot[:])
	s.SealKeys = DecodeSealKeys(d, p)
	s.Accumulator = block.DecodeTickets(d, nil, d.Count(int(p.EpochLength), 33))
	return s
}

// AppendTo appends C(4).
func (s *Safrole) AppendTo(b []byte) []byte {
	b = s.Pending.AppendTo(b)
	b = append(b, s.RingRoot[:]...)
	b = s.SealKeys.AppendTo(b)
	b = codec.AppendCount(b, len(s.Accumulator))
	return block.AppendTickets(b, s.Accumulator)
}

// DecodeSealKeys reads γ_S with its discriminator: 0 tickets, 1 keys.
func DecodeSealKeys(d *codec.Decoder, p *protocol.Params) (k SealKeys) {
	n := int(p.EpochLength)
	if !d.Bool() {
		k.Tickets = block.DecodeTickets(d, nil, n)
		return k
	}
	if len(d.Rest()) < n*32 {
		d.Fail(codec.ErrShort)
		return k
	}
	k.Keys = make([]protocol.BandersnatchKey, n)
	for i := range k.Keys {
		d.Copy(k.Keys[i][:])
	}
	return k
}

// AppendTo appends γ_S.
func (k *SealKeys) AppendTo(b []byte) []byte {
	b = codec.AppendBool(b, k.Tickets == nil)
	b = block.AppendTickets(b, k.Tickets)
	for i := range k.Keys {
		b = append(b, k.Keys[i][:]...)
	}
	return b
}

// DecodeEntropy reads C(6).
func DecodeEntropy(d *codec.Decoder, _ *protocol.Params) *Entropy {
	e := new(Entropy)
	for i := range e {
		e[i] = d.Hash()
	}
	return e
}

// AppendTo appends C(6).
func (e *Entropy) AppendTo(b []byte) []byte {
	for i := range e {
		b = append(b, e[i][:]...)
	}
	return b
}
