package invoke

import (
	"damson/crypto/blake2b"
	"damson/internal/protocol"
)

// callQuery is Ω_Q.
func (r *run) callQuery() signal {
	φ := &r.m.Regs
	hash, ok := r.hashAt(φ[7])
	if !ok {
		return panics
	}
	slots, ok := r.acc.accounts.Request(r.acc.in.Service, hash, φ[8])
	φ[7], φ[8] = resultNone, 0
	if !ok {
		return proceed
	}
	φ[7] = uint64(len(slots))
	for i, slot := range slots {
		switch i {
		case 0:
			φ[7] += uint64(slot) << 32
		case 1:
			φ[8] = uint64(slot)
		case 2:
			φ[8] += uint64(slot) << 32
		}
	}
	return proceed
}

// callSolicit is Ω_S. Lengths that no blob can have are beyond any balance.
func (r *run) callSolicit() signal {
	φ := &r.m.Regs
	hash, ok := r.hashAt(φ[7])
	if !ok {
		return panics
	}
	c := r.acc
	p := r.invoker.params
	if φ[8] > maxLength {
		return r.answer(resultFull)
	}
	id, length := c.in.Service, uint32(φ[8])
	a := c.accounts.Account(id)
	slots, exists := c.accounts.Request(id, hash, φ[8])
	threshold := a.Threshold(p)
	switch {
	case !exists:
		threshold = c.accounts.RequestThreshold(p, id, length)
	case len(slots) == 2:
		slots = append(slots, c.in.Slot)
	default:
		return r.answer(resultHuh)
	}
	if a.Balance < threshold {
		return r.answer(resultFull)
	}
	c.accounts.SetRequest(id, hash, length, slots)
	return r.answer(resultOK)
}

// callForget is Ω_F.
func (r *run) callForget() signal {
	φ := &r.m.Regs
	hash, ok := r.hashAt(φ[7])
	if !ok {
		return panics
	}
	c := r.acc
	id, length := c.in.Service, uint32(φ[8])
	slots, exists := c.accounts.Request(id, hash, φ[8])
	switch {
	case !exists:
		return r.answer(resultHuh)
	case len(slots) == 0, len(slots) == 2 && r.expired(slots[1]):
		c.accounts.DeleteRequest(id, hash, length)
		c.accounts.DeletePreimage(id, hash)
	case len(slots) == 1:
		c.accounts.SetRequest(id, hash, length, []protocol.Slot{slots[0], c.in.Slot})
	case len(slots) == 3 && r.expired(slots[1]):
		c.accounts.SetRequest(id, hash, length, []protocol.Slot{slots[2], c.in.Slot})
	default:
		return r.answer(resultHuh)
	}
	return r.answer(resultOK)
}

// callYield is Ω_♉.
func (r *run) callYield() signal {
	hash, ok := r.hashAt(r.m.Regs[7])
	if !ok {
		return panics
	}
	r.acc.x.yield = &hash
	return r.answer(resultOK)
}

// provisionKey names a provision: the hash stands for the blob.
type provisionKey struct {
	service protocol.ServiceID
	hash    protocol.Hash
}

// callProvide is Ω_♈.
func (r *run) callProvide() signal {
	φ := &r.m.Regs
	at, size := φ[8], φ[9]
	if !r.m.Mem.Readable(at, size) {
		return panics
	}
	c := r.acc
	id, ok := c.named(φ[7])
	if !ok {
		return r.answer(resultWho)
	}
	if !c.canHold(id, size) { // neither a request for it
		return r.answer(resultHuh)
	}
	var h blake2b.Hasher
	r.hashRange(&h, at, size)
	key := provisionKey{id, h.Sum()}
	if !c.accounts.Providable(id, key.hash, size) {
		return r.answer(resultHuh)
	}
	if _, given := c.provided[key]; given {
		return r.answer(resultHuh)
	}
	if c.provided == nil {
		c.provided = make(map[provisionKey]struct{})
	}
	c.provided[key] = struct{}{}
	blob := make([]byte, size)
	r.m.Mem.Read(blob, at)
	c.x.provisions = append(c.x.provisions, Provision{Service: id, Hash: key.hash, Blob: blob})
	return r.answer(resultOK)
}
