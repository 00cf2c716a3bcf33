package accumulate

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/internal/pvm"
	"damson/internal/vectors"
	"damson/interp"
	"damson/state"
	"damson/state/invoke"
	"damson/state/service"
	"damson/state/trie"
)

// paperConstants are those of the tiny chain as fetch gives them, computed by hand of the formula.
var paperConstants, _ = hex.DecodeString("0a00000000000000010000000000000064000000000000000200200000000c000000809698000000000080f0fa" +
	"020000000000ca9a3b00000000002d310100000000080010000800030018000000030008000600500004008000" +
	"0500060000fa00008070d20000093d0004000000000c00000204000000c0000080000000000c00000a000000")

// script is a guest: host calls with all their registers, and an end.
type script struct {
	calls    []scriptCall
	traps    bool
	at, size uint64 // what it returns otherwise
	data     []byte // of its page
}

type scriptCall struct {
	number    uint32
	registers [6]uint64 // from φ7 on
}

// logAt is where a guest keeps φ7 and φ8 as each host call left them.
const logAt = stackAt + 1024

// preimage assembles a script to service code.
func (s *script) preimage() []byte {
	var code, mask []byte
	op := func(octets ...byte) {
		for len(mask) < (len(code)+len(octets)+7)/8 {
			mask = append(mask, 0)
		}
		mask[len(code)/8] |= 1 << (len(code) % 8)
		code = append(code, octets...)
	}
	set := func(r int, v uint64) {
		op(binary.LittleEndian.AppendUint64([]byte{byte(pvm.LoadImm64), byte(r)}, v)...)
	}
	op(byte(pvm.Jump), 10, 0, 0, 0)
	op(byte(pvm.Jump), 5, 0, 0, 0)
	for i, c := range s.calls {
		for r, v := range c.registers {
			set(7+r, v)
		}
		op(binary.LittleEndian.AppendUint32([]byte{byte(pvm.Ecalli)}, c.number)...)
		for r := range 2 {
			op(binary.LittleEndian.AppendUint32([]byte{byte(pvm.StoreU64), byte(7 + r)}, uint32(logAt+16*i+8*r))...)
		}
	}
	if s.traps {
		op(byte(pvm.Trap))
	} else {
		set(7, s.at)
		set(8, s.size)
		op(byte(pvm.JumpInd), 0)
	}
	blob := slices.Concat([]byte{0, 0}, paperNatural(uint64(len(code))), code, mask)
	image := []byte{0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0x10, 0}
	image = binary.LittleEndian.AppendUint32(append(image, s.data...), uint32(len(blob)))
	return slices.Concat([]byte{2, 'm', 'd'}, image, blob)
}

// The services of these tests: who runs, who can be removed by 1, 2 and 70001, and who is but there.
var (
	runners   = []uint32{1, 2, 3, 5, 70001, 70002}
	removable = []uint32{11, 12, 13, 65, 66}
	idle      = uint32(20)
)

// The page of data of a guest: hashes, blobs, storage keys, and what bless reads; the rest is for results.
const (
	hashesAt = dataAt
	blobsAt  = dataAt + 0x200
	keysAt   = dataAt + 0x400
	blessAt  = dataAt + 0x480
	outAt    = dataAt + 0x600
)

var paperBlobs = []string{"", "a", "preimage", "another preimage", "a preimage of 32 octets, no less.", "x"}

func paperHash(blob string) protocol.Hash { return blake2b.Sum256([]byte(blob)) }

// scenario makes states and guests at random.
type scenario struct {
	*rand.Rand
	block *paperBlock
	state *paperState
	trie  *trie.Trie    // δ of it
	spare protocol.Hash // code that everybody has, to upgrade to
}

func newScenario(seed uint64) *scenario {
	r := &scenario{Rand: rand.New(rand.NewPCG(seed, 7))}
	r.block = &paperBlock{
		slot: 1000, entropy: protocol.Hash{byte(seed), 1}, scripts: map[protocol.Hash]*script{}, counts: map[string]int{},
	}
	r.state = &paperState{
		accounts: map[uint32]*paperAccount{}, always: map[uint32]uint64{},
		staging: string(make([]byte, 336*6)), queues: []string{string(make([]byte, 2560)), string(make([]byte, 2560))},
		manager: r.service(), assigners: []uint32{r.service(), r.service()}, delegator: r.service(), registrar: r.service(),
	}
	for range r.IntN(3) {
		r.state.always[r.service()] = uint64(r.IntN(3000))
	}
	for i, id := range removable {
		a := r.account(id, 1)
		binary.LittleEndian.PutUint32(a.code[:], runners[[]int{0, 1, 4, 0, 1}[i]])
		a.balance = uint64(r.IntN(500))
	}
	spare := r.guest(4)
	r.spare = paperHash(spare)
	for _, id := range runners {
		a := r.account(id, 0)
		own := r.guest(1 + r.IntN(30))
		a.code = paperHash(own)
		for _, blob := range []string{own, spare} {
			a.preimages[paperHash(blob)] = blob
			a.requests[paperRequest{paperHash(blob), uint64(len(blob))}] = []uint32{3}
		}
		a.balance = a.threshold() + uint64(r.IntN(3)*r.IntN(10000))
	}
	r.account(idle, 2).balance = 100000
	r.trie = r.state.trie()
	return r
}

