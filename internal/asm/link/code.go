package link

import (
	"encoding/binary"
	"fmt"
	"slices"

	"damson/internal/asm"
	"damson/internal/pvm"
)

// maxCode is more code than anybody will run.
const maxCode = 1 << 24

// decodeAll decodes the code of the program.
func (l *linker) decodeAll() error {
	size := uint64(0)
	for _, s := range l.sections {
		if !s.executes() {
			continue
		}
		if size += uint64(len(s.data)); size > maxCode {
			return fail("%s: more than %d octets of code", s.at(0), maxCode)
		}
		if err := s.decode(); err != nil {
			return err
		}
		for i := range s.code {
			if s.code[i].high() {
				l.high.size = highSize
			}
			l.pads = l.pads || s.code[i].padHigh()
		}
		if s.file.linked && len(s.relocs) == 0 && needsRelocs(s.code) {
			return fail("%s: %s was linked without relocations: link it with -Wl,--emit-relocs, or take the object files",
				s.file.name, s.name)
		}
	}
	return nil
}

// needsRelocs reports whether code takes addresses.
func needsRelocs(code []inst) bool {
	for i := range code {
		if code[i].form == auipc {
			return true
		}
	}
	return false
}

func (s *section) decode() error {
	if s.data == nil && s.size > 0 {
		return fail("%s: code without content", s.at(0))
	}
	for at := uint64(0); at < s.size; {
		in, err := decodeAt(s.data[at:])
		if err != nil {
			return fail("%s: %w", s.at(at), err)
		}
		in.at = at
		s.code = append(s.code, in)
		at += uint64(in.size)
	}
	s.pcs = make([]uint32, len(s.code)+1)
	for i := range s.relocs {
		r := &s.relocs[i]
		switch r.kind {
		case relNone, relRelax, relAlign:
			continue
		}
		n, ok := s.find(r.offset)
		if !ok || n == len(s.code) {
			return fail("%s: a relocation within an instruction", s.at(r.offset))
		}
		if s.code[n].reloc != nil {
			return fail("%s: two relocations of an instruction", s.at(r.offset))
		}
		s.code[n].reloc = r
	}
	return nil
}

func decodeAt(code []byte) (inst, error) {
	if len(code) < 2 {
		return inst{}, fmt.Errorf("an octet is left")
	}
	half := binary.LittleEndian.Uint16(code)
	if half&3 != 3 {
		return decodeCompressed(half)
	}
	if len(code) < 4 {
		return inst{}, fmt.Errorf("half an instruction is left")
	}
	in, err := decode(binary.LittleEndian.Uint32(code))
	return in, err
}

// findTargets finds where jumps lead and what has its address taken: a basic block must begin there.
func (l *linker) findTargets() error {
	for _, at := range l.starts {
		if at.section != nil {
			l.places[l.label(at)] = true
		}
	}
	for _, s := range l.sections {
		for i := range s.code {
			in := &s.code[i]
			at, ok := s.local(i)
			if !ok {
				if in.form != branch && in.form != jal || in.reloc != nil {
					continue
				}
				at = place{s, in.at + uint64(in.imm)}
			}
			if err := l.checkCode(s, in.at, at); err != nil {
				return err
			}
			l.places[l.label(at)] = true
		}
		for i := range s.relocs {
			r := &s.relocs[i]
			switch r.kind {
			case relNone, relRelax, relAlign, relPCLoI, relPCLoS: // the latter name an auipc
				continue
			}
			at, err := l.find(s, r)
			if err != nil {
				return err
			}
			if at.section != nil && at.section.executes() {
				if err := l.checkCode(s, r.offset, at); err != nil {
					return err
				}
				l.places[l.label(at)] = true
			}
			if _, ok := l.gotAt[at]; r.kind == relGOTHi && !ok {
				l.gotAt[at] = l.got.size
				l.got.size += 8
			}
		}
	}
	return nil
}

