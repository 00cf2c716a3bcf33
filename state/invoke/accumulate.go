package invoke

import (
	"encoding/binary"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/internal/pvm"
	"damson/state"
	"damson/state/service"
)

// PartialState is 𝕊, what accumulation can change of the state. GP eq:partialstate. Invocations change Accounts
// in place; the other parts they replace by changed copies, so that a part may belong to several states.
type PartialState struct {
	Accounts   *service.Accounts // d
	Staging    state.Validators  // i
	Queues     state.AuthQueues  // q
	Privileges *state.Privileges // m, a, v, r and z
}

// Transfer is a deferred transfer, 𝕏. GP eq:defxfer.
type Transfer struct {
	Source, Dest protocol.ServiceID
	Amount       protocol.Balance
	Memo         Memo
	Gas          protocol.Gas
}

// Memo is what a transfer tells the receiver: W_T octets.
type Memo [128]byte

// Operand is what accumulation learns of a work digest and its report, 𝕌. GP eq:operandtuple.
type Operand struct {
	Package     protocol.Hash // p
	ExportsRoot protocol.Hash // e
	Authorizer  protocol.Hash // a
	PayloadHash protocol.Hash // y
	Gas         protocol.Gas  // g: limit
	AuthTrace   []byte        // t
	Result      block.Result  // l
}

// OperandOf gives the operand for a digest of a report. It aliases both. GP eq:accone.
func OperandOf(r *block.Report, d *block.Digest) Operand {
	return Operand{
		Package:     r.Package.Hash,
		ExportsRoot: r.Package.ExportsRoot,
		Authorizer:  r.Authorizer,
		PayloadHash: d.PayloadHash,
		Gas:         d.AccumulateGas,
		AuthTrace:   r.AuthTrace,
		Result:      d.Result,
	}
}

// AccumulateInput is what Ψ_A is told. GP eq:accinvocation.
type AccumulateInput struct {
	State     PartialState // e; Accounts is a fork for this invocation alone
	Slot      protocol.Slot
	Entropy   protocol.Hash // η₀′
	Service   protocol.ServiceID
	Gas       protocol.Gas
	Transfers []Transfer // the first of the inputs i
	Operands  []Operand  // the rest of them
}

// AccumulateOutput is what comes of accumulating one service, 𝕆. GP eq:acconeout.
type AccumulateOutput struct {
	State      PartialState   // e′: Accounts is that of the input, changed
	Transfers  []Transfer     // t
	Yield      *protocol.Hash // y: nil if none
	GasUsed    protocol.Gas   // u
	Provisions []Provision    // p: no two are the same
}

// Provision is a preimage that a service provides.
type Provision struct {
	Service protocol.ServiceID // to whom
	Hash    protocol.Hash      // of Blob
	Blob    []byte
}

// accumulation is the context of the host calls of Ψ_A. Of accounts there is one with a checkpoint, of the rest
// there are two. GP eq:implications.
type accumulation struct {
	in       *AccumulateInput
	accounts *service.Accounts
	x, y     implications // regular and exceptional
	inputs   inputs
	provided map[provisionKey]struct{} // what x may hold already
}

// implications is 𝕃 without the accounts. GP eq:implications.
type implications struct {
	staging    state.Validators
	queues     state.AuthQueues
	privileges *state.Privileges
	owned      bool // queues and privileges are this invocation's own since the checkpoint

	nextFree   protocol.ServiceID // i
	transfers  []Transfer         // t
	yield      *protocol.Hash     // y
	provisions []Provision        // p
}

// Accumulate is Ψ_A. It changes the accounts of the input. GP eq:accinvocation.
func (v *Invoker) Accumulate(in *AccumulateInput) (*AccumulateOutput, error) {
	accounts := in.State.Accounts
	code, hash, ok := accounts.Code(in.Service)
	if len(in.Transfers) > 0 {
		if a := accounts.Update(in.Service); a != nil {
			for i := range in.Transfers {
				a.Balance += in.Transfers[i].Amount
			}
		}
	}
	out := &AccumulateOutput{State: in.State}
	if !ok || len(code) > v.params.MaxServiceCode {
		return out, nil
	}
	c := &accumulation{in: in, accounts: accounts}
	c.x.staging, c.x.queues, c.x.privileges = in.State.Staging, in.State.Queues, in.State.Privileges
	c.x.nextFree = c.firstIndex()
	c.checkpoint()

	var small [24]byte
	args := codec.AppendNatural(small[:0], uint64(in.Slot))
	args = codec.AppendNatural(args, uint64(in.Service))
	args = codec.AppendNatural(args, uint64(len(in.Transfers)+len(in.Operands)))
	r := &run{invoker: v, kind: accumulating, acc: c}
	err := r.start(hash, code, accumulateEntry, in.Gas, args)
	if err != nil {
		return nil, err
	}
	c.collapse(r, out)
	return out, nil
}

// collapse is C: it chooses the dimension by how the program ended. GP §B.4.
func (c *accumulation) collapse(r *run, out *AccumulateOutput) {
	out.GasUsed = r.used
	x := &c.x
	if r.exit.Reason != pvm.Halt {
		c.accounts.Revert()
		x = &c.y
	}
	out.State.Staging, out.State.Queues, out.State.Privileges = x.staging, x.queues, x.privileges
	out.Transfers, out.Provisions, out.Yield = x.transfers, x.provisions, x.yield
	if r.exit.Reason == pvm.Halt && len(r.output) == len(protocol.Hash{}) {
		yield := protocol.Hash(r.output)
		out.Yield = &yield
	}
}

// checkpoint copies x to y.
func (c *accumulation) checkpoint() {
	c.accounts.Checkpoint()
	c.x.owned = false
	c.y = c.x
}

// own makes queues and privileges safe to change.
func (c *accumulation) own() {
	if c.x.owned {
		return
	}
	c.x.owned = true
	c.x.queues = append(state.AuthQueues(nil), c.x.queues...)
	p := *c.x.privileges
	p.Assigners = append([]protocol.ServiceID(nil), p.Assigners...)
	c.x.privileges = &p
}

// The range of indices that services get who do not choose: all but the first S and the last 2^8.
const publicIndices = 1<<32 - uint64(protocol.MinPublicService) - 1<<8

// firstIndex is the index that the first service made will have. GP §B.4.
func (c *accumulation) firstIndex() protocol.ServiceID {
	var small [48]byte
	seed := codec.AppendNatural(small[:0], uint64(c.in.Service))
	seed = append(seed, c.in.Entropy[:]...)
	seed = codec.AppendNatural(seed, uint64(c.in.Slot))
	h := blake2b.Sum256(seed)
	return c.check(uint64(binary.LittleEndian.Uint32(h[:])) % publicIndices)
}

// bump is the index after the one that a service was just made with. GP §B.7.
func (c *accumulation) bump() protocol.ServiceID {
	return c.check((uint64(c.x.nextFree-protocol.MinPublicService) + 42) % publicIndices)
}

// check finds the first index, offset from S, that is not a service's: neither when accumulation began, which is
// the rule, nor of one made since, which chance would have to bring about. GP eq:newserviceindex.
func (c *accumulation) check(offset uint64) protocol.ServiceID {
	for {
		id := protocol.MinPublicService + protocol.ServiceID(offset)
		if !c.accounts.ExistedBefore(id) && !c.accounts.Exists(id) {
			return id
		}
		offset = (offset + 1) % publicIndices
	}
}