func (r *scenario) service() uint32 { return runners[r.IntN(len(runners))] }

// account has the requests for some of the blobs in any of their stages.
func (r *scenario) account(id uint32, requests int) *paperAccount {
	a := &paperAccount{
		storage: map[string]string{}, preimages: map[protocol.Hash]string{}, requests: map[paperRequest][]uint32{}, created: 2, parent: 1,
	}
	r.state.accounts[id] = a
	if requests == 0 {
		requests = 2 + r.IntN(5)
		a.storage["k"], a.storage["key"] = "value", string(make([]byte, 1+r.IntN(50)))
		a.minMemo = uint64(r.IntN(3) * 20)
		a.gratis = uint64(r.IntN(2) * r.IntN(200))
	}
	for _, i := range r.Perm(len(paperBlobs))[:min(requests, len(paperBlobs))] {
		var slots []uint32
		for slot := 900 + r.IntN(80); len(slots) < r.IntN(4); slot += r.IntN(30) {
			slots = append(slots, uint32(slot))
		}
		if requests == 1 && r.IntN(4) > 0 {
			slots = []uint32{900, 900 + uint32(r.IntN(3))*68}[:2]
		}
		blob := paperBlobs[i]
		a.requests[paperRequest{paperHash(blob), uint64(len(blob))}] = slots
		if len(slots) > 0 {
			a.preimages[paperHash(blob)] = blob
		}
	}
	return a
}

// requestOf is where the hash is that a service asked for.
func (r *scenario) requestOf(id uint32) uint64 {
	for i, blob := range paperBlobs {
		if _, ok := r.state.accounts[id].requests[paperRequest{paperHash(blob), uint64(len(blob))}]; ok {
			return uint64(hashesAt + 32*i)
		}
	}
	return hashesAt
}

// guest makes a script and gives its code.
func (r *scenario) guest(calls int) string {
	s := &script{traps: r.IntN(4) == 0, at: outAt, size: pick(r, 0, 31, 32, 32, uint64(5000)), data: make([]byte, pvm.PageSize)}
	at := func(addr int) []byte { return s.data[addr-dataAt:] }
	for i, blob := range paperBlobs {
		h := paperHash(blob)
		copy(at(hashesAt+32*i), h[:])
		copy(at(blobsAt+64*i), blob)
	}
	copy(at(hashesAt+32*6), r.spare[:])
	binary.LittleEndian.PutUint32(at(hashesAt+32*7), r.service())
	copy(at(keysAt), "kkeylogpage")
	for i := range 2 {
		binary.LittleEndian.PutUint32(at(blessAt+4*i), r.service())
	}
	for i := range 3 {
		binary.LittleEndian.PutUint32(at(blessAt+8+12*i), r.service())
		binary.LittleEndian.PutUint64(at(blessAt+16+12*i), uint64(r.IntN(2000)))
	}
	s.data[0xfff] = byte(r.Uint32())
	for range calls {
		c := r.call()
		for i := range c.registers {
			if r.IntN(300) == 0 {
				c.registers[i] = r.odd()
			}
		}
		s.calls = append(s.calls, c)
		switch {
		case r.IntN(12) == 0:
			s.calls = append(s.calls, scriptCall{number: 17})
		case c.number == 21 && r.IntN(2) == 0: // who may, makes it anew
			s.calls = append(s.calls, scriptCall{18, [6]uint64{hashesAt, 1, 0, 0, 0, c.registers[0]}})
		}
	}
	s.calls = append(s.calls, scriptCall{4, [6]uint64{keysAt + 4, 3, logAt, 1024}})
	s.calls = append(s.calls, scriptCall{4, [6]uint64{keysAt + 7, 4, dataAt, pvm.PageSize}})
	blob := string(s.preimage())
	r.block.scripts[paperHash(blob)] = s
	return blob
}

