// Package nodiff is the test kit that finds differences between the engines: programs made at random, runs on two
// engines compared at every exit, and failing cases made small.
package nodiff

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"damson/internal/pvm"
)

// Case is a program and everything a run of it depends on.
type Case struct {
	Blob  []byte // what pvm.Decode reads
	Regs  [pvm.Registers]uint64
	PC    uint64
	Gas   int64
	Pages []Pages
	Seed  uint64 // decides what happens between an exit and the next run
	Exits int    // how often at most the machine is run on after an exit
}

// Pages is access to some pages. Their content depends on the seed.
type Pages struct {
	First, Count uint32
	Access       pvm.Access
}

// Difference is a run that ended differently on the two engines.
type Difference struct {
	Exit      int // how many exits were the same
	Got, Want Outcome
	Page      uint32
	Memory    bool // pages differ, Page is the first
}

// Outcome is how a run left the machine.
type Outcome struct {
	Exit    pvm.Exit
	Machine pvm.Machine // without memory
}

func (d *Difference) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "exit %d\n got %v\nwant %v\n", d.Exit, d.Got, d.Want)
	if d.Memory {
		fmt.Fprintf(&b, "memory differs, first on page %#x\n", d.Page)
	}
	return b.String()
}

func (o Outcome) String() string {
	return fmt.Sprintf("%v %#x, pc %d gas %d regs %x", o.Exit.Reason, o.Exit.Arg, o.Machine.PC, o.Machine.Gas, o.Machine.Regs)
}

// String is the case as text, for failures and golden files.
func (c *Case) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "blob %s\npc %d\ngas %d\nseed %d\nexits %d\n", hex.EncodeToString(c.Blob), c.PC, c.Gas, c.Seed, c.Exits)
	for i, r := range c.Regs {
		fmt.Fprintf(&b, "r%d %#x\n", i, r)
	}
	for _, p := range c.Pages {
		fmt.Fprintf(&b, "pages %#x %d %d\n", p.First, p.Count, p.Access)
	}
	return b.String()
}

// Parse reads what Case.String wrote.
func Parse(text string) (*Case, error) {
	c := new(Case)
	for line := range strings.Lines(text) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		var err error
		var r int
		switch {
		case name == "blob":
			c.Blob, err = hex.DecodeString(rest)
		case name == "pc":
			_, err = fmt.Sscan(rest, &c.PC)
		case name == "gas":
			_, err = fmt.Sscan(rest, &c.Gas)
		case name == "seed":
			_, err = fmt.Sscan(rest, &c.Seed)
		case name == "exits":
			_, err = fmt.Sscan(rest, &c.Exits)
		case name == "pages":
			var p Pages
			_, err = fmt.Sscan(rest, &p.First, &p.Count, &p.Access)
			c.Pages = append(c.Pages, p)
		case strings.HasPrefix(name, "r"):
			if _, err = fmt.Sscanf(name, "r%d", &r); err == nil && r >= 0 && r < len(c.Regs) {
				_, err = fmt.Sscan(rest, &c.Regs[r])
			}
		default:
			err = errors.New("unknown")
		}
		if err != nil {
			return nil, fmt.Errorf("case: %q: %w", name, err)
		}
	}
	return c, nil
}

// Pair is two engines to be compared, with memories that are used again and again.
type Pair struct {
	subject, reference pvm.Engine
	mem, twin          *pvm.Memory
	Tally              Tally
}

// NewPair readies a comparison. Close it.
func NewPair(subject, reference pvm.Engine) *Pair {
	return &Pair{subject: subject, reference: reference, mem: subject.NewMemory(), twin: reference.NewMemory()}
}

// Close gives the memories back.
func (p *Pair) Close() {
	p.mem.Release()
	p.twin.Release()
}

// Check runs a case on both engines. It returns nil if they agree, or if the program does not decode.
func (p *Pair) Check(c *Case) *Difference {
	program, err := pvm.Decode(c.Blob)
	if err != nil {
		return nil
	}
	return p.CheckProgram(program, c)
}

