package invoke

import (
	"cmp"
	"encoding/binary"
	"slices"

	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/state"
)

// maxService is the largest service index.
const maxService = 1<<32 - 1

// freeGasSize is the length of an entry of χ_Z.
const freeGasSize = 4 + 8

// callBless is Ω_B.
func (r *run) callBless() signal {
	φ := &r.m.Regs
	manager, assignersAt, delegator, registrar, at, n := φ[7], φ[8], φ[9], φ[10], φ[11], φ[12]
	assigners, ok := r.m.Mem.View(assignersAt, 4*uint64(r.invoker.params.Cores))
	if !ok || n > maxService/freeGasSize || !r.m.Mem.Readable(at, n*freeGasSize) {
		return panics
	}
	if manager > maxService || delegator > maxService || registrar > maxService {
		return r.answer(resultWho)
	}
	always := r.readFreeGas(at, n)
	c := r.acc
	c.own()
	p := c.x.privileges
	for i := range p.Assigners {
		p.Assigners[i] = protocol.ServiceID(binary.LittleEndian.Uint32(assigners[4*i:]))
	}
	p.Manager = protocol.ServiceID(manager)
	p.Delegator = protocol.ServiceID(delegator)
	p.Registrar = protocol.ServiceID(registrar)
	p.AlwaysAccumulate = always
	return r.answer(resultOK)
}

// readFreeGas reads a dictionary of n entries from readable memory. Of entries for the same service the last one
// counts. Memory that a guest names without having written to it must cost little.
func (r *run) readFreeGas(at, n uint64) []state.FreeGas {
	const piece = copyLimit / freeGasSize
	var list []state.FreeGas
	for n > 0 {
		part := min(n, piece)
		b, _ := r.m.Mem.View(at, part*freeGasSize)
		for ; len(b) >= freeGasSize; b = b[freeGasSize:] {
			f := state.FreeGas{
				Service: protocol.ServiceID(binary.LittleEndian.Uint32(b)),
				Gas:     protocol.Gas(binary.LittleEndian.Uint64(b[4:])),
			}
			if last := len(list) - 1; last >= 0 && list[last].Service == f.Service {
				list[last] = f
			} else {
				list = append(list, f)
			}
		}
		at, n = at+part*freeGasSize, n-part
	}
	slices.SortStableFunc(list, func(a, b state.FreeGas) int { return cmp.Compare(a.Service, b.Service) })
	kept := list[:0]
	for i := range list {
		if i+1 == len(list) || list[i+1].Service != list[i].Service {
			kept = append(kept, list[i])
		}
	}
	return kept
}

// callAssign is Ω_A.
func (r *run) callAssign() signal {
	φ := &r.m.Regs
	core, at, assigner := φ[7], φ[8], φ[9]
	size := r.invoker.params.AuthQueueSize
	queue, ok := r.m.Mem.View(at, 32*uint64(size))
	c := r.acc
	switch {
	case !ok:
		return panics
	case core >= uint64(r.invoker.params.Cores):
		return r.answer(resultCore)
	case c.in.Service != c.x.privileges.Assigners[core]:
		return r.answer(resultHuh)
	case assigner > maxService:
		return r.answer(resultWho)
	}
	hashes := make([]protocol.Hash, size)
	for i := range hashes {
		hashes[i] = protocol.Hash(queue[32*i:][:32])
	}
	c.own()
	c.x.queues[core] = hashes
	c.x.privileges.Assigners[core] = protocol.ServiceID(assigner)
	return r.answer(resultOK)
}

// callDesignate is Ω_D.
func (r *run) callDesignate() signal {
	p := r.invoker.params
	at := r.m.Regs[7]
	size := uint64(p.Validators) * state.ValidatorSize
	c := r.acc
	if !r.m.Mem.Readable(at, size) {
		return panics
	}
	if c.in.Service != c.x.privileges.Delegator {
		return r.answer(resultHuh)
	}
	keys, _ := r.m.Mem.View(at, size)
	d := codec.NewDecoder(keys)
	c.x.staging = state.DecodeValidators(&d, p)
	return r.answer(resultOK)
}

// callCheckpoint is Ω_C.
func (r *run) callCheckpoint() signal {
	r.acc.checkpoint()
	return r.answer(r.gas())
}