// odd is a number that should not be there.
func (r *scenario) odd() uint64 {
	list := []uint64{
		0, 1, 2, 31, 32, 33, 127, 128, 4096, 4097, dataAt - 1, dataAt + 4095, stackAt, stackAt + 4090, argsAt, argsAt + 4090, 1 << 32, 1<<32 - 1,
		1<<32 + dataAt, 1 << 63, 1<<64 - 1, 1<<64 - 2, 70001 + 1<<32, 99, 1<<16 - 1, 1 << 16,
	}
	return list[r.IntN(len(list))]
}

func pick[T any](r *scenario, list ...T) T { return list[r.IntN(len(list))] }

// call is a host call that may well succeed.
func (r *scenario) call() (c scriptCall) {
	n := func(most int) uint64 { return uint64(r.IntN(most)) }
	blob := r.IntN(len(paperBlobs))
	hash, length := uint64(hashesAt+32*blob), uint64(len(paperBlobs[blob]))
	anyone := uint64(pick(r, r.service(), r.service(), pick(r, removable...), idle, 99))
	orSelf := pick(r, anyone, 1<<64-1)
	out, from, most := outAt+n(2000), pick(r, 0, 0, n(50), 500), pick(r, 0, n(60), n(300), 1<<40)
	key, keySize := keysAt+n(2), n(4)
	numbers := []uint32{
		0, 1, 1, 2, 3, 3, 4, 4, 4, 5, 14, 15, 16, 17, 18, 18, 19, 20, 20, 20, 21, 21, 22, 22, 23, 23, 24, 24, 24, 25, 26, 26, 27, 100, 6, 12,
	}
	c.number = pick(r, numbers...)
	switch c.number {
	case 1:
		c.registers = [6]uint64{out, from, most, pick(r, 0, 1, 14, 15, 15, n(20)), n(4), n(3)}
	case 2:
		c.registers = [6]uint64{orSelf, hash, out, from, most}
	case 3:
		c.registers = [6]uint64{orSelf, key, keySize, out, from, most}
	case 4:
		c.registers = [6]uint64{key, keySize, outAt + n(100), pick(r, 0, n(100), n(1000), n(3000))}
	case 5:
		c.registers = [6]uint64{orSelf, out, from, most}
	case 14:
		c.registers = [6]uint64{uint64(r.service()), blessAt, uint64(r.service()), uint64(r.service()), blessAt + 8, n(4)}
	case 15:
		c.registers = [6]uint64{n(3), dataAt + n(1000), uint64(r.service())}
	case 16:
		c.registers = [6]uint64{dataAt + n(1000)}
	case 18:
		c.registers = [6]uint64{hash, length, n(100), n(100), pick(r, 0, 0, n(500)), pick(r, n(100), uint64(pick(r, removable...)), 1<<16+n(3))}
	case 19:
		c.registers = [6]uint64{hashesAt + 32*6 + 32*n(2), n(100), n(100)}
	case 20:
		c.registers = [6]uint64{anyone, n(2000) * n(2), pick(r, n(100), n(3000)), dataAt + n(1000)}
	case 21:
		victim := pick(r, removable...)
		c.registers = [6]uint64{uint64(victim), pick(r, hash, r.requestOf(victim), r.requestOf(victim))}
	case 22, 23, 24:
		c.registers = [6]uint64{hash, pick(r, length, length, length, n(40))}
	case 25:
		c.registers = [6]uint64{hash}
	case 26:
		c.registers = [6]uint64{orSelf, blobsAt + 64*uint64(blob), length}
	}
	return c
}

// reports have digests for all kinds of services.
func (r *scenario) reports() (list []*block.Report) {
	for range r.IntN(4) {
		x := &block.Report{Authorizer: protocol.Hash{1, byte(r.IntN(9))}, AuthTrace: make([]byte, r.IntN(200))}
		x.Package.Hash, x.Package.ExportsRoot = protocol.Hash{2, byte(r.Uint32()), byte(r.Uint32())}, protocol.Hash{3, byte(r.IntN(9))}
		for range 1 + r.IntN(4) {
			d := block.Digest{
				Service:     protocol.ServiceID(pick(r, r.service(), r.service(), r.service(), r.service(), pick(r, removable...), idle, 99)),
				PayloadHash: protocol.Hash{4, byte(r.IntN(9))}, AccumulateGas: protocol.Gas(pick(r, 100, r.IntN(1500), 3000, 8000, 10_000_000)),
			}
			if d.Result.Outcome = block.Outcome(r.IntN(2) * r.IntN(7)); d.Result.Outcome == block.OutcomeOK {
				d.Result.Output = make([]byte, r.IntN(300))
			}
			x.Digests = append(x.Digests, d)
		}
		list = append(list, x)
	}
	return list
}

