package services

import (
	"encoding/binary"

	"damson/internal/protocol"
)

// Where the chains that we make have the examples. Service 0 is the store, with every privilege.
const (
	StoreID   protocol.ServiceID = 0
	TokenID   protocol.ServiceID = 1
	RelayID   protocol.ServiceID = 2
	RunnerID  protocol.ServiceID = 3
	CounterID protocol.ServiceID = 4
)

// Mint is a payer who has whatever the payee shall have: new money.
const Mint = 1<<32 - 1

// MaxPayments is how many payments fit into one payload, so that what refinement gives back is no more than a report may have.
const MaxPayments = 2900

// Payments is a payload for the token. The zero value is empty.
type Payments struct {
	count   uint16
	encoded []byte
}

// Pay adds a payment. A payer who has not enough pays nothing.
func (p *Payments) Pay(from, to uint32, amount uint64) {
	p.count++
	p.encoded = binary.LittleEndian.AppendUint32(p.encoded, from)
	p.encoded = binary.LittleEndian.AppendUint32(p.encoded, to)
	p.encoded = binary.LittleEndian.AppendUint64(p.encoded, amount)
}

// Len is how many payments there are.
func (p *Payments) Len() int { return int(p.count) }

// Payload gives the payments as the token reads them.
func (p *Payments) Payload() []byte {
	return append(binary.LittleEndian.AppendUint16(nil, p.count), p.encoded...)
}

// AccountKey is the key under which the token keeps a balance: eight octets.
func AccountKey(account uint32) []byte { return binary.LittleEndian.AppendUint32(nil, account) }

// BooksKey is the key under which the token keeps its books.
const BooksKey = "b"

// Books are those of the token.
type Books struct{ Supply, Paid, Refused uint64 }

// DecodeBooks reads what is stored under BooksKey; nothing, if nothing is.
func DecodeBooks(b []byte) (x Books, ok bool) {
	if len(b) == 24 {
		x = Books{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])}
	}
	return x, len(b) == 24 || len(b) == 0
}

// Leg is a payload for the relay: what it imports is to be the first of what the leg before it exported.
type Leg struct {
	Tag              uint32
	Imports, Exports uint16
}

// Payload gives the leg as the relay reads it.
func (l *Leg) Payload() []byte {
	b := binary.LittleEndian.AppendUint32(nil, l.Tag)
	b = binary.LittleEndian.AppendUint16(b, l.Imports)
	return binary.LittleEndian.AppendUint16(b, l.Exports)
}

// Relayed is what the relay keeps of a tag.
type Relayed struct{ Imports, Exports, Generation uint64 }

// DecodeRelayed reads what the relay stores under a tag; nothing, if nothing is.
func DecodeRelayed(b []byte) (x Relayed, ok bool) {
	if len(b) == 24 {
		x = Relayed{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])}
	}
	return x, len(b) == 24 || len(b) == 0
}

// RelayKey is the key under which the relay keeps a tag.
func RelayKey(tag uint32) []byte { return binary.LittleEndian.AppendUint32(nil, tag) }

// Inner is a payload for the runner: a program blob, which finds a number in r7.
type Inner struct {
	Gas     protocol.Gas
	Number  uint64
	Program []byte
}

// Payload gives the run as the runner reads it.
func (x *Inner) Payload() []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(x.Gas))
	b = binary.LittleEndian.AppendUint64(b, x.Number)
	return append(b, x.Program...)
}

// RunnerKey is the key under which the runner keeps how its last program ended: reason, gas left and number, a word each.
const RunnerKey = "r"
