package block

import (
	"damson/crypto/blake2b"
	"damson/internal/codec"
	"damson/internal/protocol"
)

// Block is B. GP eq:block.
type Block struct {
	Header    Header
	Extrinsic Extrinsic
}

// AppendTo appends the block.
func (b *Block) AppendTo(buf []byte) []byte { return b.Extrinsic.AppendTo(b.Header.AppendTo(buf)) }

// View is a block together with the octets that it was read from, so that nothing is encoded again
// to be hashed. Decoding into a View that held a block before reuses its memory.
type View struct {
	Block

	header     []byte // the whole header
	tickets    []byte
	preimages  []byte
	assurances []byte
	disputes   []byte
	reports    [][]byte // of each guarantee
	scratch    []byte
}

// Decode reads a block that fills b. The view aliases b.
func (v *View) Decode(b []byte, p *protocol.Params) error {
	d := codec.NewDecoder(b)
	v.DecodeFrom(&d, p)
	return d.Finish()
}

// DecodeFrom reads a block.
func (v *View) DecodeFrom(d *codec.Decoder, p *protocol.Params) {
	span := func(read func()) []byte {
		before := d.Rest()
		read()
		return before[:len(before)-len(d.Rest())]
	}
	x := &v.Extrinsic
	v.header = span(func() { v.Header.DecodeFrom(d, p) })
	v.tickets = span(func() { x.DecodeTicketProofs(d) })
	v.preimages = span(func() { x.DecodePreimages(d) })
	v.reports = v.reports[:0]
	x.decodeGuarantees(d, p, &v.reports)
	v.assurances = span(func() { x.DecodeAssurances(d, p) })
	v.disputes = span(func() { x.Disputes.DecodeFrom(d, p) })
}

// NewView makes a view of a block that was made here, by encoding and decoding it.
func NewView(b *Block, p *protocol.Params) (*View, error) {
	v := new(View)
	return v, v.Decode(b.AppendTo(nil), p)
}

// HeaderOctets gives the encoded header. It aliases the input.
func (v *View) HeaderOctets() []byte { return v.header }

// UnsignedHeader gives the encoded header without its seal: what the seal signs. It aliases the input.
func (v *View) UnsignedHeader() []byte {
	n := len(v.header) - len(v.Header.Seal)
	return v.header[:n:n]
}

// HeaderHash names the block.
func (v *View) HeaderHash() protocol.Hash { return blake2b.Sum256(v.header) }

// ReportHash names the report of the guarantee with index i.
func (v *View) ReportHash(i int) protocol.Hash { return blake2b.Sum256(v.reports[i]) }

// ExtrinsicHash computes what the header must say as H_X. GP §5.
func (v *View) ExtrinsicHash() protocol.Hash {
	b := codec.AppendCount(v.scratch[:0], len(v.Extrinsic.Guarantees))
	for i := range v.Extrinsic.Guarantees {
		hash := v.ReportHash(i)
		b = append(b, hash[:]...)
		b = v.Extrinsic.Guarantees[i].appendWithoutReport(b)
	}
	v.scratch = b
	var parts [5 * 32]byte
	for i, octets := range [...][]byte{v.tickets, v.preimages, b, v.assurances, v.disputes} {
		hash := blake2b.Sum256(octets)
		copy(parts[32*i:], hash[:])
	}
	return blake2b.Sum256(parts[:])
}
