package nodiff

import (
	"damson/internal/codec"
	"damson/internal/pvm"
)

// Program is a program in the making: instructions whose targets are instructions, so that some can be left out.
type Program struct {
	Insts []Inst
	Jumps []int // of the jump table: indices into Insts, or negative for places where nothing begins
	Rest  Case  // all but the blob
}

// Inst is an instruction. Target is an index into Program.Insts, or negative for one that lies nowhere good.
type Inst struct {
	Op      pvm.Opcode
	A, B, D uint8
	X, Y    uint64
	Target  int
	Size    uint8 // octets of immediates, as far as the format leaves a choice
}

// Case assembles the program.
func (p *Program) Case() *Case {
	places := make([]int, len(p.Insts)+1)
	for i := range p.Insts {
		places[i+1] = places[i] + len(p.Insts[i].encode(0))
	}
	var code, mask []byte
	mask = make([]byte, (places[len(p.Insts)]+7)/8)
	for i := range p.Insts {
		in := &p.Insts[i]
		mask[places[i]/8] |= 1 << (places[i] % 8)
		code = append(code, in.encode(p.place(places, in.Target)-places[i])...)
	}
	c := p.Rest
	c.Blob = codec.AppendCount(nil, len(p.Jumps))
	c.Blob = append(c.Blob, 4)
	c.Blob = codec.AppendCount(c.Blob, len(code))
	for _, target := range p.Jumps {
		at := p.place(places, target)
		c.Blob = append(c.Blob, byte(at), byte(at>>8), byte(at>>16), byte(at>>24))
	}
	c.Blob = append(c.Blob, code...)
	c.Blob = append(c.Blob, mask...)
	return &c
}

// place is where an instruction begins, or, for a negative number, somewhere in or behind the code.
func (p *Program) place(places []int, target int) int {
	end := places[len(places)-1]
	if target >= 0 && target < len(places) {
		return places[target]
	}
	return (-target*7 + 3) % (end + 40)
}

// encode is the instruction as octets; offset is how far its target is.
func (in *Inst) encode(offset int) []byte {
	size := int(in.Size%4) + 1
	b := []byte{byte(in.Op)}
	regs := in.A | in.B<<4
	switch pvm.Ops[in.Op].Format {
	case pvm.NoArgs:
	case pvm.OneImm:
		b = number(b, in.X, size)
	case pvm.OneRegExtImm:
		b = number(append(b, in.A), in.X, 8)
	case pvm.TwoImms:
		b = number(number(append(b, byte(size)), in.X, size), in.Y, 4)
	case pvm.OneOffset:
		b = number(b, uint64(offset), 4)
	case pvm.OneRegOneImm:
		b = number(append(b, in.A), in.X, size)
	case pvm.OneRegTwoImms:
		b = number(number(append(b, in.A|byte(size)<<4), in.X, size), in.Y, 4)
	case pvm.OneRegOneImmOneOffset:
		b = number(number(append(b, in.A|byte(size)<<4), in.X, size), uint64(offset), 4)
	case pvm.TwoRegs:
		b = append(b, in.D|in.A<<4)
	case pvm.TwoRegsOneImm:
		b = number(append(b, regs), in.X, size)
	case pvm.TwoRegsOneOffset:
		b = number(append(b, regs), uint64(offset), 4)
	case pvm.TwoRegsTwoImms:
		b = number(number(append(b, regs, byte(size)), in.X, size), in.Y, 4)
	case pvm.ThreeRegs:
		b = append(b, regs, in.D)
	}
	return b
}

func number(b []byte, x uint64, size int) []byte {
	for i := range size {
		b = append(b, byte(x>>(8*i)))
	}
	return b
}