func (r *scenario) preimages() (list []paperProvision) {
	for range r.IntN(4) {
		if p := (paperProvision{r.service(), pick(r, paperBlobs...)}); providable(r.state.accounts, p) && !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}

// TestAccumulationIsThatOfThePaper runs guests that do host calls at random, a few blocks of them, and compares the
// state with that of the second reading.
func TestAccumulationIsThatOfThePaper(t *testing.T) {
	p := protocol.Tiny()
	counts := map[string]int{}
	seeds := uint64(400)
	if vectors.Thorough() {
		seeds = 20_000
	}
	for seed := range seeds {
		r := newScenario(seed)
		invoker := invoke.New(invoke.Options{Engine: interp.New(), Params: p})
		for range 3 {
			r.compare(t, p, invoker)
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
			r.block.slot += uint32(1 + r.IntN(40))
			r.block.entropy[5]++
		}
		for what, n := range r.block.counts {
			counts[what] += n
		}
	}
	for _, name := range callNames {
		for _, what := range []string{name, name + " refused"} {
			never := what == "bless refused" || slices.Contains([]string{"gas", "checkpoint", "yield", "upgrade"}, name) && what != name
			if counts[what] == 0 && !never {
				t.Errorf("never tried: %s", what)
			}
		}
	}
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("%6d %s", counts[what], what)
	}
}

// compare accumulates a block both ways.
func (r *scenario) compare(t *testing.T, p *protocol.Params, invoker *invoke.Invoker) {
	t.Helper()
	reports, given := r.reports(), r.preimages()
	base := r.state.entries()
	accounts := service.New(r.trie)
	in := &Input{
		Prior: protocol.Slot(r.block.slot - 1), Slot: protocol.Slot(r.block.slot), Entropy: r.block.entropy, Available: reports,
		Ready: make(state.Ready, p.EpochLength), Accumulated: make(state.Accumulated, p.EpochLength),
		Privileges: r.state.privileges(), Workers: 1 + r.IntN(4),
	}
	d := codec.NewDecoder([]byte(r.state.staging))
	in.Staging = state.DecodeValidators(&d, p)
	d = codec.NewDecoder([]byte(r.state.queues[0] + r.state.queues[1]))
	in.Queues = state.DecodeAuthQueues(&d, p)
	got, err := Transition(p, invoker.Accumulate, accounts, in)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range given {
		accounts.Provide(protocol.ServiceID(x.service), paperHash(x.blob), []byte(x.blob), in.Slot)
	}

	want, outputs, activity := r.block.transition(r.state, reports, given)
	vectors.Equal(t, "δ′", base.After(accounts), want.entries())
	vectors.Equal(t, "χ′", got.Privileges.AppendTo(nil), want.privileges().AppendTo(nil))
	vectors.Equal(t, "ι′", string(got.Staging.AppendTo(nil)), want.staging)
	vectors.Equal(t, "φ′", string(got.Queues.AppendTo(nil)), want.queues[0]+want.queues[1])
	var wantOutputs state.LastOutputs
	for _, x := range outputs {
		wantOutputs = append(wantOutputs, state.Output{Service: protocol.ServiceID(x.service), Hash: x.hash})
	}
	vectors.Equal(t, "θ′", fmt.Sprint(got.LastOutputs), fmt.Sprint(wantOutputs))
	var wantActivity []state.AccumulationActivity
	for _, s := range slices.Sorted(maps.Keys(activity)) {
		wantActivity = append(wantActivity, state.AccumulationActivity{
			Service: protocol.ServiceID(s), Gas: protocol.Gas(activity[s][0]), Digests: activity[s][1],
		})
	}
	vectors.Equal(t, "S", fmt.Sprint(got.Activity), fmt.Sprint(wantActivity))
	var changes []trie.Change
	for key, value := range accounts.Changes() {
		changes = append(changes, trie.Change{Key: key, Value: value})
	}
	r.trie, r.state = r.trie.Apply(changes), want
	vectors.Equal(t, "state root", r.trie.Root(), r.state.trie().Root())
}

// trie holds δ.
func (s *paperState) trie() *trie.Trie {
	var list []trie.Change
	for key, value := range s.entries() {
		list = append(list, trie.Change{Key: key, Value: value})
	}
	return trie.New(list)
}

func (s *paperState) privileges() *state.Privileges {
	x := &state.Privileges{
		Manager: protocol.ServiceID(s.manager), Delegator: protocol.ServiceID(s.delegator), Registrar: protocol.ServiceID(s.registrar),
	}
	for _, id := range s.assigners {
		x.Assigners = append(x.Assigners, protocol.ServiceID(id))
	}
	for _, id := range slices.Sorted(maps.Keys(s.always)) {
		x.AlwaysAccumulate = append(x.AlwaysAccumulate, state.FreeGas{Service: protocol.ServiceID(id), Gas: protocol.Gas(s.always[id])})
	}
	return x
}
