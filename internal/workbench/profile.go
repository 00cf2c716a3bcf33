package workbench

import (
	"fmt"
	"io"
	"slices"
	"strconv"

	"damson/internal/pvm"

	"github.com/google/pprof/profile"
)

// Bounds on what a profile keeps: deeper calls, and more ways to call, are counted for who makes them.
const (
	maxFrames = 1 << 16
	maxNodes  = 1 << 16
)

// Profile is what a run has spent where.
type Profile struct {
	Steps  int64        `json:"instructions"`
	Gas    int64        `json:"gas"`
	Blocks []BlockCount `json:"blocks"` // those that ran, in the order of the code

	session *Session
	root    *node
	count   int // of nodes
}

// BlockCount is what a basic block has spent.
type BlockCount struct {
	PC           uint64 `json:"pc"`
	Function     string `json:"function,omitempty"`
	Runs         int64  `json:"runs"`
	Instructions int64  `json:"instructions"`
	Gas          int64  `json:"gas"`
}

// node is a function as it was called by a chain of others. A function that calls itself, directly or not, is one
// node, so that recursion does not make the tree deep.
type node struct {
	entry    uint64 // where the function begins
	from     uint64 // the call, in the parent
	parent   *node
	children map[[2]uint64]*node
	blocks   map[uint32]int64 // instructions, by the first of the block
}

// frame is a call that has not returned.
type frame struct {
	caller *node
	back   uint64 // where it returns to
}

// Profile runs a program block by block and counts.
func (s *Session) Profile(engine pvm.Engine) (*Profile, *pvm.Machine, pvm.Exit, error) {
	m, code, err := s.start(engine)
	if err != nil {
		return nil, nil, pvm.Exit{}, err
	}
	stepper, ok := code.(pvm.Stepper)
	if !ok {
		return nil, nil, pvm.Exit{}, fmt.Errorf("workbench: the engine cannot stop between blocks")
	}
	root := &node{entry: s.Entry, blocks: map[uint32]int64{}, children: map[[2]uint64]*node{}}
	if at, _, ok := s.follow(s.Entry); ok { // entry points are jumps to functions
		root.entry = at
	}
	p := &Profile{session: s, root: root, count: 1}
	runs := map[uint32]*BlockCount{}
	at, frames := root, []frame(nil)
	for {
		before, first := m.Gas, uint32(0)
		if first, ok = s.Image.Program.Index(m.PC); !ok {
			first = uint32(len(s.Image.Program.Insts) - 1)
		}
		exit, stopped := stepper.RunToBlock(m)
		used := before - max(m.Gas, 0)
		b := runs[first]
		if b == nil {
			pc := s.Image.Program.PC(first)
			b = &BlockCount{PC: pc, Function: s.function(pc)}
			runs[first] = b
		}
		b.Runs++
		b.Instructions += used / pvm.Cost
		b.Gas += used
		at.blocks[first] += used
		p.Gas += used
		p.Steps += used / pvm.Cost
		if stopped && !s.answers(m, exit) {
			for _, b := range runs {
				p.Blocks = append(p.Blocks, *b)
			}
			slices.SortFunc(p.Blocks, func(a, b BlockCount) int { return int(int64(a.PC) - int64(b.PC)) })
			return p, m, exit, nil
		}
		if !stopped && used > 0 {
			at, frames = p.moved(at, frames, first+uint32(used/pvm.Cost)-1, m.PC)
		}
	}
}

// follow is where a jump at a place leads.
func (s *Session) follow(pc uint64) (to uint64, in pvm.Inst, ok bool) {
	i, ok := s.Image.Program.Index(pc)
	if !ok {
		return 0, in, false
	}
	in = s.Image.Program.Insts[i]
	if in.Op != pvm.Jump || in.Y == pvm.NoTarget {
		return 0, in, false
	}
	return s.Image.Program.PC(in.Y), in, true
}

func (s *Session) function(pc uint64) string {
	sym, _ := s.Symbols.Find(uint32(pc))
	return sym.Name
}

// moved follows calls and returns. The last instruction of the block has led to pc.
func (p *Profile) moved(at *node, frames []frame, last uint32, pc uint64) (*node, []frame) {
	program := p.session.Image.Program
	in := &program.Insts[last]
	if in.Op == pvm.LoadImmJump || in.Op == pvm.LoadImmJumpInd {
		back := program.Djump(uint32(in.X))
		if back != last+1 || len(frames) >= maxFrames {
			return at, frames
		}
		return p.callee(at, pc, program.PC(last)), append(frames, frame{at, program.PC(back)})
	}
	for i := len(frames) - 1; i >= 0 && in.Op == pvm.JumpInd; i-- {
		if frames[i].back == pc {
			return frames[i].caller, frames[:i]
		}
	}
	return at, frames
}

