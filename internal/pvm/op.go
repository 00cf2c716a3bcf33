package pvm

// Op describes one instruction.
type Op struct {
	Name   string
	Format Format
	Flags  Flags
}

// Format is the way an instruction's operands are encoded, one for each table of GP §A.5.
type Format uint8

// The formats, and which fields of [Inst] they fill.
const (
	NoArgs                Format = iota
	OneImm                       // X
	OneRegExtImm                 // A X
	TwoImms                      // X Y
	OneOffset                    // Y is the target
	OneRegOneImm                 // A X
	OneRegTwoImms                // A X Y
	OneRegOneImmOneOffset        // A X, Y is the target
	TwoRegs                      // D A
	TwoRegsOneImm                // A B X
	TwoRegsOneOffset             // A B, Y is the target
	TwoRegsTwoImms               // A B X Y
	ThreeRegs                    // A B D
)

// Flags say what an instruction does beside computing.
type Flags uint16

// What an instruction does.
const (
	Ends          Flags = 1 << iota // terminates a basic block: the set T of GP §A.3
	Loads                           // reads memory
	Stores                          // writes memory
	Signed                          // the loaded value is sign-extended
	Branches                        // goes to Y under a condition
	Jumps                           // goes to Y always
	JumpsIndirect                   // goes where a register says, by the jump table
	CallsHost                       // leaves the machine, see [HostCall]
	Width1                          // octets of memory touched
	Width2
	Width4
	Width8
)

// Has reports whether all flags of want are set.
func (f Flags) Has(want Flags) bool { return f&want == want }

// Width is the number of octets of memory that the instruction touches, 0 for none.
func (f Flags) Width() uint32 { return uint32(f/Width1) & 15 }

// Valid reports whether the Gray Paper defines the opcode: the set U.
func (o Opcode) Valid() bool { return Ops[o].Name != "" }

// String is the Gray Paper's name of the instruction.
func (o Opcode) String() string {
	if !o.Valid() {
		return "invalid"
	}
	return Ops[o].Name
}
