package jamnp

import (
	"damson/internal/codec"
	"damson/internal/protocol"
)

// WarpRequest is what is sent on CE 153: it asks for the blocks at which the set of voters changed, after the one that began a set
// that the sender knows.
type WarpRequest struct {
	Set uint32
}

// WarpStep is one of them: its header, and the commit by which the set before made it final.
type WarpStep struct {
	Header []byte // encoded
	Commit Commit
}

// WarpSteps is the answer: steps in the order of the chain, the last of which may be the latest finalized block, at which no set
// changed. No steps mean that the answering node knows of none.
type WarpSteps []WarpStep

// MaxWarpSteps bounds the steps of one answer. Who wants more asks again.
const MaxWarpSteps = 16

// maxWarpHeader bounds an encoded header: it may have an epoch mark, a tickets mark and the keys of offenders.
func maxWarpHeader(p *protocol.Params) int {
	return 32*3 + 4 + 2 + 96*2 + 1 + 64 + p.Validators*64 + 1 + int(p.EpochLength)*33 + 9 + p.Validators*32
}

// WarpRequestLimit bounds the request of CE 153.
func WarpRequestLimit(*protocol.Params) int { return 4 }

// WarpStepsLimit bounds the answer of CE 153.
func WarpStepsLimit(p *protocol.Params) int {
	return 9 + MaxWarpSteps*(9+maxWarpHeader(p)+CommitLimit(p))
}

// AppendTo appends the message.
func (m *WarpRequest) AppendTo(b []byte) []byte { return codec.AppendU32(b, m.Set) }

// Decode reads the message.
func (m *WarpRequest) Decode(b []byte, _ *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) {
		d.Field("warp.set")
		m.Set = d.U32()
	})
}

// AppendTo appends the step.
func (m *WarpStep) AppendTo(b []byte) []byte { return m.Commit.AppendTo(codec.AppendBlob(b, m.Header)) }

// DecodeFrom reads a step.
func (m *WarpStep) DecodeFrom(d *codec.Decoder, p *protocol.Params) {
	d.Field("warp.header")
	if m.Header = d.Blob(); len(m.Header) > maxWarpHeader(p) {
		d.Fail(codec.ErrCount)
	}
	m.Commit.DecodeFrom(d, p)
}

// AppendTo appends the message.
func (m *WarpSteps) AppendTo(b []byte) []byte {
	b = codec.AppendCount(b, len(*m))
	for i := range *m {
		b = (*m)[i].AppendTo(b)
	}
	return b
}

// Decode reads the message.
func (m *WarpSteps) Decode(b []byte, p *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) {
		d.Field("warp.steps")
		*m = make(WarpSteps, d.Count(MaxWarpSteps, 1+roundOctets+ballotOctets+1))
		for i := range *m {
			(*m)[i].DecodeFrom(d, p)
		}
	})
}
