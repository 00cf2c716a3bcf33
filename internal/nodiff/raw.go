package nodiff

import (
	"fmt"
	"slices"
	"strings"

	"damson/internal/codec"
	"damson/internal/pvm"
)

// Raw makes a case of random octets, which decode but make no sense.
func Raw(seed uint64) *Case {
	rng := random(seed ^ 0x5261775261775261)
	g := generator{&rng, nil, 1}
	size := 1 + rng.below(200)
	jumps := rng.below(8)
	blob := codec.AppendCount(nil, jumps)
	blob = append(blob, 2)
	blob = codec.AppendCount(blob, size)
	for range jumps {
		at := rng.below(size + 10)
		blob = append(blob, byte(at), byte(at>>8))
	}
	for range size {
		if rng.chance(2) {
			blob = append(blob, byte(opcodes[rng.below(len(opcodes))]))
		} else {
			blob = append(blob, byte(rng.next()))
		}
	}
	density := 1 + rng.below(8)
	for i := 0; i < size; i += 8 {
		var octet byte
		for j := i; j < min(size, i+8); j++ {
			if rng.chance(density) {
				octet |= 1 << (j - i)
			}
		}
		blob = append(blob, octet)
	}
	c := &Case{Blob: blob, Seed: rng.next(), Exits: rng.below(10), Gas: int64(rng.below(300))}
	for i := range c.Regs {
		c.Regs[i] = g.value()
	}
	for i := range uint32(dataPages) {
		c.Pages = append(c.Pages, Pages{dataPage + i, 1, pvm.Access(rng.below(3))})
	}
	if rng.chance(2) {
		c.PC = uint64(rng.below(size + 30))
	}
	return c
}

// Mutate changes a few octets of a program blob's code or mask, or none, and runs it from anywhere with little gas.
func Mutate(blob []byte, seed uint64) *Case {
	rng := random(seed ^ 0x4d75746174654d75)
	g := generator{&rng, nil, 1}
	c := &Case{Blob: slices.Clone(blob), Seed: rng.next(), Exits: rng.below(10), Gas: int64(rng.below(20_000))}
	for range rng.below(6) {
		at := 8 + rng.below(len(blob)-8)
		if rng.chance(2) {
			c.Blob[at] ^= 1 << rng.below(8)
		} else {
			c.Blob[at] = byte(opcodes[rng.below(len(opcodes))])
		}
	}
	for i := range c.Regs {
		c.Regs[i] = g.value()
	}
	c.Regs[0], c.Regs[1] = pvm.HaltAddress, dataStart+dataPages*pvm.PageSize
	c.Pages = []Pages{{16, 8, pvm.Write}, {dataPage, dataPages, pvm.Write}}
	if rng.chance(2) {
		c.PC = uint64(rng.below(len(blob)))
	}
	return c
}

// List is the program as text.
func List(blob []byte) string {
	p, err := pvm.Decode(blob)
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for i := range p.Insts {
		in := &p.Insts[i]
		fmt.Fprintf(&b, "%4d %5d %-20v A=%d B=%d D=%d X=%#x Y=%#x\n", i, p.PC(uint32(i)), in.Op, in.A, in.B, in.D, in.X, in.Y)
	}
	fmt.Fprintf(&b, "jump table %v\n", p.JumpTable)
	return b.String()
}
