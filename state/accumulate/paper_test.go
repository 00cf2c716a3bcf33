package accumulate

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"maps"
	"slices"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/internal/pvm"
	"damson/state"
)

// This file reads GP §12.2 to §12.4 a second time, to the letter and without a thought for speed: dictionaries are
// dictionaries, states are copied whole, and footprints are counted anew. paper_calls_test.go does so for the host
// calls, and paper_run_test.go compares.

// paperAccount is 𝔸. GP eq:serviceaccount.
type paperAccount struct {
	storage    map[string]string
	preimages  map[protocol.Hash]string
	requests   map[paperRequest][]uint32
	code       protocol.Hash
	balance    uint64
	gratis     uint64
	minItem    uint64
	minMemo    uint64
	created    uint32
	lastActive uint32
	parent     uint32
}

type paperRequest struct {
	hash   protocol.Hash
	length uint64
}

func (a *paperAccount) clone() *paperAccount {
	c := *a
	c.storage, c.preimages, c.requests = maps.Clone(a.storage), maps.Clone(a.preimages), maps.Clone(a.requests)
	return &c
}

func (a *paperAccount) items() uint64 { return uint64(2*len(a.requests) + len(a.storage)) }

func (a *paperAccount) octets() (sum uint64) {
	for r := range a.requests {
		sum += 81 + r.length
	}
	for k, v := range a.storage {
		sum += 34 + uint64(len(k)) + uint64(len(v))
	}
	return sum
}

func (a *paperAccount) threshold() uint64 {
	need := 100 + 10*a.items() + a.octets()
	if need <= a.gratis {
		return 0
	}
	return need - a.gratis
}

// paperState is 𝕊. GP eq:partialstate.
type paperState struct {
	accounts  map[uint32]*paperAccount
	staging   string
	queues    []string
	manager   uint32
	assigners []uint32
	delegator uint32
	registrar uint32
	always    map[uint32]uint64
}

func (s *paperState) clone() *paperState {
	c := *s
	c.accounts = make(map[uint32]*paperAccount)
	for id, a := range s.accounts {
		c.accounts[id] = a.clone()
	}
	c.queues, c.assigners, c.always = slices.Clone(s.queues), slices.Clone(s.assigners), maps.Clone(s.always)
	return &c
}

type paperTransfer struct {
	source, dest uint32
	amount       uint64
	memo         string
	gas          uint64
}

type paperProvision struct {
	service uint32
	blob    string
}

// paperOutput is 𝕆. GP eq:acconeout.
type paperOutput struct {
	state      *paperState
	transfers  []paperTransfer
	yield      *protocol.Hash
	gas        uint64
	provisions []paperProvision
}

// paperBlock is what accumulation has to do with beside the partial state.
type paperBlock struct {
	slot    uint32
	entropy protocol.Hash
	scripts map[protocol.Hash]*script // by code hash

	counts map[string]int // what was tried, for the test to see that it means something
}

type paperUse struct {
	service uint32
	gas     uint64
}

type paperYield struct {
	service uint32
	hash    protocol.Hash
}

// sequence is Δ+. GP eq:accseq.
func (b *paperBlock) sequence(
	g uint64, t []paperTransfer, r []*block.Report, e *paperState, f map[uint32]uint64,
) (int, *paperState, map[paperYield]bool, []paperUse) {
	i := 0
	for n := range len(r) + 1 {
		sum := uint64(0)
		for _, report := range r[:n] {
			for _, d := range report.Digests {
				sum += uint64(d.AccumulateGas)
			}
		}
		if sum <= g {
			i = max(i, n)
		}
	}
	if len(t)+i+len(f) == 0 {
		return 0, e, nil, nil
	}
	eStar, tStar, bStar, uStar := b.parallel(e, t, r[:i], f)
	gStar := g
	for _, x := range t {
		gStar += x.gas
	}
	for _, u := range uStar {
		gStar -= min(u.gas, gStar) // the paper has no answer to less than nothing
	}
	j, ePost, yields, used := b.sequence(gStar, tStar, r[i:], eStar, nil)
	all := maps.Clone(bStar)
	maps.Copy(all, yields)
	return i + j, ePost, all, append(slices.Clone(uStar), used...)
}

