package invoke

import (
	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/state/service"
)

// RefineInput is what Ψ_R is told. GP eq:refinvocation.
type RefineInput struct {
	Core         protocol.Core      // c
	Item         int                // i: which item of the package, which must have it
	Package      *block.WorkPackage // p
	AuthTrace    []byte             // r
	Imports      [][][]byte         // ī: the segments that each item imports
	Extrinsics   [][][]byte         // x̄: the data that each item refers to
	ExportOffset int                // ς: segments exported by the items before
	State        service.Reader     // δ: at the lookup anchor or up to an expunge period later
}

// RefineOutput is what comes of it.
type RefineOutput struct {
	Result  block.Result // the output, cut after W_R + 1 octets, or an error
	Exports [][]byte     // e: segments of W_G octets; none after an error
	GasUsed protocol.Gas // u
}

// refinement is the context of the host calls of Ψ_R.
type refinement struct {
	in       *RefineInput
	item     *block.WorkItem // w
	accounts *service.Accounts
	exports  [][]byte // e
	machines machines // m
}

// Refine is Ψ_R. GP eq:refinvocation.
func (v *Invoker) Refine(in *RefineInput) (*RefineOutput, error) {
	p := in.Package
	c := &refinement{in: in, item: &p.Items[in.Item], accounts: service.New(in.State)}
	defer c.machines.release()
	blob := c.accounts.Lookup(c.item.Service, p.Context.LookupAnchorSlot, c.item.CodeHash)
	if len(blob) > v.params.MaxServiceCode {
		return &RefineOutput{Result: block.Result{Outcome: block.OutcomeCodeTooBig}}, nil
	}
	code, ok := codeOf(blob)
	if !ok {
		return &RefineOutput{Result: block.Result{Outcome: block.OutcomeBadCode}}, nil
	}
	r := &run{invoker: v, kind: refining, ref: c, pkg: &work{in: p, core: in.Core}}
	args := c.arguments(r.pkg)
	if err := r.start(c.item.CodeHash, code, refineEntry, c.item.RefineGas, args); err != nil {
		return nil, err
	}
	out := &RefineOutput{Result: r.outcome(), GasUsed: r.used}
	if out.Result.Outcome == block.OutcomeOK {
		out.Exports = c.exports
	}
	return out, nil
}

// arguments is E(c, i, w_s, ↕w_y, H(p)).
func (c *refinement) arguments(w *work) []byte {
	b := make([]byte, 0, 64+len(c.item.Payload))
	b = codec.AppendNatural(b, uint64(c.in.Core))
	b = codec.AppendNatural(b, uint64(c.in.Item))
	b = codec.AppendNatural(b, uint64(c.item.Service))
	b = codec.AppendBlob(b, c.item.Payload)
	hash := blake2b.Sum256(w.encoding())
	return append(b, hash[:]...)
}

// callHistoricalLookup is Ω_H.
func (r *run) callHistoricalLookup() signal {
	φ := &r.m.Regs
	hash, ok := r.hashAt(φ[8])
	if !ok {
		return panics
	}
	var v []byte
	id, named := r.ref.item.Service, true
	if φ[7] != self {
		id = protocol.ServiceID(φ[7])
		named = uint64(id) == φ[7]
	}
	if named {
		v = r.ref.accounts.Lookup(id, r.ref.in.Package.Context.LookupAnchorSlot, hash)
	}
	return r.deliver(v, v != nil, φ[9], φ[10], φ[11])
}

// callExport is Ω_E.
func (r *run) callExport() signal {
	φ := &r.m.Regs
	size := r.invoker.params.SegmentOctets()
	at, n := φ[7], min(φ[8], uint64(size))
	if !r.m.Mem.Readable(at, n) {
		return panics
	}
	c := r.ref
	index := c.in.ExportOffset + len(c.exports)
	if index >= r.invoker.params.MaxPackageExports {
		return r.answer(resultFull)
	}
	segment := make([]byte, size)
	r.m.Mem.Read(segment[:n], at)
	c.exports = append(c.exports, segment)
	return r.answer(uint64(index))
}
