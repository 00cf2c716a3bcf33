package invoke

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"damson/internal/pvm"
)

// paperRefine reads the host calls of GP §B.6 a second time, to the letter: memories are dictionaries of pages. Only
// invoke is left out.
type paperRefine struct {
	outer    paperRAM
	machines map[uint64]*paperMachine
	exports  []string
}

type paperMachine struct {
	ram paperRAM
	pc  uint64
}

// paperRAM holds a page of 4096 octets, and access R or W, for each page that has any.
type paperRAM struct {
	value  map[uint64]*[pvm.PageSize]byte
	access map[uint64]byte
}

func newPaperRAM() paperRAM {
	return paperRAM{map[uint64]*[pvm.PageSize]byte{}, map[uint64]byte{}}
}

func (m *paperRAM) can(addr, n uint64, kinds string) bool {
	for i := range n {
		if addr+i >= 1<<32 || bytes.IndexByte([]byte(kinds), m.access[(addr+i)/pvm.PageSize]) < 0 {
			return false
		}
	}
	return true
}

func (m *paperRAM) page(n uint64) *[pvm.PageSize]byte {
	if m.value[n] == nil {
		m.value[n] = new([pvm.PageSize]byte)
	}
	return m.value[n]
}

func (m *paperRAM) octet(addr uint64) *byte { return &m.page(addr / pvm.PageSize)[addr%pvm.PageSize] }

func (m *paperRAM) read(addr, n uint64) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = *m.octet(addr + uint64(i))
	}
	return b
}

func (m *paperRAM) write(addr uint64, b []byte) {
	for i := range b {
		*m.octet(addr + uint64(i)) = b[i]
	}
}

// call gives φ7 as the host call leaves it, or reports a panic. Its first export has index 3.
func (o *paperRefine) call(number uint64, φ *[pvm.Registers]uint64) (result uint64, panicked bool) {
	g := o.machines[φ[7]]
	switch number {
	case 7:
		z := min(φ[8], 4104)
		switch {
		case !o.outer.can(φ[7], z, "RW"):
			return 0, true
		case 3+len(o.exports) >= 3072:
			return resultFull, false
		}
		o.exports = append(o.exports, string(o.outer.read(φ[7], z))+string(make([]byte, 4104-z)))
		return uint64(2 + len(o.exports)), false
	case 8:
		if !o.outer.can(φ[7], φ[8], "RW") {
			return 0, true
		}
		if _, err := pvm.Deblob(o.outer.read(φ[7], φ[8])); err != nil {
			return resultHuh, false
		}
		n := uint64(0)
		for o.machines[n] != nil {
			n++
		}
		o.machines[n] = &paperMachine{newPaperRAM(), φ[9]}
		return n, false
	case 9:
		switch {
		case !o.outer.can(φ[8], φ[10], "W"):
			return 0, true
		case g == nil:
			return resultWho, false
		case !g.ram.can(φ[9], φ[10], "RW"):
			return resultOOB, false
		}
		o.outer.write(φ[8], g.ram.read(φ[9], φ[10]))
		return resultOK, false
	case 10:
		switch {
		case !o.outer.can(φ[8], φ[10], "RW"):
			return 0, true
		case g == nil:
			return resultWho, false
		case !g.ram.can(φ[9], φ[10], "W"):
			return resultOOB, false
		}
		g.ram.write(φ[9], o.outer.read(φ[8], φ[10]))
		return resultOK, false
	case 11:
		if g == nil {
			return resultWho, false
		}
		return g.pages(φ[8], φ[9], φ[10]), false
	}
	if g == nil { // expunge
		return resultWho, false
	}
	delete(o.machines, φ[7])
	return g.pc, false
}

func (g *paperMachine) pages(p, c, r uint64) uint64 {
	if r > 4 || p < 16 || p >= 1<<20 || c >= 1<<20 || p+c >= 1<<20 {
		return resultHuh
	}
	for i := range c {
		if r > 2 && g.ram.access[p+i] == 0 {
			return resultHuh
		}
	}
	for i := range c {
		if r < 3 {
			delete(g.ram.value, p+i)
		}
		g.ram.access[p+i] = [5]byte{0, 'R', 'W', 'R', 'W'}[r]
	}
	return resultOK
}

