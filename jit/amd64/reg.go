package amd64

// Reg is a general register, by its hardware number.
type Reg uint32

// The sixteen general registers.
const (
	RAX Reg = iota
	RCX
	RDX
	RBX
	RSP
	RBP
	RSI
	RDI
	R8
	R9
	R10
	R11
	R12
	R13
	R14
	R15
)

// Cond is a condition as it stands in the low four bits of Jcc, SETcc and CMOVcc.
type Cond uint32

// The conditions, by the comparison they follow.
const (
	Overflow       Cond = 0x0
	Below          Cond = 0x2 // unsigned <
	AboveOrEqual   Cond = 0x3 // unsigned ≥
	Equal          Cond = 0x4
	NotEqual       Cond = 0x5
	BelowOrEqual   Cond = 0x6 // unsigned ≤
	Above          Cond = 0x7 // unsigned >
	Negative       Cond = 0x8 // sign flag set
	NotNegative    Cond = 0x9 // sign flag clear
	Less           Cond = 0xc // signed <
	GreaterOrEqual Cond = 0xd // signed ≥
	LessOrEqual    Cond = 0xe // signed ≤
	Greater        Cond = 0xf // signed >
)

// Not returns the condition that holds when c does not.
func (c Cond) Not() Cond { return c ^ 1 }
