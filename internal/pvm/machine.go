package pvm

// Registers is the number of registers of a machine.
const Registers = 13

// GasCap is more gas than any run can burn. A caller with a larger limit hands in GasCap and adds
// the difference back afterwards, which leaves engines room to do arithmetic on the counter.
const GasCap = 1 << 61

// Machine is the state of a run: everything that [Code.Run] reads and writes.
type Machine struct {
	Regs [Registers]uint64 // φ
	Gas  int64             // ϱ, at least 0 before a run; -1 after a run ends [OutOfGas]
	PC   uint64            // ı, see [Exit] for where it stands after a run
	Mem  *Memory           // μ
}

// Reason is the kind of an [Exit].
type Reason uint8

// The ways a run ends. GP §A.1.
const (
	Halt      Reason = iota // ∎: jumped to the halt address
	Panic                   // ☇
	OutOfGas                // ∞
	PageFault               // F: Arg is the address of the page, a multiple of PageSize
	HostCall                // h̵: Arg is the number of the host call
)

// String names the reason.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "unknown"
}

var reasonNames = [...]string{Halt: "halt", Panic: "panic", OutOfGas: "out of gas", PageFault: "page fault", HostCall: "host call"}

// Exit says how a run ended, ε of GP §A.1.
//
// Machine.PC then stands at the instruction which ended the run, and that instruction has changed
// nothing but the gas counter, so that a run may go on from there once the cause is removed. There
// is one exception: after [HostCall] it stands at the next instruction, because Ψ_H and the host
// call invoke both go on there. Gas of the instruction that ended the run is charged, except that
// the counter is -1 after [OutOfGas].
type Exit struct {
	Reason Reason
	Arg    uint64
}

// Counter is ı′ as Ψ returns it and as the host call invoke keeps it: 0 after a halt or a panic.
// GP §A.1.
func (e Exit) Counter(m *Machine) uint64 {
	if e.Reason == Halt || e.Reason == Panic {
		return 0
	}
	return m.PC
}

// Engine makes programs runnable. It is safe for concurrent use.
type Engine interface {
	// Compile prepares a program. The code may be run by many goroutines at once, each with a
	// machine of its own.
	Compile(*Program) (Code, error)
	// NewMemory returns a memory of the form that suits the engine best. It may still hold what it was
	// used for before: Start sets it up for a program, Reset empties it. Release it after use.
	NewMemory() *Memory
}

// Code is a program made runnable.
type Code interface {
	// Run is Ψ: it runs the machine from Machine.PC, which may be any number, until it stops.
	// Any memory will do, whichever engine it came from.
	Run(*Machine) Exit
}

// Stepper is code that can also stop by itself where a gas block begins. An engine that works on
// whole blocks uses it for the parts of a run that begin or end inside a block.
type Stepper interface {
	Code
	// RunToBlock runs at least one instruction and then until the machine stops, or stands before
	// the first instruction of one of Program.Blocks (false).
	RunToBlock(*Machine) (exit Exit, stopped bool)
}