// parallel is Δ*. GP eq:accpar.
func (b *paperBlock) parallel(
	e *paperState, t []paperTransfer, r []*block.Report, f map[uint32]uint64,
) (*paperState, []paperTransfer, map[paperYield]bool, []paperUse) {
	known := map[uint32]*paperOutput{}
	acc := func(s uint32) *paperOutput {
		if known[s] == nil {
			known[s] = b.one(e, t, r, f, s)
		}
		return known[s]
	}
	var used []paperUse
	var made []paperTransfer
	yields := map[paperYield]bool{}
	provisions := map[paperProvision]bool{}
	post := &paperState{accounts: map[uint32]*paperAccount{}}
	for s, a := range e.accounts {
		post.accounts[s] = a.clone()
	}
	var removed []uint32
	for _, s := range busy(t, r, f) {
		out := acc(s)
		used = append(used, paperUse{s, out.gas})
		made = append(made, out.transfers...)
		if out.yield != nil {
			yields[paperYield{s, *out.yield}] = true
		}
		for _, p := range out.provisions {
			provisions[p] = true
		}
		for id, a := range out.state.accounts {
			if _, before := e.accounts[id]; !before || id == s {
				post.accounts[id] = a.clone()
			}
		}
		for id := range e.accounts {
			if _, after := out.state.accounts[id]; !after {
				removed = append(removed, id)
			}
		}
	}
	for _, id := range removed {
		delete(post.accounts, id)
	}
	manager := acc(e.manager).state
	post.manager, post.always = manager.manager, manager.always
	replace := func(o, a, b uint32) uint32 {
		if a == o {
			return b
		}
		return a
	}
	for c, owner := range e.assigners {
		post.assigners = append(post.assigners, replace(owner, manager.assigners[c], acc(owner).state.assigners[c]))
		post.queues = append(post.queues, acc(owner).state.queues[c])
	}
	post.delegator = replace(e.delegator, manager.delegator, acc(e.delegator).state.delegator)
	post.registrar = replace(e.registrar, manager.registrar, acc(e.registrar).state.registrar)
	post.staging = acc(e.delegator).state.staging
	b.provide(post.accounts, provisions)
	return post.clone(), made, yields, used
}

// busy is s of GP eq:accpar, in order.
func busy(t []paperTransfer, r []*block.Report, f map[uint32]uint64) []uint32 {
	in := map[uint32]bool{}
	for _, report := range r {
		for _, d := range report.Digests {
			in[uint32(d.Service)] = true
		}
	}
	for s := range f {
		in[s] = true
	}
	for _, x := range t {
		in[x.dest] = true
	}
	return slices.Sorted(maps.Keys(in))
}

// provide is I, and providable is Y. GP §12.2.
func (b *paperBlock) provide(d map[uint32]*paperAccount, p map[paperProvision]bool) {
	var fit []paperProvision
	for x := range p {
		if providable(d, x) {
			fit = append(fit, x)
		}
	}
	for _, x := range fit {
		hash := protocol.Hash(blake2b.Sum256([]byte(x.blob)))
		d[x.service].requests[paperRequest{hash, uint64(len(x.blob))}] = []uint32{b.slot}
		d[x.service].preimages[hash] = x.blob
		b.counts["provided"]++
	}
}

func providable(d map[uint32]*paperAccount, x paperProvision) bool {
	a := d[x.service]
	if a == nil {
		return false
	}
	slots, ok := a.requests[paperRequest{blake2b.Sum256([]byte(x.blob)), uint64(len(x.blob))}]
	return ok && len(slots) == 0
}

// one is Δ1. GP eq:accone.
func (b *paperBlock) one(e *paperState, t []paperTransfer, r []*block.Report, f map[uint32]uint64, s uint32) *paperOutput {
	g := f[s]
	var inputs [][]byte
	sum := uint64(0)
	for _, x := range t {
		if x.dest != s {
			continue
		}
		g += x.gas
		sum += x.amount
		in := binary.LittleEndian.AppendUint32([]byte{1}, x.source)
		in = binary.LittleEndian.AppendUint32(in, x.dest)
		in = binary.LittleEndian.AppendUint64(in, x.amount)
		in = append(in, x.memo...)
		inputs = append(inputs, binary.LittleEndian.AppendUint64(in, x.gas))
	}
	for _, report := range r {
		for _, d := range report.Digests {
			if uint32(d.Service) != s {
				continue
			}
			g += uint64(d.AccumulateGas)
			in := slices.Concat([]byte{0}, report.Package.Hash[:], report.Package.ExportsRoot[:], report.Authorizer[:], d.PayloadHash[:])
			in = append(in, paperNatural(uint64(d.AccumulateGas))...)
			in = append(in, byte(d.Result.Outcome))
			if d.Result.Outcome == block.OutcomeOK {
				in = slices.Concat(in, paperNatural(uint64(len(d.Result.Output))), d.Result.Output)
			}
			inputs = append(inputs, slices.Concat(in, paperNatural(uint64(len(report.AuthTrace))), report.AuthTrace))
		}
	}
	return b.invoke(e, s, g, inputs, sum)
}

