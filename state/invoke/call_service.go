package invoke

import (
	"encoding/binary"

	"damson/internal/protocol"
	"damson/state"
)

// callNew is Ω_N.
func (r *run) callNew() signal {
	φ := &r.m.Regs
	at, length, gratis, wanted := φ[7], φ[8], φ[11], φ[12]
	hash, ok := r.hashAt(at)
	if !ok || length > maxLength {
		return panics
	}
	c := r.acc
	p := r.invoker.params
	if gratis != 0 && c.in.Service != c.x.privileges.Manager {
		return r.answer(resultHuh)
	}
	made := state.Account{
		CodeHash:   hash,
		MinItemGas: protocol.Gas(φ[9]),
		MinMemoGas: protocol.Gas(φ[10]),
		Gratis:     protocol.Balance(gratis),
		Created:    c.in.Slot,
		Parent:     c.in.Service,
	}
	withCode := made // as it will be once the request for its code is counted
	withCode.Items, withCode.Octets = requestItems, requestOctets+length
	made.Balance = withCode.Threshold(p)
	if !c.canSpend(p, made.Balance) {
		return r.answer(resultCash)
	}
	id := c.x.nextFree
	if c.in.Service == c.x.privileges.Registrar && wanted < uint64(protocol.MinPublicService) {
		id = protocol.ServiceID(wanted)
		if c.accounts.Exists(id) {
			return r.answer(resultFull)
		}
	} else {
		c.x.nextFree = c.bump()
	}
	c.accounts.Update(c.in.Service).Balance -= made.Balance
	c.accounts.Create(id, &made)
	c.accounts.SetRequest(id, hash, uint32(length), nil)
	return r.answer(uint64(id))
}

// What a request adds to the footprint of a service, beside its length. GP eq:deposits.
const (
	requestItems  = 2
	requestOctets = 81
	maxLength     = 1<<32 - 1
)

// canSpend reports whether the service's balance, less an amount, still covers its threshold.
func (c *accumulation) canSpend(p *protocol.Params, amount protocol.Balance) bool {
	a := c.accounts.Account(c.in.Service)
	return a.Balance >= amount && a.Balance-amount >= a.Threshold(p)
}

// callUpgrade is Ω_U.
func (r *run) callUpgrade() signal {
	φ := &r.m.Regs
	hash, ok := r.hashAt(φ[7])
	if !ok {
		return panics
	}
	a := r.acc.accounts.Update(r.acc.in.Service)
	a.CodeHash, a.MinItemGas, a.MinMemoGas = hash, protocol.Gas(φ[8]), protocol.Gas(φ[9])
	return r.answer(resultOK)
}

// callTransfer is Ω_T. Its gas includes what the receiver gets, if there is a transfer at all.
func (r *run) callTransfer() signal {
	φ := &r.m.Regs
	dest, amount, gas, at := φ[7], protocol.Balance(φ[8]), φ[9], φ[10]
	t := Transfer{Source: r.acc.in.Service, Dest: protocol.ServiceID(dest), Amount: amount, Gas: protocol.Gas(gas)}
	if !r.m.Mem.Read(t.Memo[:], at) {
		return panics
	}
	c := r.acc
	if dest > maxService || !c.accounts.Exists(t.Dest) {
		return r.answer(resultWho)
	}
	if t.Gas < c.accounts.Account(t.Dest).MinMemoGas {
		return r.answer(resultLow)
	}
	if !c.canSpend(r.invoker.params, amount) {
		return r.answer(resultCash)
	}
	if !r.charge(gas) {
		return outOfGas
	}
	c.accounts.Update(c.in.Service).Balance -= amount
	c.x.transfers = append(c.x.transfers, t)
	return r.answer(resultOK)
}

// callEject is Ω_J.
func (r *run) callEject() signal {
	φ := &r.m.Regs
	hash, ok := r.hashAt(φ[8])
	if !ok {
		return panics
	}
	c := r.acc
	id := protocol.ServiceID(φ[7])
	if uint64(id) != φ[7] || id == c.in.Service || !c.accounts.Exists(id) {
		return r.answer(resultWho)
	}
	var owner protocol.Hash // E₃₂(x_s)
	binary.LittleEndian.PutUint32(owner[:], uint32(c.in.Service))
	d := *c.accounts.Account(id)
	if d.CodeHash != owner {
		return r.answer(resultWho)
	}
	length := max(requestOctets, d.Octets) - requestOctets
	slots, ok := c.accounts.Request(id, hash, length)
	if d.Items != requestItems || !ok || len(slots) != 2 || !r.expired(slots[1]) {
		return r.answer(resultHuh)
	}
	c.accounts.Remove(id, hash, uint32(length))
	c.accounts.Update(c.in.Service).Balance += d.Balance
	return r.answer(resultOK)
}

// expired reports whether what is unavailable since a slot may be expunged: y < t − D.
func (r *run) expired(since protocol.Slot) bool {
	return uint64(since)+uint64(r.invoker.params.ExpungePeriod) < uint64(r.acc.in.Slot)
}
