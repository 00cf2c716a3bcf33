package jit

import "damson/jit/amd64"

// Where the machine's parts are while amd64 code runs: package exec loads and saves them in this order. RSP is Go's.
const (
	scratch = amd64.RCX // free in every lowering; rotates take their count there
	gasReg  = amd64.R15 // ϱ of the block being run, already charged
)

// hostRegs maps guest registers. RBP has no short form without displacement, which the stack pointer (r1) rarely is;
// R12 as a base costs an octet, and the return address (r0) rarely is one. The rest follows how often compilers use them.
var hostRegs = [256]amd64.Reg{
	0:  amd64.R12,
	1:  amd64.RBP,
	2:  amd64.R9,
	3:  amd64.R10,
	4:  amd64.R11,
	5:  amd64.RBX,
	6:  amd64.R14,
	7:  amd64.RDI,
	8:  amd64.RSI,
	9:  amd64.RDX,
	10: amd64.RAX,
	11: amd64.R8,
	12: amd64.R13,
}

func host(guest uint8) amd64.Reg { return hostRegs[guest] }
