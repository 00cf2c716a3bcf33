package accumulate

import (
	"encoding/binary"
	"slices"

	"damson/crypto/blake2b"
	"damson/internal/protocol"
)

// paperContext is 𝕃. GP eq:implications.
type paperContext struct {
	id         uint32
	state      *paperState
	nextFree   uint32
	transfers  []paperTransfer
	yield      *protocol.Hash
	provisions []paperProvision
}

func (x *paperContext) clone() *paperContext {
	c := *x
	c.state, c.transfers, c.provisions = x.state.clone(), slices.Clone(x.transfers), slices.Clone(x.provisions)
	return &c
}

func (x *paperContext) self() *paperAccount { return x.state.accounts[x.id] }

// paperGuest is a run of Ψ_A.
type paperGuest struct {
	*paperBlock
	before *paperState // e
	x, y   *paperContext
	memory paperMemory
	φ      [13]uint64
	gas    int64
	inputs [][]byte
}

type paperEnd int

const (
	goesOn paperEnd = iota
	halts
	panics
	runsOut
)

// invoke is Ψ_A. GP eq:accinvocation.
func (b *paperBlock) invoke(e *paperState, s uint32, gas uint64, inputs [][]byte, received uint64) *paperOutput {
	post := e.clone()
	account := post.accounts[s]
	if account != nil {
		account.balance += received
	}
	var code *script
	if account != nil {
		if _, ok := e.accounts[s].preimages[account.code]; ok {
			code = b.scripts[account.code]
		}
	}
	if code == nil {
		return &paperOutput{state: post}
	}
	g := &paperGuest{paperBlock: b, before: e, gas: int64(gas), inputs: inputs}
	seed := slices.Concat(paperNatural(uint64(s)), b.entropy[:], paperNatural(uint64(b.slot)))
	h := blake2b.Sum256(seed)
	first := uint64(binary.LittleEndian.Uint32(h[:]))%(1<<32-1<<16-1<<8) + 1<<16
	g.x = &paperContext{id: s, state: post, nextFree: g.check(first)}
	g.y = g.x.clone()
	args := slices.Concat(paperNatural(uint64(b.slot)), paperNatural(uint64(s)), paperNatural(uint64(len(inputs))))
	copy(g.memory.args[:], args)
	copy(g.memory.data[:], code.data)
	end, output := g.run(code)
	used := gas
	if g.gas > 0 {
		used -= uint64(g.gas)
	}
	out := g.x
	if end != halts {
		out = g.y
	} else if len(output) == 32 {
		yield := protocol.Hash([]byte(output))
		out.yield = &yield
	}
	b.counts["ran"]++
	if end != halts {
		b.counts["failed"]++
	}
	return &paperOutput{out.state, out.transfers, out.yield, used, out.provisions}
}

// check is GP eq:newserviceindex.
func (g *paperGuest) check(i uint64) uint32 {
	if g.before.accounts[uint32(i)] == nil {
		return uint32(i)
	}
	return g.check((i-1<<16+1)%(1<<32-1<<8-1<<16) + 1<<16)
}

// run follows the instructions that a script is assembled to, of which each costs 1.
func (g *paperGuest) run(s *script) (paperEnd, string) {
	pay := func(n int64) bool {
		g.gas -= n
		return g.gas >= 0
	}
	if !pay(1) {
		return runsOut, ""
	}
	for i, c := range s.calls {
		for r, v := range c.registers {
			if !pay(1) {
				return runsOut, ""
			}
			g.φ[7+r] = v
		}
		if !pay(1) || !pay(10) {
			return runsOut, ""
		}
		if end := g.call(c.number); end != goesOn {
			return end, ""
		}
		for r := range uint64(2) {
			if !pay(1) {
				return runsOut, ""
			}
			g.memory.write(logAt+16*uint64(i)+8*r, string(binary.LittleEndian.AppendUint64(nil, g.φ[7+r])))
		}
	}
	if s.traps {
		if !pay(1) {
			return runsOut, ""
		}
		return panics, ""
	}
	for range 3 {
		if !pay(1) {
			return runsOut, ""
		}
	}
	output, _ := g.memory.read(s.at, s.size)
	return halts, output
}

const (
	paperNone = -1 - iota
	paperWhat
	paperOOB
	paperWho
	paperFull
	paperCore
	paperCash
	paperLow
	paperHuh
)