// local is the place in the same section that auipc and the next instruction jump to or load the address of, if the
// assembler needed no relocation for that.
func (s *section) local(i int) (place, bool) {
	if i+1 >= len(s.code) {
		return place{}, false
	}
	in, next := &s.code[i], &s.code[i+1]
	if in.form != auipc || in.reloc != nil || next.reloc != nil || next.rs1 != in.rd {
		return place{}, false
	}
	if next.form != jalr && (next.form != immediate || next.op != pvm.AddImm64 || next.rd != in.rd) {
		return place{}, false
	}
	return place{s, in.at + uint64(in.imm+next.imm)}, true
}

// checkCode demands that a place in code is one where an instruction begins.
func (l *linker) checkCode(from *section, offset uint64, at place) error {
	if at.section == nil || !at.section.executes() {
		return nil
	}
	if n, ok := at.section.find(at.offset); !ok || n == len(at.section.code) {
		return fail("%s: it needs %s, where no instruction begins (is there data among the code?)", from.at(offset), at.section.at(at.offset))
	}
	return nil
}

// translate makes the code of the program.
func (l *linker) translate() error {
	l.t.low, l.t.high = guestRegisters, l.high.place
	l.enter()
	for _, s := range l.sections {
		for i := 0; i < len(s.code); i++ {
			in := &s.code[i]
			if label := l.label(place{s, in.at}); l.places[label] {
				l.t.begin(label)
			}
			s.pcs[i] = l.t.builder.PC()
			more, err := l.one(s, i)
			if err != nil {
				return fail("%s: %w", s.at(in.at), err)
			}
			for ; more > 0; more-- { // instructions that became one with this
				i++
				s.pcs[i] = l.t.builder.PC()
			}
		}
		if len(s.code) > 0 {
			s.pcs[len(s.code)] = l.t.builder.PC()
			if !pvm.Ops[l.t.last].Flags.Has(pvm.Ends) {
				l.t.op(pvm.Trap, asm.Operands{}) // who runs on here is lost
			}
		}
	}
	if err := l.fillData(); err != nil { // which takes the addresses of code that are left
		return err
	}
	l.layPads()
	if _, ok := l.jumps[lost]; ok {
		l.t.begin(lost)
		l.t.op(pvm.Trap, asm.Operands{})
	}
	return nil
}

// enter writes the entry points: jumps at the places 0 and 5.
func (l *linker) enter() {
	for i, at := range l.starts {
		for int(l.t.builder.PC()) < i*entrySize {
			l.t.op(pvm.Trap, asm.Operands{})
		}
		if at.section == nil {
			l.t.op(pvm.Trap, asm.Operands{})
			continue
		}
		l.t.op(pvm.Jump, asm.Operands{Target: l.label(at)})
	}
}

// one translates instruction i of a section, and perhaps some that follow it.
func (l *linker) one(s *section, i int) (more int, err error) {
	in := s.code[i] // a copy, whose immediate is changed
	if r := in.reloc; r != nil {
		switch r.kind {
		case relCall, relCallPLT:
			return l.call(s, i, r)
		case relBranch, relJAL, relRVCBranch, relRVCJump:
		default:
			return l.addressed(s, i, &in)
		}
	}
	if at, ok := s.local(i); ok && !l.places[l.label(place{s, s.code[i+1].at})] {
		next := s.code[i+1]
		if err := next.checkRegisters(); err != nil {
			return 0, err
		}
		if next.form == jalr {
			l.jump(s, i+2, next.rd, at)
			return 1, nil
		}
		next.form, next.imm = lui, int64(l.address(at))
		l.t.computed(&next)
		return 1, nil
	}
	if in.form == auipc {
		return 0, fmt.Errorf("auipc without a relocation: addresses of code are not known to the machine; link with -Wl,--emit-relocs")
	}
	if err := in.checkRegisters(); err != nil {
		return 0, err
	}
	switch {
	case in.form == branch || in.form == jal:
		return 0, l.direct(s, i, &in)
	case in.form == jalr:
		l.indirect(s, i, &in)
		return 0, nil
	case in.form == lui && i+1 < len(s.code) && l.mayJoin(s, i+1) && in.join(&s.code[i+1]):
		more = 1
	}
	l.t.computed(&in)
	return more, nil
}

// mayJoin reports whether an instruction has nothing that keeps it from becoming one with that before it.
func (l *linker) mayJoin(s *section, i int) bool {
	return s.code[i].reloc == nil && !l.places[l.label(place{s, s.code[i].at})]
}

