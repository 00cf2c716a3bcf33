package invoke

import (
	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
)

// What fetch can be asked for, by register 10. GP §B.5.
const (
	fetchConstants     = iota // c
	fetchEntropy              // n
	fetchAuthTrace            // r
	fetchExtrinsic            // x̄ of a work item
	fetchOwnExtrinsic         // x̄ of this one
	fetchImport               // ī of a work item
	fetchOwnImport            // ī of this one
	fetchPackage              // p
	fetchAuthConfig           // p_f
	fetchAuthToken            // p_j
	fetchContext              // p_c
	fetchItemSummaries        // S(w) of all work items
	fetchItemSummary          // S(w) of one
	fetchPayload              // w_y
	fetchInputs               // 𝐢
	fetchInput                // one of them
)

// callFetch is Ω_Y.
func (r *run) callFetch() signal {
	φ := &r.m.Regs
	v, exists := r.fetch(φ[10], φ[11], φ[12])
	return r.deliver(v, exists, φ[7], φ[8], φ[9])
}

// fetch finds what a program may know of where it runs. What it gives is not to be changed.
func (r *run) fetch(what, i, j uint64) ([]byte, bool) {
	switch {
	case what == fetchConstants:
		return r.invoker.constants, true
	case what >= fetchInputs && r.acc != nil:
		return r.acc.fetch(what, i)
	case what == fetchEntropy && r.acc != nil:
		return r.acc.in.Entropy[:], true
	case what == fetchEntropy && r.ref != nil:
		var zero protocol.Hash
		return zero[:], true
	case what >= fetchAuthTrace && what <= fetchOwnImport && r.ref != nil:
		return r.ref.fetch(what, i, j)
	case what >= fetchPackage && r.pkg != nil:
		return r.pkg.fetch(what, i)
	}
	return nil, false
}

func (r *refinement) fetch(what, i, j uint64) ([]byte, bool) {
	own := uint64(r.in.Item)
	switch what {
	case fetchAuthTrace:
		return r.in.AuthTrace, true
	case fetchExtrinsic:
		return pick(r.in.Extrinsics, i, j)
	case fetchOwnExtrinsic:
		return pick(r.in.Extrinsics, own, i)
	case fetchImport:
		return pick(r.in.Imports, i, j)
	case fetchOwnImport:
		return pick(r.in.Imports, own, i)
	}
	return nil, false
}

func pick(lists [][][]byte, i, j uint64) ([]byte, bool) {
	if i < uint64(len(lists)) && j < uint64(len(lists[i])) {
		return lists[i][j], true
	}
	return nil, false
}

// work is a work package as fetch shows it. Encodings are made when first asked for.
type work struct {
	in        *block.WorkPackage
	core      protocol.Core
	encoded   []byte
	context   []byte
	summaries []byte // of all items, with their count before
}

func (w *work) fetch(what, i uint64) ([]byte, bool) {
	switch what {
	case fetchPackage:
		return w.encoding(), true
	case fetchAuthConfig:
		return w.in.AuthConfig, true
	case fetchAuthToken:
		return w.in.AuthToken, true
	case fetchContext:
		if w.context == nil {
			w.context = w.in.Context.AppendTo(nil)
		}
		return w.context, true
	}
	items := w.in.Items
	if what == fetchPayload && i < uint64(len(items)) {
		return items[i].Payload, true
	}
	if w.summaries == nil {
		w.summarize()
	}
	if what == fetchItemSummaries {
		return w.summaries, true
	}
	if what == fetchItemSummary && i < uint64(len(items)) {
		first := len(w.summaries) - len(items)*summarySize
		return w.summaries[first+int(i)*summarySize:][:summarySize], true
	}
	return nil, false
}

// encoding is E(p).
func (w *work) encoding() []byte {
	if w.encoded == nil {
		w.encoded = w.in.AppendTo(nil)
	}
	return w.encoded
}

// summarySize is the length of S(w).
const summarySize = 4 + 32 + 2*8 + 3*2 + 4

// summarize encodes S(w) of every item. GP §B.5.
func (w *work) summarize() {
	b := codec.AppendCount(nil, len(w.in.Items))
	for i := range w.in.Items {
		item := &w.in.Items[i]
		b = codec.AppendU32(b, uint32(item.Service))
		b = append(b, item.CodeHash[:]...)
		b = codec.AppendU64(b, uint64(item.RefineGas))
		b = codec.AppendU64(b, uint64(item.AccumulateGas))
		b = codec.AppendU16(b, item.Exports)
		b = codec.AppendU16(b, uint16(len(item.Imports)))
		b = codec.AppendU16(b, uint16(len(item.Extrinsics)))
		b = codec.AppendU32(b, uint32(len(item.Payload)))
	}
	w.summaries = b
}

// inputs is 𝐢 of Ψ_A encoded, once it is asked for.
type inputs struct {
	encoded []byte
	starts  []int // of each input; the end of the last
}

func (c *accumulation) fetch(what, i uint64) ([]byte, bool) {
	in := &c.inputs
	if in.encoded == nil {
		in.encode(c.in)
	}
	switch {
	case what == fetchInputs:
		return in.encoded, true
	case what == fetchInput && i < uint64(len(in.starts)-1):
		return in.encoded[in.starts[i]:in.starts[i+1]], true
	}
	return nil, false
}

// encode encodes all inputs with their count. GP §C.2.
func (in *inputs) encode(from *AccumulateInput) {
	size := 9 + transferSize*len(from.Transfers)
	for i := range from.Operands {
		size += operandSize + len(from.Operands[i].AuthTrace) + len(from.Operands[i].Result.Output)
	}
	count := len(from.Transfers) + len(from.Operands)
	b := codec.AppendCount(make([]byte, 0, size), count)
	in.starts = make([]int, 0, count+1)
	for i := range from.Transfers {
		in.starts = append(in.starts, len(b))
		b = from.Transfers[i].AppendTo(append(b, inputTransfer))
	}
	for i := range from.Operands {
		in.starts = append(in.starts, len(b))
		b = from.Operands[i].AppendTo(append(b, inputOperand))
	}
	in.starts = append(in.starts, len(b))
	in.encoded = b
}

// The kinds of an input, as encoded.
const (
	inputOperand  = 0
	inputTransfer = 1
)

// How long an input is, and at most an operand without its blobs.
const (
	transferSize = 1 + 4 + 4 + 8 + 128 + 8
	operandSize  = 1 + 4*32 + 9 + 1 + 2*9
)

// AppendTo appends E_X of GP §C.2.
func (t *Transfer) AppendTo(b []byte) []byte {
	b = codec.AppendU32(b, uint32(t.Source))
	b = codec.AppendU32(b, uint32(t.Dest))
	b = codec.AppendU64(b, uint64(t.Amount))
	b = append(b, t.Memo[:]...)
	return codec.AppendU64(b, uint64(t.Gas))
}

// AppendTo appends E_U of GP §C.2.
func (o *Operand) AppendTo(b []byte) []byte {
	b = append(b, o.Package[:]...)
	b = append(b, o.ExportsRoot[:]...)
	b = append(b, o.Authorizer[:]...)
	b = append(b, o.PayloadHash[:]...)
	b = codec.AppendNatural(b, uint64(o.Gas))
	b = o.Result.AppendTo(b)
	return codec.AppendBlob(b, o.AuthTrace)
}
