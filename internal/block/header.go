// Package block holds what travels between nodes: header, extrinsics, work report and work package,
// with their encodings of GP Appendix C.
//
// A type decodes itself into the receiver and reuses the receiver's slices, so that decoding block after
// block into one View allocates nothing. Octet strings alias the input; arrays are copied. Decoding checks
// what the encoding fixes (lengths, counts, discriminators); the rules of the protocol are checked by the
// parts of the state transition.
package block

import (
	"damson/crypto/blake2b"
	"damson/internal/codec"
	"damson/internal/protocol"
)

// Header is H. GP eq:header.
type Header struct {
	Parent           protocol.Hash         // H_P: the hash of the parent's header
	PriorStateRoot   protocol.Hash         // H_R: the root of the state before this block
	ExtrinsicHash    protocol.Hash         // H_X
	Slot             protocol.Slot         // H_T
	EpochMark        *EpochMark            // H_E: nil unless the epoch changes
	WinnersMark      []Ticket              // H_W: the next epoch's tickets, or nil
	Author           protocol.Validator    // H_I: index into κ′
	EntropySignature protocol.VRFSignature // H_V
	OffendersMark    []protocol.Ed25519Key // H_O
	Seal             protocol.VRFSignature // H_S

	epochMark EpochMark // what EpochMark points to after decoding
	winners   []Ticket  // what WinnersMark shares after decoding
}

// EpochMark tells light clients the next epoch's entropy and validators. GP §6.6.
type EpochMark struct {
	Entropy        protocol.Hash   // η₀
	TicketsEntropy protocol.Hash   // η₁
	Validators     []EpochMarkKeys // of γ_P′, one for each validator
}

// EpochMarkKeys are the keys of one validator in an epoch mark.
type EpochMarkKeys struct {
	Bandersnatch protocol.BandersnatchKey
	Ed25519      protocol.Ed25519Key
}

// Ticket is a candidate or winner of the contest for a slot. GP eq:ticket.
type Ticket struct {
	ID      protocol.Hash // y: the ring VRF's output
	Attempt uint8         // e: which of the validator's entries
}

// DecodeFrom reads a header. p gives the sizes of its marks.
func (h *Header) DecodeFrom(d *codec.Decoder, p *protocol.Params) {
	h.decodeUnsigned(d, p)
	d.Field("header.seal")
	d.Copy(h.Seal[:])
}

func (h *Header) decodeUnsigned(d *codec.Decoder, p *protocol.Params) {
	d.Field("header.parent")
	h.Parent = d.Hash()
	d.Field("header.parent_state_root")
	h.PriorStateRoot = d.Hash()
	d.Field("header.extrinsic_hash")
	h.ExtrinsicHash = d.Hash()
	d.Field("header.slot")
	h.Slot = protocol.Slot(d.U32())
	d.Field("header.epoch_mark")
	h.EpochMark = nil
	if d.Bool() {
		h.epochMark.decodeFrom(d, p)
		h.EpochMark = &h.epochMark
	}
	d.Field("header.tickets_mark")
	h.WinnersMark = nil
	if d.Bool() {
		h.winners = DecodeTickets(d, h.winners, int(p.EpochLength))
		h.WinnersMark = h.winners
	}
	d.Field("header.author_index")
	h.Author = protocol.Validator(d.U16())
	d.Field("header.entropy_source")
	d.Copy(h.EntropySignature[:])
	d.Field("header.offenders_mark")
	h.OffendersMark = codec.Resize(h.OffendersMark, d.Count(maxCount, len(protocol.Ed25519Key{})))
	for i := range h.OffendersMark {
		d.Copy(h.OffendersMark[i][:])
	}
}

func (m *EpochMark) decodeFrom(d *codec.Decoder, p *protocol.Params) {
	m.Entropy = d.Hash()
	m.TicketsEntropy = d.Hash()
	if raw := d.Rest(); len(raw) < p.Validators*64 {
		d.Fail(codec.ErrShort)
		return
	}
	m.Validators = codec.Resize(m.Validators, p.Validators)
	for i := range m.Validators {
		d.Copy(m.Validators[i].Bandersnatch[:])
		d.Copy(m.Validators[i].Ed25519[:])
	}
}

// DecodeTickets reads n tickets, reusing the slice given.
func DecodeTickets(d *codec.Decoder, reuse []Ticket, n int) []Ticket {
	if len(d.Rest()) < n*ticketSize {
		d.Fail(codec.ErrShort)
		return nil
	}
	reuse = codec.Resize(reuse, n)
	for i := range reuse {
		reuse[i].ID = d.Hash()
		reuse[i].Attempt = d.U8()
	}
	return reuse
}

// AppendTickets appends tickets without a count.
func AppendTickets(b []byte, tickets []Ticket) []byte {
	for i := range tickets {
		b = append(b, tickets[i].ID[:]...)
		b = append(b, tickets[i].Attempt)
	}
	return b
}

// AppendUnsigned appends the header without its seal: what the seal signs. GP §C.2.
func (h *Header) AppendUnsigned(b []byte) []byte {
	b = append(b, h.Parent[:]...)
	b = append(b, h.PriorStateRoot[:]...)
	b = append(b, h.ExtrinsicHash[:]...)
	b = codec.AppendU32(b, uint32(h.Slot))
	b = codec.AppendBool(b, h.EpochMark != nil)
	if m := h.EpochMark; m != nil {
		b = append(b, m.Entropy[:]...)
		b = append(b, m.TicketsEntropy[:]...)
		for i := range m.Validators {
			b = append(b, m.Validators[i].Bandersnatch[:]...)
			b = append(b, m.Validators[i].Ed25519[:]...)
		}
	}
	b = codec.AppendBool(b, h.WinnersMark != nil)
	b = AppendTickets(b, h.WinnersMark)
	b = codec.AppendU16(b, uint16(h.Author))
	b = append(b, h.EntropySignature[:]...)
	b = codec.AppendCount(b, len(h.OffendersMark))
	for i := range h.OffendersMark {
		b = append(b, h.OffendersMark[i][:]...)
	}
	return b
}

// AppendTo appends the whole header.
func (h *Header) AppendTo(b []byte) []byte { return append(h.AppendUnsigned(b), h.Seal[:]...) }

// Hash is the BLAKE2b hash of the encoded header: how a block is named.
func (h *Header) Hash() protocol.Hash { return blake2b.Sum256(h.AppendTo(nil)) }

// ticketSize is the length of an encoded ticket.
const ticketSize = 33

// maxCount bounds lists that only the octets left bound.
const maxCount = 1 << 30