// callee is the node of a function that another calls.
func (p *Profile) callee(caller *node, entry, from uint64) *node {
	for n := caller; n != nil; n = n.parent {
		if n.entry == entry {
			return n
		}
	}
	key := [2]uint64{entry, from}
	if n := caller.children[key]; n != nil {
		return n
	}
	if p.count >= maxNodes {
		return caller
	}
	p.count++
	n := &node{entry: entry, from: from, parent: caller, blocks: map[uint32]int64{}, children: map[[2]uint64]*node{}}
	caller.children[key] = n
	return n
}

// WritePprof writes the profile for go tool pprof: gas and instructions, by function and basic block. The line of a place is its
// number in the code.
func (p *Profile) WritePprof(w io.Writer, name string) error {
	out := &profile.Profile{
		SampleType:        []*profile.ValueType{{Type: "instructions", Unit: "count"}, {Type: "gas", Unit: "count"}},
		DefaultSampleType: "gas",
		PeriodType:        &profile.ValueType{Type: "instructions", Unit: "count"},
		Period:            1,
		Mapping:           []*profile.Mapping{{ID: 1, Limit: uint64(len(p.session.Image.Program.Code())), File: name, HasFunctions: true}},
	}
	b := &pprofBuilder{out: out, session: p.session, functions: map[uint64]*profile.Function{}, locations: map[[2]uint64]*profile.Location{}}
	b.add(p.root, nil)
	if err := out.CheckValid(); err != nil {
		return err
	}
	return out.Write(w)
}

type pprofBuilder struct {
	out       *profile.Profile
	session   *Session
	functions map[uint64]*profile.Function    // by entry
	locations map[[2]uint64]*profile.Location // by entry and place
}

// add adds a node's samples and its children's. callers are the calls that led there, the last one first.
func (b *pprofBuilder) add(n *node, callers []*profile.Location) {
	firsts := make([]uint32, 0, len(n.blocks))
	for first := range n.blocks {
		firsts = append(firsts, first)
	}
	slices.Sort(firsts)
	for _, first := range firsts {
		leaf := b.location(n.entry, b.session.Image.Program.PC(first))
		b.out.Sample = append(b.out.Sample, &profile.Sample{
			Location: append([]*profile.Location{leaf}, callers...),
			Value:    []int64{n.blocks[first] / pvm.Cost, n.blocks[first]},
		})
	}
	for _, child := range sorted(n.children) {
		b.add(child, append([]*profile.Location{b.location(n.entry, child.from)}, callers...))
	}
}

func sorted(children map[[2]uint64]*node) (nodes []*node) {
	for _, n := range children {
		nodes = append(nodes, n)
	}
	slices.SortFunc(nodes, func(a, b *node) int {
		if a.from != b.from {
			return int(int64(a.from) - int64(b.from))
		}
		return int(int64(a.entry) - int64(b.entry))
	})
	return nodes
}

func (b *pprofBuilder) location(entry, pc uint64) *profile.Location {
	key := [2]uint64{entry, pc}
	if l := b.locations[key]; l != nil {
		return l
	}
	l := &profile.Location{
		ID: uint64(len(b.out.Location) + 1), Mapping: b.out.Mapping[0], Address: pc,
		Line: []profile.Line{{Function: b.function(entry, pc), Line: int64(pc)}},
	}
	b.locations[key] = l
	b.out.Location = append(b.out.Location, l)
	return l
}

// function is the function that a place belongs to: by the symbols, or else the one that was called.
func (b *pprofBuilder) function(entry, pc uint64) *profile.Function {
	name := "at_" + strconv.FormatUint(entry, 16)
	switch sym, ok := b.session.Symbols.Find(uint32(pc)); {
	case ok && sym.Size > 0:
		name, entry = sym.Name, uint64(sym.PC)
	case b.session.Symbols.At(uint32(entry)) != "": // a label, as assembler has them within functions too
		name = b.session.Symbols.At(uint32(entry))
	}
	if f := b.functions[entry]; f != nil {
		return f
	}
	f := &profile.Function{
		ID: uint64(len(b.out.Function) + 1), Name: name, SystemName: name,
		Filename: b.out.Mapping[0].File, StartLine: int64(entry),
	}
	b.functions[entry] = f
	b.out.Function = append(b.out.Function, f)
	return f
}
