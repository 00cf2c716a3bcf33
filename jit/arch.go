package jit

import "runtime"

// onARM tells which processor this process runs on. Code for either can be written on both.
const onARM = runtime.GOARCH == "arm64"

// amdStubSize is what a call takes, so that the return address says which block could not be paid.
const amdStubSize = 5

// stubSize is amdStubSize or armStubSize.
var stubSize = func() uint32 {
	if onARM {
		return armStubSize
	}
	return amdStubSize
}()

// hostBits are the bits of the guest registers in site.pending.
var hostBits = func() (t [16]uint16) {
	for r := range uint8(16) {
		if t[r] = bit(host(r)); onARM {
			t[r] = bit(armHost(r))
		}
	}
	return t
}()

// newAssembler returns what writes code for the processor this process runs on, if need be with a mistake planted.
func newAssembler(sabotage int) assembler {
	if onARM {
		return &armLowerer{how: sabotaged(&armLowerings, &armSabotages, sabotage)}
	}
	return newLowerer(sabotaged(&lowerings, &sabotages, sabotage), true)
}
