//go:build linux

#include "textflag.h"

// Offsets from the Context of its fields; layout.go has them by name, a test compares the two.
#define CTX_GAS 0
#define CTX_ENTRY 8
#define CTX_KIND 24
#define CTX_FAULTPC 32
#define CTX_FAULTAT 40
#define CTX_NUDGED 48

#define KIND_FAULT 255

// Offsets in the ucontext and siginfo that the kernel hands to a signal handler.
#define UC_R19 336
#define UC_R26 392
#define UC_PC 440
#define SI_CODE 8
#define SI_ADDR 16

// func enter(base uintptr, regs *[13]uint64)
//
// Runs guest code until it returns. It loads every guest register from regs and stores it there again, and clobbers all
// registers but RSP, R18, R28 (g) and R29, as ABI0 allows. The guest changes none of those four: a signal handler of Go's
// finds g in R28, whatever it interrupts. Neither the stack nor what regs points to can move meanwhile: a goroutine in
// guest code is at no safe point.
//
// Guest registers: r0..r12 = R0..R12; gas in R19; guest address 0 in R20; constants for the widths of stores in R21 to
// R23; the return address in R25, as guest code calls its stubs by R30; the Context in R26. R16, R17 and V16 are scratch.
TEXT ·enter(SB), NOSPLIT, $16-16
	MOVD base+0(FP), R20
	MOVD regs+8(FP), R17
	MOVWU ·isbOnEntry(SB), R16
	CBZ  R16, ready
	ISB  $15

ready:
	SUB  $4096, R20, R26
	MOVD CTX_ENTRY(R26), R16
	MOVD CTX_GAS(R26), R19
	MOVD $(1<<20), R21
	MOVD $(3<<20), R22
	MOVD $(7<<20), R23
	LDP  0(R17), (R0, R1)
	LDP  16(R17), (R2, R3)
	LDP  32(R17), (R4, R5)
	LDP  48(R17), (R6, R7)
	LDP  64(R17), (R8, R9)
	LDP  80(R17), (R10, R11)
	MOVD 96(R17), R12
	CALL ·jump(SB)
	MOVD regs+8(FP), R17
	STP  (R0, R1), 0(R17)
	STP  (R2, R3), 16(R17)
	STP  (R4, R5), 32(R17)
	STP  (R6, R7), 48(R17)
	STP  (R8, R9), 64(R17)
	STP  (R10, R11), 80(R17)
	MOVD R12, 96(R17)
	MOVD R19, CTX_GAS(R26)
	RET

// jump goes to the guest's code in R16, which returns to enter.
TEXT ·jump(SB), NOSPLIT|NOFRAME, $0
	MOVD R30, R25
	JMP  (R16)

// faultStub is where a guest goes on after the handler below has seen it fault: it returns to enter.
TEXT ·faultStub(SB), NOSPLIT|NOFRAME, $0
	MOVD $KIND_FAULT, R16
	MOVD R16, CTX_KIND(R26)
	JMP  (R25)

// onSegv is the SIGSEGV handler, with the C calling convention: R0 signal, R1 siginfo, R2 ucontext. Faults that are not
// the guest's go to Go's handler with its arguments untouched. The kernel restores all registers afterwards.
TEXT ·onSegv(SB), NOSPLIT|NOFRAME, $0
	MOVD UC_PC(R2), R3
	MOVD ·arenaBase(SB), R4
	MOVD ·arenaLength(SB), R5
	SUB  R4, R3, R4
	CMP  R5, R4
	BHS  chain
	MOVW SI_CODE(R1), R5 // not positive: sent by kill or tgkill, not by the hardware
	CMPW $0, R5
	BLE  chain
	MOVD UC_R26(R2), R4
	MOVD R3, CTX_FAULTPC(R4)
	MOVD SI_ADDR(R1), R5
	MOVD R5, CTX_FAULTAT(R4)
	MOVD $·faultStub(SB), R5
	MOVD R5, UC_PC(R2)
	RET

chain:
	MOVD ·goSegv(SB), R3
	JMP  (R3)

// onUrg is the SIGURG handler: Go sends that signal to a thread it wants to preempt. If the thread runs guest code, the
// next gas check is made to fail; Go's own handler then runs in any case.
TEXT ·onUrg(SB), NOSPLIT|NOFRAME, $0
	MOVD UC_PC(R2), R3
	MOVD ·arenaBase(SB), R4
	MOVD ·arenaLength(SB), R5
	SUB  R4, R3, R3
	CMP  R5, R3
	BHS  chain
	MOVD UC_R26(R2), R4
	MOVD CTX_NUDGED(R4), R5
	CBNZ R5, chain
	MOVD $1, R5
	MOVD R5, CTX_NUDGED(R4)
	MOVD UC_R19(R2), R5
	MOVD $0x4000000000000000, R6
	SUB  R6, R5, R5
	MOVD R5, UC_R19(R2)

chain:
	MOVD ·goUrg(SB), R3
	JMP  (R3)

// func handlers() (segv, urg uintptr)
TEXT ·handlers(SB), NOSPLIT, $0-16
	MOVD $·onSegv(SB), R0
	MOVD R0, segv+0(FP)
	MOVD $·onUrg(SB), R0
	MOVD R0, urg+8(FP)
	RET

// func flushCode(from, to uintptr)
//
// For each line of the data caches: clean it to where instructions are fetched from; then for each line of the
// instruction caches: forget it. CTR_EL0 has the shortest line of each kind, as a power of two of words.
TEXT ·flushCode(SB), NOSPLIT, $0-16
	MOVD from+0(FP), R0
	MOVD to+8(FP), R1
	WORD $0xd53b0022 // MRS CTR_EL0, R2
	MOVD $4, R3
	UBFX $16, R2, $4, R4
	LSL  R4, R3, R4  // octets in a line of data
	AND  $15, R2, R5
	LSL  R5, R3, R5  // octets in a line of instructions
	SUB  $1, R4, R6
	BIC  R6, R0, R7

clean:
	WORD $0xd50b7b27 // DC CVAU, R7
	ADD  R4, R7, R7
	CMP  R1, R7
	BLO  clean
	WORD $0xd5033b9f // DSB ISH
	SUB  $1, R5, R6
	BIC  R6, R0, R7

forget:
	WORD $0xd50b7527 // IC IVAU, R7
	ADD  R5, R7, R7
	CMP  R1, R7
	BLO  forget
	WORD $0xd5033b9f // DSB ISH
	ISB  $15
	RET