// answer leaves a result, which is negative for the named ones.
func (g *paperGuest) answer(n int64) paperEnd {
	g.φ[7] = uint64(n)
	return goesOn
}

// deliver is what fetch, lookup, read and info have in common.
func (g *paperGuest) deliver(v *string, o, from, most uint64) paperEnd {
	size := uint64(0)
	if v != nil {
		size = uint64(len(*v))
	}
	f := min(from, size)
	l := min(most, size-f)
	if !g.memory.canWrite(o, l) {
		return panics
	}
	if v == nil {
		return g.answer(paperNone)
	}
	g.memory.write(o, (*v)[f:f+l])
	return g.answer(int64(size))
}

func (g *paperGuest) account(register uint64) *paperAccount {
	if register >= 1<<32 {
		return nil
	}
	return g.x.state.accounts[uint32(register)]
}

func (g *paperGuest) hash(o uint64) (h protocol.Hash, ok bool) {
	s, ok := g.memory.read(o, 32)
	copy(h[:], s)
	return h, ok
}

func (g *paperGuest) call(number uint32) (end paperEnd) {
	φ := g.φ
	defer func() {
		if end == goesOn && g.φ[7] > 1<<63 {
			g.counts[callNames[number]+" refused"]++
		} else if end == goesOn {
			g.counts[callNames[number]]++
		}
	}()
	switch callNames[number] {
	case "gas":
		return g.answer(g.gas)
	case "fetch":
		return g.deliver(g.fetch(), φ[7], φ[8], φ[9])
	case "lookup", "read", "info":
		return g.look(callNames[number])
	case "write":
		return g.write()
	case "bless", "assign", "designate":
		return g.privileged(callNames[number])
	case "checkpoint":
		g.y = g.x.clone()
		return g.answer(g.gas)
	case "new":
		return g.create()
	case "upgrade":
		h, ok := g.hash(φ[7])
		if !ok {
			return panics
		}
		self := g.x.self()
		self.code, self.minItem, self.minMemo = h, φ[8], φ[9]
		return g.answer(0)
	case "transfer":
		return g.transfer()
	case "eject":
		return g.eject()
	case "query", "solicit", "forget":
		return g.request(callNames[number])
	case "yield":
		h, ok := g.hash(φ[7])
		if !ok {
			return panics
		}
		g.x.yield = &h
		return g.answer(0)
	case "provide":
		return g.offer()
	}
	return g.answer(paperWhat)
}

// callNames are the host calls of Ψ_A.
var callNames = map[uint32]string{
	0: "gas", 1: "fetch", 2: "lookup", 3: "read", 4: "write", 5: "info", 14: "bless", 15: "assign", 16: "designate",
	17: "checkpoint", 18: "new", 19: "upgrade", 20: "transfer", 21: "eject", 22: "query", 23: "solicit", 24: "forget",
	25: "yield", 26: "provide",
}

func (g *paperGuest) fetch() *string {
	var v []byte
	switch φ := g.φ; φ[10] {
	case 0:
		v = paperConstants
	case 1:
		v = g.entropy[:]
	case 14:
		v = slices.Concat(paperNatural(uint64(len(g.inputs))), slices.Concat(g.inputs...))
	case 15:
		if φ[11] >= uint64(len(g.inputs)) {
			return nil
		}
		v = g.inputs[φ[11]]
	default:
		return nil
	}
	s := string(v)
	return &s
}

func (g *paperGuest) look(name string) paperEnd {
	φ := g.φ
	a := g.account(φ[7])
	if φ[7] == 1<<64-1 {
		a = g.x.self()
	}
	if name == "info" {
		if a == nil {
			return g.deliver(nil, φ[8], φ[9], φ[10])
		}
		v := slices.Clone(a.code[:])
		for _, n := range []uint64{a.balance, a.threshold(), a.minItem, a.minMemo, a.octets()} {
			v = binary.LittleEndian.AppendUint64(v, n)
		}
		v = binary.LittleEndian.AppendUint32(v, uint32(a.items()))
		v = binary.LittleEndian.AppendUint64(v, a.gratis)
		for _, n := range []uint32{a.created, a.lastActive, a.parent} {
			v = binary.LittleEndian.AppendUint32(v, n)
		}
		s := string(v)
		return g.deliver(&s, φ[8], φ[9], φ[10])
	}
	if name == "lookup" {
		h, ok := g.hash(φ[8])
		if !ok {
			return panics
		}
		if a == nil {
			return g.deliver(nil, φ[9], φ[10], φ[11])
		}
		v, ok := a.preimages[h]
		return g.deliver(given(v, ok), φ[9], φ[10], φ[11])
	}
	key, ok := g.memory.read(φ[8], φ[9])
	if !ok {
		return panics
	}
	if a == nil {
		return g.deliver(nil, φ[10], φ[11], φ[12])
	}
	v, ok := a.storage[key]
	return g.deliver(given(v, ok), φ[10], φ[11], φ[12])
}