// paperNatural is E of a natural number. GP §C.1.2.
func paperNatural(x uint64) []byte {
	if x == 0 {
		return []byte{0}
	}
	for l := range 8 {
		if x < 1<<(7*(l+1)) {
			b := []byte{byte(256 - 1<<(8-l) + int(x>>(8*l)))}
			for i := range l {
				b = append(b, byte(x>>(8*i)))
			}
			return b
		}
	}
	return binary.LittleEndian.AppendUint64([]byte{255}, x)
}

// transition is GP §12.3 and §12.4 for reports that wait for nothing.
func (b *paperBlock) transition(
	e *paperState, reports []*block.Report, preimages []paperProvision,
) (*paperState, []paperYield, map[uint32][2]uint64) {
	g := uint64(10_000_000 * 2)
	for _, x := range e.always {
		g += x
	}
	n, post, yields, used := b.sequence(max(20_000_000, g), nil, reports, e, e.always)
	activity := map[uint32][2]uint64{}
	for _, u := range used {
		x := activity[u.service]
		x[0] += u.gas
		activity[u.service] = x
	}
	for _, report := range reports[:n] {
		for _, d := range report.Digests {
			x := activity[uint32(d.Service)]
			x[1]++
			activity[uint32(d.Service)] = x
		}
	}
	maps.DeleteFunc(activity, func(_ uint32, x [2]uint64) bool { return x[0]+x[1] == 0 })
	for s := range activity {
		if a := post.accounts[s]; a != nil {
			a.lastActive = b.slot
		}
	}
	given := map[paperProvision]bool{}
	for _, x := range preimages {
		given[x] = true
	}
	b.provide(post.accounts, given)
	outputs := slices.SortedFunc(maps.Keys(yields), func(a, b paperYield) int {
		return cmp.Or(cmp.Compare(a.service, b.service), bytes.Compare(a.hash[:], b.hash[:]))
	})
	return post, outputs, activity
}

// entries is δ by its keys.
func (s *paperState) entries() entries {
	e := entries{}
	for n, a := range s.accounts {
		id := protocol.ServiceID(n)
		fields := state.Account{
			CodeHash: a.code, Balance: protocol.Balance(a.balance), MinItemGas: protocol.Gas(a.minItem), MinMemoGas: protocol.Gas(a.minMemo),
			Octets: a.octets(), Gratis: protocol.Balance(a.gratis), Items: uint32(a.items()), Created: protocol.Slot(a.created),
			LastAccumulation: protocol.Slot(a.lastActive), Parent: protocol.ServiceID(a.parent),
		}
		e[state.AccountKey(id)] = fields.AppendTo(nil)
		for k, v := range a.storage {
			e[state.StorageKey(id, []byte(k))] = []byte(v)
		}
		for h, v := range a.preimages {
			e[state.PreimageKey(id, h)] = []byte(v)
		}
		for r, slots := range a.requests {
			v := []byte{byte(len(slots))}
			for _, slot := range slots {
				v = binary.LittleEndian.AppendUint32(v, slot)
			}
			e[state.RequestKey(id, r.hash, uint32(r.length))] = v
		}
	}
	return e
}

// paperMemory is the memory of the guests of these tests: a page of data, one of stack, and the arguments.
type paperMemory struct {
	data, stack, args [pvm.PageSize]byte
}

const (
	dataAt  = 0x20000
	stackAt = 1<<32 - 2<<16 - 1<<24 - pvm.PageSize
	argsAt  = 1<<32 - 1<<16 - 1<<24
)

// at is one octet, and whether it can be written.
func (m *paperMemory) at(addr uint64) (octet *byte, writable bool) {
	switch {
	case addr >= dataAt && addr < dataAt+pvm.PageSize:
		return &m.data[addr-dataAt], true
	case addr >= stackAt && addr < stackAt+pvm.PageSize:
		return &m.stack[addr-stackAt], true
	case addr >= argsAt && addr < argsAt+pvm.PageSize:
		return &m.args[addr-argsAt], false
	}
	return nil, false
}

func (m *paperMemory) read(addr, n uint64) (string, bool) {
	var b []byte
	for i := range n {
		octet, _ := m.at(addr + i)
		if octet == nil || addr+i < addr {
			return "", false
		}
		b = append(b, *octet)
	}
	return string(b), true
}

func (m *paperMemory) canWrite(addr, n uint64) bool {
	for i := range n {
		if _, ok := m.at(addr + i); !ok || addr+i < addr {
			return false
		}
	}
	return true
}

func (m *paperMemory) write(addr uint64, s string) {
	for i := range len(s) {
		octet, _ := m.at(addr + uint64(i))
		*octet = s[i]
	}
}