// join makes lui one with an addition to what it has loaded.
func (in *inst) join(next *inst) bool {
	if next.form != immediate || next.rd != in.rd || next.rs1 != in.rd || next.rd == zero {
		return false
	}
	sum := in.imm + next.imm
	if next.op != pvm.AddImm32 && (next.op != pvm.AddImm64 || sum != int64(int32(sum))) {
		return false
	}
	in.imm = int64(int32(sum))
	return true
}

// direct translates branches and jumps to a place.
func (l *linker) direct(s *section, i int, in *inst) error {
	at := place{s, in.at + uint64(in.imm)}
	if in.reloc != nil {
		var err error
		if at, err = l.find(s, in.reloc); err != nil {
			return err
		}
	}
	if in.form == branch {
		l.t.branch(in, l.label(at))
		return nil
	}
	l.jump(s, i+1, in.rd, at)
	return nil
}

// jump goes to a place, and leaves in a register how to get to instruction next, unless that register is x0.
func (l *linker) jump(s *section, next int, rd uint8, at place) {
	if at.section == nil { // a function that need not be there, and is not
		l.t.op(pvm.Trap, asm.Operands{})
		return
	}
	if rd == zero {
		l.t.op(pvm.Jump, asm.Operands{Target: l.label(at)})
		return
	}
	l.t.op(pvm.LoadImmJump, asm.Operands{A: l.t.low[rd], X: l.returnAddress(s, next), Target: l.label(at)})
}

// returnAddress is the address for an indirect jump to instruction i, which the translation is about to begin.
func (l *linker) returnAddress(s *section, i int) uint64 {
	at := s.size
	if i < len(s.code) {
		at = s.code[i].at
	}
	label := l.label(place{s, at})
	if i == len(s.code) {
		return l.jumpAddress(lost)
	}
	l.places[label] = true
	return l.jumpAddress(label)
}

// lost is the label of a trap, for calls at the end of their section: what they call never returns.
const lost = "lost"

// call translates auipc and jalr that a relocation makes one.
func (l *linker) call(s *section, i int, r *reloc) (int, error) {
	if s.code[i].form == jal { // the linker has shortened it
		in := s.code[i]
		if err := in.checkRegisters(); err != nil {
			return 0, err
		}
		return 0, l.direct(s, i, &in)
	}
	if i+1 >= len(s.code) || s.code[i].form != auipc || s.code[i+1].form != jalr || l.places[l.label(place{s, s.code[i+1].at})] {
		return 0, fmt.Errorf("a relocation for a call, which is not auipc and jalr")
	}
	at, err := l.find(s, r)
	if err != nil {
		return 0, err
	}
	next := s.code[i+1]
	if err := (&inst{form: jal, rd: next.rd}).checkRegisters(); err != nil {
		return 0, err
	}
	l.jump(s, i+2, next.rd, at)
	return 1, nil
}

// indirect translates jumps to where a register says.
func (l *linker) indirect(s *section, i int, in *inst) {
	if in.rs1 == zero {
		l.t.op(pvm.Trap, asm.Operands{})
		return
	}
	a, x := l.t.low[in.rs1], uint64(in.imm)
	if l.pads && !in.returns() {
		l.t.put(padRegister, l.t.asideSlot(0))
		if in.rs1 >= firstHigh {
			a = padRegister
		}
	} else if in.rs1 >= firstHigh {
		a = l.t.low[in.rd] // which the call writes anyway
	}
	if in.rs1 >= firstHigh {
		l.t.get(a, l.t.slot(in.rs1))
	}
	if in.rd == zero {
		l.t.op(pvm.JumpInd, asm.Operands{A: a, X: x})
		return
	}
	l.t.op(pvm.LoadImmJumpInd, asm.Operands{A: l.t.low[in.rd], B: a, X: l.returnAddress(s, i+1), Y: x})
}