func given(v string, ok bool) *string {
	if !ok {
		return nil
	}
	return &v
}

func (g *paperGuest) write() paperEnd {
	φ := g.φ
	key, ok := g.memory.read(φ[7], φ[8])
	a := g.x.self().clone()
	if !ok {
		return panics
	}
	if φ[10] == 0 {
		delete(a.storage, key)
	} else {
		value, ok := g.memory.read(φ[9], φ[10])
		if !ok {
			return panics
		}
		a.storage[key] = value
	}
	if a.threshold() > a.balance {
		return g.answer(paperFull)
	}
	old, ok := g.x.self().storage[key]
	g.x.state.accounts[g.x.id] = a
	if !ok {
		return g.answer(paperNone)
	}
	return g.answer(int64(len(old)))
}

func (g *paperGuest) privileged(name string) paperEnd {
	φ, e := g.φ, g.x.state
	switch name {
	case "bless":
		assigners, ok := g.memory.read(φ[8], 4*2)
		always, ok2 := "", false
		if φ[12] < 1<<32 {
			always, ok2 = g.memory.read(φ[11], 12*φ[12])
		}
		if !ok || !ok2 {
			return panics
		}
		if φ[7] >= 1<<32 || φ[9] >= 1<<32 || φ[10] >= 1<<32 {
			return g.answer(paperWho)
		}
		e.manager, e.delegator, e.registrar = uint32(φ[7]), uint32(φ[9]), uint32(φ[10])
		for c := range e.assigners {
			e.assigners[c] = binary.LittleEndian.Uint32([]byte(assigners[4*c:]))
		}
		e.always = map[uint32]uint64{}
		for ; always != ""; always = always[12:] {
			e.always[binary.LittleEndian.Uint32([]byte(always))] = binary.LittleEndian.Uint64([]byte(always[4:]))
		}
	case "assign":
		queue, ok := g.memory.read(φ[8], 32*80)
		switch {
		case !ok:
			return panics
		case φ[7] >= 2:
			return g.answer(paperCore)
		case g.x.id != e.assigners[φ[7]]:
			return g.answer(paperHuh)
		case φ[9] >= 1<<32:
			return g.answer(paperWho)
		}
		e.queues[φ[7]], e.assigners[φ[7]] = queue, uint32(φ[9])
	case "designate":
		keys, ok := g.memory.read(φ[7], 336*6)
		if !ok {
			return panics
		}
		if g.x.id != e.delegator {
			return g.answer(paperHuh)
		}
		e.staging = keys
	}
	return g.answer(0)
}

func (g *paperGuest) create() paperEnd {
	φ, e := g.φ, g.x.state
	hash, ok := g.hash(φ[7])
	if !ok || φ[8] >= 1<<32 {
		return panics
	}
	a := &paperAccount{
		storage: map[string]string{}, preimages: map[protocol.Hash]string{},
		requests: map[paperRequest][]uint32{{hash, φ[8]}: {}},
		code:     hash, minItem: φ[9], minMemo: φ[10], gratis: φ[11], created: g.slot, parent: g.x.id,
	}
	a.balance = a.threshold()
	s := g.x.self().clone()
	if φ[11] != 0 && g.x.id != e.manager {
		return g.answer(paperHuh)
	}
	if s.balance < a.balance || s.balance-a.balance < s.threshold() {
		return g.answer(paperCash)
	}
	s.balance -= a.balance
	if g.x.id == e.registrar && φ[12] < 1<<16 {
		id := uint32(φ[12])
		if e.accounts[id] != nil {
			return g.answer(paperFull)
		}
		e.accounts[id], e.accounts[g.x.id] = a, s
		g.counts["new with low index"]++
		return g.answer(int64(id))
	}
	id := g.x.nextFree
	g.x.nextFree = g.check(1<<16 + (uint64(id)-1<<16+42)%(1<<32-1<<16-1<<8))
	e.accounts[id], e.accounts[g.x.id] = a, s
	return g.answer(int64(id))
}