// CheckProgram is Check with a program that was decoded before.
func (p *Pair) CheckProgram(program *pvm.Program, c *Case) *Difference {
	subject, err := p.subject.Compile(program)
	if err != nil {
		return &Difference{}
	}
	reference, err := p.reference.Compile(program)
	if err != nil {
		return &Difference{}
	}
	a := &pvm.Machine{Regs: c.Regs, PC: c.PC, Gas: c.Gas, Mem: p.mem}
	b := &pvm.Machine{Regs: c.Regs, PC: c.PC, Gas: c.Gas, Mem: p.twin}
	rng := random(c.Seed)
	c.layOut(p.mem, rng)
	rng = random(c.Seed)
	c.layOut(p.twin, rng)
	p.Tally.Cases++
	run := reference.Run
	if s, ok := reference.(pvm.Stepper); ok && p.Tally.Cases%countEach == 0 {
		run = func(m *pvm.Machine) pvm.Exit { return p.Tally.counted(program, s, m) }
	}
	for n := 0; ; n++ {
		gas := b.Gas
		got := Outcome{subject.Run(a), *a}
		want := Outcome{run(b), *b}
		got.Machine.Mem, want.Machine.Mem = nil, nil
		var page uint32
		differs := false
		if a.Mem.HeapEnd() < hugeHeap || b.Mem.HeapEnd() < hugeHeap { // or comparing takes a second
			page, differs = a.Mem.Differs(b.Mem)
		}
		if got != want || differs {
			return &Difference{n, got, want, page, differs}
		}
		p.Tally.Insts += gas - max(b.Gas, 0)
		p.Tally.Exits[want.Exit.Reason]++
		if n >= c.Exits || !resume(program, want.Exit, a, b, &rng) {
			return nil
		}
	}
}

// hugeHeap is how far sbrk may go before pages are no longer compared.
const hugeHeap = 1 << 26

// layOut gives a memory the case's pages, with some content on each.
func (c *Case) layOut(m *pvm.Memory, rng random) {
	m.Reset()
	for _, p := range c.Pages {
		m.Map(p.First, p.Count, pvm.Write)
		for i := range p.Count {
			var content [64]byte
			for at := range content {
				content[at] = byte(rng.next() >> 32)
			}
			base := uint64(p.First+i) * pvm.PageSize
			m.Write(base, content[:])
			m.Write(base+pvm.PageSize-uint64(len(content)), content[:])
		}
		m.Protect(p.First, p.Count, p.Access)
	}
}

// resume does what a host might do after an exit, to both machines alike, or reports that there is nothing to do.
func resume(program *pvm.Program, exit pvm.Exit, a, b *pvm.Machine, rng *random) bool {
	both := func(f func(m *pvm.Machine)) { f(a); f(b) }
	x := rng.next()
	switch exit.Reason {
	case pvm.HostCall:
		both(func(m *pvm.Machine) { m.Regs[x%pvm.Registers] = x })
		if x>>60 == 0 { // as the host call pages might, in the middle of a run
			both(func(m *pvm.Machine) { m.Mem.Protect(uint32(x>>8)%8+dataPage, 1, pvm.Access(x>>16%3)) })
		}
	case pvm.OutOfGas:
		both(func(m *pvm.Machine) { m.Gas = int64(x % 40) })
	case pvm.PageFault:
		access := pvm.Write
		if x>>62 == 0 {
			access = pvm.Read
		}
		both(func(m *pvm.Machine) { m.Mem.Protect(uint32(exit.Arg/pvm.PageSize), 1, access) })
	case pvm.Panic:
		fallthrough
	case pvm.Halt: // go on somewhere else
		pc := program.PC(uint32(x >> 8 % uint64(len(program.Insts))))
		if x&15 == 0 {
			pc += x >> 4 & 3
		}
		both(func(m *pvm.Machine) { m.PC = pc })
	}
	return true
}

// random is a small generator of numbers (splitmix64), the same on every platform and release.
type random uint64

func (r *random) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number below n.
func (r *random) below(n int) int { return int(r.next() >> 1 % uint64(n)) }

// chance is true once in n times.
func (r *random) chance(n int) bool { return r.below(n) == 0 }
