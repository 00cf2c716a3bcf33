package jit

// amdStubSize is what a call takes, so that the return address says which block could not be paid.
const amdStubSize = 5

// stubSize is that of the processor this process runs on.
const stubSize = amdStubSize

// hostBits are the bits of the guest registers in site.pending.
var hostBits = func() (t [16]uint16) {
	for r := range t {
		t[r] = bit(hostRegs[r])
	}
	return t
}()

// newAssembler returns what writes code for the processor this process runs on, if need be with a mistake planted.
func newAssembler(sabotage int) assembler {
	how := &lowerings
	if sabotage > 0 {
		how = sabotaged(sabotage)
	}
	return &lowerer{how: how}
}