// TestRefineCallsAreThoseOfThePaper does host calls at random to a machine and to the second reading.
func TestRefineCallsAreThoseOfThePaper(t *testing.T) {
	answers := map[uint64]map[uint64]int{}
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 9))
		e := refineEnv(t, entries{})
		o := &paperRefine{outer: newPaperRAM(), machines: map[uint64]*paperMachine{}}
		for page := uint64(room); page < room+roomSize; page += pvm.PageSize {
			o.outer.access[page/pvm.PageSize] = 'W'
		}
		o.outer.access[readOnly/pvm.PageSize] = 'R'
		blob := new(code).call(77).trap().blob()
		o.outer.write(room, blob)
		e.poke(room, blob)
		for i := range 300 {
			number, φ := paperRefineCall(r, uint64(len(blob)))
			e.r.m.Regs = φ
			e.r.setGas(1000)
			want := φ
			result, panicked := o.call(number, &φ)
			if !panicked {
				want[7] = result
			}
			if got := e.r.call(number); (got == panics) != panicked || !panicked && got != proceed || e.r.m.Regs != want {
				t.Fatalf("seed %d, step %d: host call %d of %x: signal %d, %x, want %x", seed, i, number, φ[7:11], got, e.r.m.Regs, want)
			}
			if answers[number] == nil {
				answers[number] = map[uint64]int{}
			}
			answers[number][result]++
			for page := uint64(room); page < room+roomSize; page += pvm.PageSize {
				if want := o.outer.page(page / pvm.PageSize); !bytes.Equal(e.peek(page, pvm.PageSize), want[:]) {
					t.Fatalf("seed %d, step %d: memory differs", seed, i)
				}
			}
		}
		if !slices.EqualFunc(e.r.ref.exports, o.exports, func(a []byte, b string) bool { return string(a) == b }) {
			t.Fatalf("seed %d: exports differ", seed)
		}
		e.r.ref.machines.release()
	}
	for number, want := range map[uint64][]uint64{
		8: {0, 1, 2, resultHuh}, 9: {resultOK, resultWho, resultOOB}, 10: {resultOK, resultWho, resultOOB},
		11: {resultOK, resultWho, resultHuh}, 13: {resultWho, 5},
	} {
		for _, result := range want {
			if answers[number][result] < 5 {
				t.Errorf("host call %d answers %d only %d times", number, int64(result), answers[number][result])
			}
		}
	}
}

// paperRefineCall is a host call that makes sense most of the time.
func paperRefineCall(r *rand.Rand, blob uint64) (number uint64, φ [pvm.Registers]uint64) {
	pick := func(list ...uint64) uint64 { return list[r.IntN(len(list))] }
	number = pick(7, 8, 9, 9, 9, 10, 10, 10, 11, 11, 11, 11, 13)
	machine := pick(0, 0, 1, 1, 2, 3, 1<<32, self)
	size := pick(0, 1, 8, 100, 5000, 9000)
	outer := pick(room, room+1000+uint64(r.IntN(40_000)), room+1000+uint64(r.IntN(40_000)), room+roomSize-100, readOnly+10, nowhere, 1<<32+room)
	inner := pick(16, 17, 1023, 1024, 1<<20-2)*pvm.PageSize + pick(0, 1, 4000, 1<<32)*pick(0, 1)
	switch number {
	case 7:
		φ[7], φ[8] = outer, size
	case 8:
		φ[7], φ[8], φ[9] = room, pick(blob, blob, blob-1), 5
	case 9, 10:
		φ[7], φ[8], φ[9], φ[10] = machine, outer, inner, size
	case 11:
		φ[7], φ[8] = machine, pick(15, 16, 17, 1022, 1024, 1<<20-3, 1<<20, self)
		φ[9], φ[10] = pick(0, 1, 2, 3, 5, 1<<20), pick(0, 1, 2, 2, 3, 4, 5)
	case 13:
		φ[7] = machine
	}
	return number, φ
}
