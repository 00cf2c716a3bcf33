package arm64

// Reg is a general register, by its number. 31 is the zero register or the stack pointer, as the instruction has it;
// the emitted code never means the stack pointer.
type Reg uint8

// The registers that have names here. X0 to X30 are the numbers themselves.
const (
	X16 Reg = 16 // for use between linked procedures: nobody expects it to survive
	X17 Reg = 17
	LR  Reg = 30
	ZR  Reg = 31
)

// Cond is a condition as it stands in B.cond and CSEL.
type Cond uint8

// The conditions, by the comparison they follow.
const (
	Equal          Cond = 0
	NotEqual       Cond = 1
	AboveOrEqual   Cond = 2 // carry set: what ADDS leaves when it overflows 2^n
	Below          Cond = 3
	Above          Cond = 8
	BelowOrEqual   Cond = 9
	GreaterOrEqual Cond = 10
	Less           Cond = 11
	Greater        Cond = 12
	LessOrEqual    Cond = 13
)

// Not is the opposite condition.
func (c Cond) Not() Cond { return c ^ 1 }

// Shift is how the last operand of an instruction is shifted.
type Shift uint32

// The shifts.
const (
	LSL Shift = iota << 22
	LSR
	ASR
	ROR
)