func (g *paperGuest) transfer() paperEnd {
	φ := g.φ
	memo, ok := g.memory.read(φ[10], 128)
	if !ok {
		return panics
	}
	dest, self := g.account(φ[7]), g.x.self()
	switch {
	case dest == nil:
		return g.answer(paperWho)
	case φ[9] < dest.minMemo:
		return g.answer(paperLow)
	case self.balance < φ[8] || self.balance-φ[8] < self.threshold():
		return g.answer(paperCash)
	}
	if uint64(g.gas) < φ[9] {
		g.gas = -1
		return runsOut
	}
	g.gas -= int64(φ[9])
	self.balance -= φ[8]
	g.x.transfers = append(g.x.transfers, paperTransfer{g.x.id, uint32(φ[7]), φ[8], memo, φ[9]})
	return g.answer(0)
}

func (g *paperGuest) eject() paperEnd {
	φ := g.φ
	hash, ok := g.hash(φ[8])
	if !ok {
		return panics
	}
	d := g.account(φ[7])
	var owner protocol.Hash
	binary.LittleEndian.PutUint32(owner[:], g.x.id)
	if d == nil || uint32(φ[7]) == g.x.id || d.code != owner {
		return g.answer(paperWho)
	}
	slots, ok := d.requests[paperRequest{hash, max(81, d.octets()) - 81}]
	if d.items() != 2 || !ok {
		return g.answer(paperHuh)
	}
	if len(slots) == 2 && int64(slots[1]) < int64(g.slot)-32 {
		delete(g.x.state.accounts, uint32(φ[7]))
		g.x.self().balance += d.balance
		return g.answer(0)
	}
	return g.answer(paperHuh)
}

func (g *paperGuest) request(name string) paperEnd {
	φ := g.φ
	hash, ok := g.hash(φ[7])
	if !ok {
		return panics
	}
	r := paperRequest{hash, φ[8]}
	slots, ok := g.x.self().requests[r]
	a := g.x.self().clone()
	old := func(y uint32) bool { return int64(y) < int64(g.slot)-32 }
	switch {
	case name == "query":
		g.φ[8] = 0
		switch {
		case !ok:
			return g.answer(paperNone)
		case len(slots) == 0:
			return g.answer(0)
		case len(slots) == 2:
			g.φ[8] = uint64(slots[1])
		case len(slots) == 3:
			g.φ[8] = uint64(slots[1]) + uint64(slots[2])<<32
		}
		g.φ[7] = uint64(len(slots)) + uint64(slots[0])<<32
		return goesOn
	case name == "solicit" && !ok:
		a.requests[r] = []uint32{}
	case name == "solicit" && len(slots) == 2:
		a.requests[r] = []uint32{slots[0], slots[1], g.slot}
	case name == "forget" && ok && (len(slots) == 0 || len(slots) == 2 && old(slots[1])):
		delete(a.requests, r)
		delete(a.preimages, hash)
	case name == "forget" && len(slots) == 1:
		a.requests[r] = []uint32{slots[0], g.slot}
	case name == "forget" && len(slots) == 3 && old(slots[1]):
		a.requests[r] = []uint32{slots[2], g.slot}
	default:
		return g.answer(paperHuh)
	}
	if name == "solicit" && (φ[8] >= 1<<32 || a.balance < a.threshold()) {
		return g.answer(paperFull)
	}
	g.x.state.accounts[g.x.id] = a
	return g.answer(0)
}

func (g *paperGuest) offer() paperEnd {
	φ := g.φ
	if φ[9] > 1<<32 {
		return panics
	}
	blob, ok := g.memory.read(φ[8], φ[9])
	if !ok {
		return panics
	}
	id := φ[7]
	if id == 1<<64-1 {
		id = uint64(g.x.id)
	}
	if g.account(id) == nil {
		return g.answer(paperWho)
	}
	p := paperProvision{uint32(id), blob}
	if !providable(g.x.state.accounts, p) || slices.Contains(g.x.provisions, p) {
		return g.answer(paperHuh)
	}
	g.x.provisions = append(g.x.provisions, p)
	return g.answer(0)
}
