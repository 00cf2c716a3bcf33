package exec

import "runtime"

// traps is an instruction that stops the process, for the code's length: INT3 four times, or BRK.
var traps = map[string][4]byte{
	"amd64": {0xcc, 0xcc, 0xcc, 0xcc},
	"arm64": {0x00, 0x00, 0x20, 0xd4},
}[runtime.GOARCH]

// FillTraps writes instructions that must never be run.
func FillTraps(code []byte) {
	n := copy(code, traps[:])
	for ; n < len(code) && n < PageSize; n *= 2 {
		copy(code[n:], code[:n])
	}
	for first := code[:min(n, len(code))]; n < len(code); n += len(first) {
		copy(code[n:], first)
	}
}