// addressed translates an instruction with a part of an address.
func (l *linker) addressed(s *section, i int, in *inst) (int, error) {
	r := in.reloc
	address, err := l.target(s, r)
	if err != nil {
		return 0, err
	}
	if int64(address) != int64(int32(address)) {
		return 0, fmt.Errorf("address %#x is beyond the reach of the code", address)
	}
	low := int64(address<<52) >> 52
	switch r.kind {
	case relHi, relPCHi, relGOTHi, relRVCLUI:
		if in.form != lui && in.form != auipc {
			return 0, fmt.Errorf("relocation %d is for lui and auipc", r.kind)
		}
		if in.imm = int64(int32(address) - int32(low)); i+1 < len(s.code) && in.joinLow(s, &s.code[i+1], l) {
			in.imm = int64(int32(address))
			if next := s.code[i+1]; next.form == load {
				next.rs1, next.imm = zero, in.imm
				*in = next
			}
			if err := in.checkRegisters(); err != nil {
				return 0, err
			}
			l.t.computed(in)
			return 1, nil
		}
	case relLoI, relPCLoI, relLoS, relPCLoS:
		if in.imm = low; in.rs1 == zero { // the linker has found that the address is small, where it was then
			in.imm = int64(int32(address))
		}
	case relGPI, relGPS:
		in.rs1, in.imm = zero, int64(int32(address))
	default:
		return 0, fmt.Errorf("relocation %d is not for code", r.kind)
	}
	if !slices.Contains([]form{lui, auipc, load, store, immediate, jalr}, in.form) {
		return 0, fmt.Errorf("relocation %d of an instruction without an immediate", r.kind)
	}
	if err := in.checkRegisters(); err != nil {
		return 0, err
	}
	if in.form == jalr {
		l.indirect(s, i, in)
		return 0, nil
	}
	l.t.computed(in)
	return 0, nil
}

// joinLow reports whether the next instruction adds the low part of the same address, in place, so that both are one.
func (in *inst) joinLow(s *section, next *inst, l *linker) bool {
	r := next.reloc
	if r == nil || next.rd != in.rd || next.rs1 != in.rd || in.rd == zero || l.places[l.label(place{s, next.at})] {
		return false
	}
	if next.form != load && (next.form != immediate || next.op != pvm.AddImm64) {
		return false
	}
	switch {
	case in.form == lui && r.kind == relLoI:
		return r.symbol == in.reloc.symbol && r.addend == in.reloc.addend
	case in.form == auipc && r.kind == relPCLoI:
		at, err := l.find(s, r)
		return err == nil && at == place{s, in.at}
	}
	return false
}

// target is the address that a relocation of code is about.
func (l *linker) target(s *section, r *reloc) (uint64, error) {
	at, err := l.find(s, r)
	if err != nil {
		return 0, err
	}
	switch r.kind {
	case relPCLoI, relPCLoS: // of the auipc there
		if at.section == nil {
			return 0, fmt.Errorf("a low part without its auipc")
		}
		n, ok := at.section.find(at.offset)
		if !ok || n == len(at.section.code) {
			return 0, fmt.Errorf("a low part without its auipc")
		}
		high := at.section.code[n].reloc
		if high == nil || high.kind != relPCHi && high.kind != relGOTHi {
			return 0, fmt.Errorf("a low part whose auipc has no relocation")
		}
		return l.target(at.section, high)
	case relGOTHi:
		return l.got.place + l.gotAt[at], nil
	case relGPI, relGPS:
		return l.byGlobalPointer(s, r, at)
	}
	return l.address(at), nil
}

// byGlobalPointer is the address that an instruction finds by the global pointer, which only a linker makes it do: the
// addend may have the pointer in it or not, so what counts is the instruction.
func (l *linker) byGlobalPointer(s *section, r *reloc, at place) (uint64, error) {
	n, ok := s.find(r.offset)
	if !ok || n == len(s.code) || at.section == nil {
		return 0, fmt.Errorf("a relocation by the global pointer of nothing")
	}
	for i := range s.file.symbols {
		if sym := &s.file.symbols[i]; sym.name == "__global_pointer$" {
			at.offset = sym.value + uint64(s.code[n].imm) - at.section.addr
			return l.address(at), nil
		}
	}
	return 0, fmt.Errorf("a relocation by the global pointer, and no symbol __global_pointer$")
}
