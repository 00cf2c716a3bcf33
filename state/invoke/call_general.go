package invoke

import (
	"damson/crypto/blake2b"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/state"
)

// self stands in a register for the service that runs.
const self = ^uint64(0)

// deliver ends a host call that answers with octets v, if there are any: it writes v_{f…+l} to o as far as it
// goes, and leaves the length of all of v.
func (r *run) deliver(v []byte, exists bool, o, f, l uint64) signal {
	size := uint64(len(v))
	f = min(f, size)
	l = min(l, size-f)
	if !r.m.Mem.Write(o, v[f:f+l]) {
		return panics
	}
	if !exists {
		return r.answer(resultNone)
	}
	return r.answer(size)
}

// hashAt reads 32 octets.
func (r *run) hashAt(addr uint64) (h protocol.Hash, ok bool) {
	ok = r.m.Mem.Read(h[:], addr)
	return h, ok
}

// callGas is Ω_G.
func (r *run) callGas() signal { return r.answer(r.gas()) }

// callLookup is Ω_L.
func (r *run) callLookup() signal {
	φ := &r.m.Regs
	hash, ok := r.hashAt(φ[8])
	if !ok {
		return panics
	}
	var v []byte
	if id, ok := r.acc.named(φ[7]); ok {
		v = r.acc.accounts.Preimage(id, hash)
	}
	return r.deliver(v, v != nil, φ[9], φ[10], φ[11])
}

// named gives the service that a register names, if there is such a service.
func (c *accumulation) named(register uint64) (protocol.ServiceID, bool) {
	if register == self {
		return c.in.Service, true
	}
	id := protocol.ServiceID(register)
	return id, uint64(id) == register && c.accounts.Exists(id)
}

// callRead is Ω_R.
func (r *run) callRead() signal {
	φ := &r.m.Regs
	if !r.m.Mem.Readable(φ[8], φ[9]) {
		return panics
	}
	var v []byte
	if id, ok := r.acc.named(φ[7]); ok && r.acc.canHold(id, φ[9]) {
		v = r.acc.accounts.Storage(id, r.storageKey(id, φ[8], φ[9]))
	}
	return r.deliver(v, v != nil, φ[10], φ[11], φ[12])
}

// canHold reports whether a service may have something of so many octets, going by its footprint, or whether looking
// costs little anyway. A guest pays 10 gas however much memory it names, and should not have it hashed in vain.
func (c *accumulation) canHold(id protocol.ServiceID, size uint64) bool {
	return size <= copyLimit || size <= c.accounts.Account(id).Octets
}

// storageKey hashes the storage key of a service that lies in readable memory. A guest can name as much memory
// as it likes, so a long key is hashed where it lies.
func (r *run) storageKey(id protocol.ServiceID, addr, n uint64) protocol.StateKey {
	if n <= copyLimit {
		key, _ := r.m.Mem.View(addr, n)
		return state.StorageKey(id, key)
	}
	h := state.StorageHasher()
	r.hashRange(&h, addr, n)
	return state.ServiceKey(id, h.Sum())
}

// copyLimit is up to where memory that a guest names is copied without further thought.
const copyLimit = 1 << 16

// hashRange hashes readable memory piece by piece.
func (r *run) hashRange(h *blake2b.Hasher, addr, n uint64) {
	for n > 0 {
		part := min(n, copyLimit-addr%copyLimit)
		piece, _ := r.m.Mem.View(addr, part)
		h.Write(piece)
		addr, n = addr+part, n-part
	}
}

// callWrite is Ω_W.
func (r *run) callWrite() signal {
	φ := &r.m.Regs
	keyAt, keySize, at, size := φ[7], φ[8], φ[9], φ[10]
	if !r.m.Mem.Readable(keyAt, keySize) || !r.m.Mem.Readable(at, size) {
		return panics
	}
	id, p := r.acc.in.Service, r.invoker.params
	if !r.acc.canHold(id, keySize) {
		// There is no such key. It need not be hashed unless there will be.
		switch balance := r.acc.accounts.Account(id).Balance; {
		case r.acc.accounts.StorageThreshold(p, id, keySize, size) > balance:
			return r.answer(resultFull)
		case size == 0:
			return r.answer(resultNone)
		}
	}
	change := r.acc.accounts.PlanStorage(id, r.storageKey(id, keyAt, keySize), keySize, size)
	if !change.Affordable(p) {
		return r.answer(resultFull)
	}
	value := make([]byte, size)
	r.m.Mem.Read(value, at)
	change.Apply(value)
	if change.Old == nil {
		return r.answer(resultNone)
	}
	return r.answer(uint64(len(change.Old)))
}

// infoSize is the length of what info answers.
const infoSize = 32 + 5*8 + 4 + 8 + 3*4

// callInfo is Ω_I.
func (r *run) callInfo() signal {
	φ := &r.m.Regs
	var v []byte
	if id, ok := r.acc.named(φ[7]); ok {
		a := r.acc.accounts.Account(id)
		v = make([]byte, 0, infoSize)
		v = append(v, a.CodeHash[:]...)
		v = codec.AppendU64(v, uint64(a.Balance))
		v = codec.AppendU64(v, uint64(a.Threshold(r.invoker.params)))
		v = codec.AppendU64(v, uint64(a.MinItemGas))
		v = codec.AppendU64(v, uint64(a.MinMemoGas))
		v = codec.AppendU64(v, a.Octets)
		v = codec.AppendU32(v, a.Items)
		v = codec.AppendU64(v, uint64(a.Gratis))
		v = codec.AppendU32(v, uint32(a.Created))
		v = codec.AppendU32(v, uint32(a.LastAccumulation))
		v = codec.AppendU32(v, uint32(a.Parent))
	}
	return r.deliver(v, v != nil, φ[8], φ[9], φ[10])
}

// maxLogText is as much as is kept of what a guest says.
const maxLogText = 16 << 10

// callLog is the host call log. It has no effect but to tell the operator. JIP-1.
func (r *run) callLog() signal {
	φ := &r.m.Regs
	if r.invoker.log == nil {
		return r.answer(resultWhat)
	}
	target, targetOK := r.text(φ[8], φ[9])
	message, messageOK := r.text(φ[10], φ[11])
	if φ[8] == 0 && φ[9] == 0 {
		targetOK = true
	}
	if targetOK && messageOK {
		event := LogEvent{Level: φ[7], Target: target, Message: message}
		if r.acc != nil {
			event.Service = &r.acc.in.Service
		}
		if r.ref != nil {
			event.Service, event.Core = &r.ref.item.Service, &r.ref.in.Core
		} else if r.pkg != nil {
			event.Core = &r.pkg.core
		}
		r.invoker.log(event)
	}
	return r.answer(resultWhat)
}

// text reads what a guest says, as far as it is kept.
func (r *run) text(addr, n uint64) (string, bool) {
	if !r.m.Mem.Readable(addr, n) {
		return "", false
	}
	b, ok := r.m.Mem.View(addr, min(n, maxLogText))
	return string(b), ok
}
