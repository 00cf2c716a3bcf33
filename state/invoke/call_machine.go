package invoke

import (
	"encoding/binary"
	"errors"
	"math/bits"

	"damson/crypto/blake2b"
	"damson/internal/codec"
	"damson/internal/pvm"
)

// Why this node gives up a refinement: the Gray Paper would let it go on. See Options.
var (
	ErrInnerGas   = errors.New("invoke: inner machines burn more gas than this node allows")
	ErrInnerBytes = errors.New("invoke: inner machines need more memory than this node allows")
)

// How a run of an inner machine ended, as invoke answers. GP §B.1.
const (
	innerHalt  = 0
	innerPanic = 1
	innerFault = 2
	innerHost  = 3
	innerOOG   = 4
)

// machines is the dictionary of inner machines. GP eq:pvmguest.
type machines struct {
	byIndex   map[uint64]*inner
	firstFree uint64 // no index below is free
	bytes     uint64 // what they hold
	gas       uint64 // what they burnt
}

// inner is an inner machine, 𝔾. GP eq:pvmguest.
type inner struct {
	blob   []byte   // p
	code   pvm.Code // of blob, once it is needed
	memory *pvm.Memory
	pc     uint64  // i
	mapped pageSet // pages that were ever made accessible
	pages  uint64  // how many
}

// What an inner machine counts for: something in any case, and its program once decoded.
const (
	innerOverhead = 16 << 10
	decodedFactor = 32
)

func innerSize(blob uint64) uint64 { return innerOverhead + decodedFactor*blob }

func (m *machines) release() {
	for _, g := range m.byIndex {
		g.memory.Release()
	}
	m.byIndex = nil
}

// reserve counts octets that machines will hold.
func (r *run) reserve(n uint64) bool {
	m := &r.ref.machines
	if n > r.invoker.innerBytes || m.bytes > r.invoker.innerBytes-n {
		r.failed = ErrInnerBytes
		return false
	}
	m.bytes += n
	return true
}

// cover counts pages of a machine that are made accessible, unless they have been before: what a page holds is not
// given back for certain when access to it is taken away.
func (r *run) cover(g *inner, first, count uint64) bool {
	added := g.mapped.add(first, count)
	if !r.reserve(added * pvm.PageSize) {
		return false
	}
	g.pages += added
	return true
}

// callMachine is Ω_M.
func (r *run) callMachine() signal {
	φ := &r.m.Regs
	at, size, pc := φ[7], φ[8], φ[9]
	if !r.m.Mem.Readable(at, size) {
		return panics
	}
	if !r.plausible(at, size) {
		return r.answer(resultHuh)
	}
	if !r.reserve(innerSize(size)) {
		return fails
	}
	m := &r.ref.machines
	blob := make([]byte, size)
	r.m.Mem.Read(blob, at)
	if _, err := pvm.Deblob(blob); err != nil {
		m.bytes -= innerSize(size)
		return r.answer(resultHuh)
	}
	n := m.firstFree
	for m.byIndex[n] != nil {
		n++
	}
	m.firstFree = n + 1
	if m.byIndex == nil {
		m.byIndex = make(map[uint64]*inner)
	}
	memory := r.invoker.engine.NewMemory()
	memory.Reset() // a memory used before may still hold what it was used for
	m.byIndex[n] = &inner{blob: blob, memory: memory, pc: pc}
	return r.answer(n)
}

// plausible looks at the beginning of a large program blob, which might be memory that the guest never wrote to,
// for whether the lengths that it tells add up to its own.
func (r *run) plausible(at, size uint64) bool {
	if size <= copyLimit {
		return true
	}
	head, _ := r.m.Mem.View(at, maxBlobHead)
	d := codec.NewDecoder(head)
	jumps, jumpSize, codeSize := d.Natural(), d.U8(), d.Natural()
	left := size - uint64(d.Offset())
	overflow, table := bits.Mul64(jumps, uint64(jumpSize))
	if d.Err() != nil || overflow != 0 || table > left || codeSize > left-table {
		return false
	}
	return codeSize/8+(codeSize%8+7)/8 == left-table-codeSize
}

// maxBlobHead is how long the lengths at the beginning of a program blob can be.
const maxBlobHead = 9 + 1 + 9

// callPeek is Ω_P.
func (r *run) callPeek() signal {
	φ := &r.m.Regs
	n, to, from, size := φ[7], φ[8], φ[9], φ[10]
	if !r.m.Mem.Writable(to, size) {
		return panics
	}
	g := r.ref.machines.byIndex[n]
	if g == nil {
		return r.answer(resultWho)
	}
	if !g.memory.CopyTo(r.m.Mem, to, from, size) {
		return r.answer(resultOOB)
	}
	return r.answer(resultOK)
}

// callPoke is Ω_O.
func (r *run) callPoke() signal {
	φ := &r.m.Regs
	n, from, to, size := φ[7], φ[8], φ[9], φ[10]
	if !r.m.Mem.Readable(from, size) {
		return panics
	}
	g := r.ref.machines.byIndex[n]
	if g == nil {
		return r.answer(resultWho)
	}
	if !r.m.Mem.CopyTo(g.memory, to, from, size) {
		return r.answer(resultOOB)
	}
	return r.answer(resultOK)
}

