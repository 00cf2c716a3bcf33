package state

import (
	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
)

// Ready is ω: for each slot of an epoch, the available reports that wait for others. GP eq:readyspec.
type Ready [][]ReadyReport

// ReadyReport is a report and the packages that it still waits for.
type ReadyReport struct {
	Report       block.Report
	Dependencies []protocol.Hash // ascending
}

// Accumulated is ξ: for each slot of an epoch, the packages accumulated, ascending. GP eq:accumulatedspec.
type Accumulated [][]protocol.Hash

// LastOutputs is θ: what services yielded in the last block. GP eq:lastaccoutspec.
type LastOutputs []Output

// Output is the hash that a service yielded.
type Output struct {
	Service protocol.ServiceID
	Hash    protocol.Hash
}

// Privileges is χ: what some services alone may do. GP eq:privilegesspec.
type Privileges struct {
	Manager          protocol.ServiceID   // χ_M: may change χ
	Assigners        []protocol.ServiceID // χ_A: for each core who may change its queue φ
	Delegator        protocol.ServiceID   // χ_V: may set ι
	Registrar        protocol.ServiceID   // χ_R: may create services with low indices
	AlwaysAccumulate []FreeGas            // χ_Z: ascending by service
}

// FreeGas is what a service accumulates with in every block.
type FreeGas struct {
	Service protocol.ServiceID
	Gas     protocol.Gas
}

// DecodeReady reads C(14). Blobs in the reports alias the input.
func DecodeReady(d *codec.Decoder, p *protocol.Params) Ready {
	ready := make(Ready, p.EpochLength)
	for i := range ready {
		n := d.Count(maxCount, 250)
		if n == 0 {
			continue
		}
		ready[i] = make([]ReadyReport, n)
		for j := range ready[i] {
			ready[i][j].Report.DecodeFrom(d, p)
			ready[i][j].Dependencies = DecodeHashes(d, maxCount)
		}
	}
	return ready
}

// AppendTo appends C(14).
func (r Ready) AppendTo(b []byte) []byte {
	for _, slot := range r {
		b = codec.AppendCount(b, len(slot))
		for j := range slot {
			b = slot[j].Report.AppendTo(b)
			b = AppendHashes(b, slot[j].Dependencies)
		}
	}
	return b
}

// DecodeAccumulated reads C(15).
func DecodeAccumulated(d *codec.Decoder, p *protocol.Params) Accumulated {
	a := make(Accumulated, p.EpochLength)
	for i := range a {
		a[i] = DecodeHashes(d, maxCount)
	}
	return a
}

// AppendTo appends C(15).
func (a Accumulated) AppendTo(b []byte) []byte {
	for i := range a {
		b = AppendHashes(b, a[i])
	}
	return b
}

// DecodeLastOutputs reads C(16).
func DecodeLastOutputs(d *codec.Decoder, _ *protocol.Params) LastOutputs {
	outputs := make(LastOutputs, d.Count(maxCount, 36))
	for i := range outputs {
		outputs[i] = Output{protocol.ServiceID(d.U32()), d.Hash()}
	}
	return outputs
}

// AppendTo appends C(16).
func (o LastOutputs) AppendTo(b []byte) []byte {
	b = codec.AppendCount(b, len(o))
	for i := range o {
		b = codec.AppendU32(b, uint32(o[i].Service))
		b = append(b, o[i].Hash[:]...)
	}
	return b
}

// DecodePrivileges reads C(12).
func DecodePrivileges(d *codec.Decoder, p *protocol.Params) *Privileges {
	x := new(Privileges)
	x.Manager = protocol.ServiceID(d.U32())
	x.Assigners = make([]protocol.ServiceID, p.Cores)
	for i := range x.Assigners {
		x.Assigners[i] = protocol.ServiceID(d.U32())
	}
	x.Delegator = protocol.ServiceID(d.U32())
	x.Registrar = protocol.ServiceID(d.U32())
	x.AlwaysAccumulate = make([]FreeGas, d.Count(maxCount, 12))
	for i := range x.AlwaysAccumulate {
		x.AlwaysAccumulate[i] = FreeGas{protocol.ServiceID(d.U32()), protocol.Gas(d.U64())}
	}
	return x
}

// AppendTo appends C(12).
func (x *Privileges) AppendTo(b []byte) []byte {
	b = codec.AppendU32(b, uint32(x.Manager))
	for _, s := range x.Assigners {
		b = codec.AppendU32(b, uint32(s))
	}
	b = codec.AppendU32(b, uint32(x.Delegator))
	b = codec.AppendU32(b, uint32(x.Registrar))
	b = codec.AppendCount(b, len(x.AlwaysAccumulate))
	for _, f := range x.AlwaysAccumulate {
		b = codec.AppendU32(b, uint32(f.Service))
		b = codec.AppendU64(b, uint64(f.Gas))
	}
	return b
}
