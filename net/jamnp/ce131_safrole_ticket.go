package jamnp

import (
	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
)

// ErrAttempt means that a ticket is an entry that validators do not have.
const ErrAttempt = protocol.Invalid("jamnp/bad_ticket_attempt")

// Ticket is an entry to the Safrole contest on its way: to its proxy by CE 131, to all validators by CE 132.
type Ticket struct {
	Epoch uint32 // in which it will be used
	Proof block.TicketProof
}

const ticketOctets = 4 + 1 + 784

// TicketLimit bounds a ticket.
func TicketLimit(*protocol.Params) int { return ticketOctets }

// AppendTo appends the message.
func (m *Ticket) AppendTo(b []byte) []byte {
	b = append(codec.AppendU32(b, m.Epoch), m.Proof.Attempt)
	return append(b, m.Proof.Proof[:]...)
}

// Decode reads the message. Neither the proof is looked at nor the epoch.
func (m *Ticket) Decode(b []byte, p *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) {
		d.Field("ticket.epoch")
		m.Epoch = d.U32()
		d.Field("ticket.attempt")
		if m.Proof.Attempt = d.U8(); int(m.Proof.Attempt) >= p.TicketAttempts {
			d.Fail(ErrAttempt)
		}
		d.Field("ticket.proof")
		d.Copy(m.Proof.Proof[:])
	})
}