// The pages that the host call pages knows, and those it gives no access to. GP §B.6.
const (
	pageCount     = 1 << 32 / pvm.PageSize
	firstUserPage = 16
)

// What pages can be asked for. GP §B.6.
const (
	pagesNone      = 0 // no access, and zeros
	pagesRead      = 1 // zeros
	pagesWrite     = 2 // zeros
	pagesKeepRead  = 3 // with what is there
	pagesKeepWrite = 4 // with what is there
)

// callPages is Ω_Z.
func (r *run) callPages() signal {
	φ := &r.m.Regs
	n, first, count, how := φ[7], φ[8], φ[9], φ[10]
	g := r.ref.machines.byIndex[n]
	if g == nil {
		return r.answer(resultWho)
	}
	if how > pagesKeepWrite || first < firstUserPage || first >= pageCount || count >= pageCount-first {
		return r.answer(resultHuh)
	}
	if how > pagesWrite && !g.memory.Allows(first, count, pvm.Read) {
		return r.answer(resultHuh)
	}
	if how == pagesRead || how == pagesWrite {
		if !r.cover(g, first, count) {
			return fails
		}
	}
	from, pages := uint32(first), uint32(count)
	switch how {
	case pagesNone:
		g.memory.Map(from, pages, pvm.None)
	case pagesRead:
		g.memory.Map(from, pages, pvm.Read)
	case pagesWrite:
		g.memory.Map(from, pages, pvm.Write)
	case pagesKeepRead:
		g.memory.Protect(from, pages, pvm.Read)
	case pagesKeepWrite:
		g.memory.Protect(from, pages, pvm.Write)
	}
	return r.answer(resultOK)
}

// stateSize is the length of gas and registers as invoke has them in memory.
const stateSize = 8 + 8*pvm.Registers

// callInvoke is Ω_K.
func (r *run) callInvoke() signal {
	φ := &r.m.Regs
	n, at := φ[7], φ[8]
	if !r.m.Mem.Writable(at, stateSize) {
		return panics
	}
	g := r.ref.machines.byIndex[n]
	if g == nil {
		return r.answer(resultWho)
	}
	var b [stateSize]byte
	r.m.Mem.Read(b[:], at)
	gas := binary.LittleEndian.Uint64(b[:])
	m := pvm.Machine{PC: g.pc, Mem: g.memory}
	for i := range m.Regs {
		m.Regs[i] = binary.LittleEndian.Uint64(b[8+8*i:])
	}
	heap := g.memory.HeapEnd()
	exit, left, err := r.runInner(g, &m, gas)
	if err != nil {
		r.failed = err
		return fails
	}
	if !r.coverHeap(g, heap) {
		return fails
	}
	g.pc = exit.Counter(&m)
	binary.LittleEndian.PutUint64(b[:], left)
	for i, v := range m.Regs {
		binary.LittleEndian.PutUint64(b[8+8*i:], v)
	}
	r.m.Mem.Write(at, b[:])
	switch exit.Reason {
	case pvm.HostCall:
		φ[7], φ[8] = innerHost, exit.Arg
	case pvm.PageFault:
		φ[7], φ[8] = innerFault, exit.Arg
	case pvm.OutOfGas:
		φ[7] = innerOOG
	case pvm.Panic:
		φ[7] = innerPanic
	case pvm.Halt:
		φ[7] = innerHalt
	}
	return proceed
}

// coverHeap counts the pages that an inner machine took by the instruction sbrk.
func (r *run) coverHeap(g *inner, before uint64) bool {
	first := max(firstUserPage, before/pvm.PageSize)
	end := (g.memory.HeapEnd() + pvm.PageSize - 1) / pvm.PageSize
	return end <= first || r.cover(g, first, end-first)
}

// runInner is Ψ for an inner machine, as long as this node goes along. It gives the gas left, which is −1 as an
// unsigned number when there was too little: E₈ of the Gray Paper, taken literally, writes it so.
func (r *run) runInner(g *inner, m *pvm.Machine, gas uint64) (exit pvm.Exit, left uint64, err error) {
	if g.code == nil {
		v := r.invoker
		p, err := v.programs.get(programKey{blake2b.Sum256(g.blob), true}, g.blob, v.engine)
		if err != nil {
			return exit, 0, err
		}
		g.code = p.code
	}
	allowed := min(gas, r.invoker.innerGas-r.ref.machines.gas, pvm.GasCap)
	m.Gas = int64(allowed)
	exit = g.code.Run(m)
	if exit.Reason != pvm.OutOfGas {
		r.ref.machines.gas += allowed - uint64(m.Gas)
		return exit, gas - allowed + uint64(m.Gas), nil
	}
	if allowed < gas {
		return exit, 0, ErrInnerGas
	}
	r.ref.machines.gas += allowed
	return exit, uint64(m.Gas), nil
}

// callExpunge is Ω_X.
func (r *run) callExpunge() signal {
	m := &r.ref.machines
	n := r.m.Regs[7]
	g := m.byIndex[n]
	if g == nil {
		return r.answer(resultWho)
	}
	delete(m.byIndex, n)
	m.firstFree = min(m.firstFree, n)
	m.bytes -= innerSize(uint64(len(g.blob))) + g.pages*pvm.PageSize
	g.memory.Release()
	return r.answer(g.pc)
}
