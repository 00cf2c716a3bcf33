package state

import (
	"damson/internal/codec"
	"damson/internal/protocol"
)

// Account is what is kept of a service under its own key; its storage, preimages and requests have keys
// of their own. GP eq:serviceaccount.
type Account struct {
	CodeHash         protocol.Hash      // c
	Balance          protocol.Balance   // b
	MinItemGas       protocol.Gas       // g: least gas for a work item
	MinMemoGas       protocol.Gas       // m: least gas for a transfer
	Octets           uint64             // o: footprint
	Gratis           protocol.Balance   // f: deposit that it need not pay
	Items            uint32             // i: footprint
	Created          protocol.Slot      // r
	LastAccumulation protocol.Slot      // a
	Parent           protocol.ServiceID // p
}

// accountVersion is the octet before every account.
const accountVersion = 0

// AccountSize is the length of an encoded account.
const AccountSize = 1 + 32 + 5*8 + 4*4

// DecodeFrom reads C(255, s).
func (a *Account) DecodeFrom(d *codec.Decoder) {
	d.Field("account.version")
	if d.U8() != accountVersion {
		d.Fail(codec.ErrSelector)
	}
	d.Field("account")
	a.CodeHash = d.Hash()
	a.Balance = protocol.Balance(d.U64())
	a.MinItemGas = protocol.Gas(d.U64())
	a.MinMemoGas = protocol.Gas(d.U64())
	a.Octets = d.U64()
	a.Gratis = protocol.Balance(d.U64())
	a.Items = d.U32()
	a.Created = protocol.Slot(d.U32())
	a.LastAccumulation = protocol.Slot(d.U32())
	a.Parent = protocol.ServiceID(d.U32())
}

// CodeHashOf gives the code hash of an encoded account, without the rest. It reports false if there is none.
func CodeHashOf(octets []byte) (hash protocol.Hash, ok bool) {
	if len(octets) <= len(hash) || octets[0] != accountVersion {
		return hash, false
	}
	return protocol.Hash(octets[1 : 1+len(hash)]), true
}

// AppendTo appends C(255, s).
func (a *Account) AppendTo(b []byte) []byte {
	b = append(b, accountVersion)
	b = append(b, a.CodeHash[:]...)
	b = codec.AppendU64(b, uint64(a.Balance))
	b = codec.AppendU64(b, uint64(a.MinItemGas))
	b = codec.AppendU64(b, uint64(a.MinMemoGas))
	b = codec.AppendU64(b, a.Octets)
	b = codec.AppendU64(b, uint64(a.Gratis))
	b = codec.AppendU32(b, a.Items)
	b = codec.AppendU32(b, uint32(a.Created))
	b = codec.AppendU32(b, uint32(a.LastAccumulation))
	return codec.AppendU32(b, uint32(a.Parent))
}

// Threshold is a_t, the balance that the account's footprint demands. GP eq:deposits.
func (a *Account) Threshold(p *protocol.Params) protocol.Balance {
	need := p.ServiceDeposit + p.ItemDeposit*protocol.Balance(a.Items) + p.OctetDeposit*protocol.Balance(a.Octets)
	if need < a.Gratis {
		return 0
	}
	return need - a.Gratis
}

// DecodeRequest reads the slots of a preimage request, at most three.
func DecodeRequest(value []byte) ([]protocol.Slot, error) {
	d := codec.NewDecoder(value)
	d.Field("account.request")
	slots := make([]protocol.Slot, d.Count(3, 4))
	for i := range slots {
		slots[i] = protocol.Slot(d.U32())
	}
	return slots, d.Finish()
}

// AppendRequest appends the slots of a preimage request with their count.
func AppendRequest(b []byte, slots []protocol.Slot) []byte {
	b = codec.AppendCount(b, len(slots))
	for _, s := range slots {
		b = codec.AppendU32(b, uint32(s))
	}
	return b
}
