//go:build linux

#include "textflag.h"

// Offsets from GS of the fields of Context; layout.go has them by name, a test compares the two.
#define CTX_R0 -4096
#define CTX_GAS -3992
#define CTX_ENTRY -3984
#define CTX_KIND -3960
#define CTX_FAULTPC -3952
#define CTX_FAULTAT -3944
#define CTX_NUDGED -3936

#define KIND_FAULT 255

// Offsets in the ucontext and siginfo that the kernel hands to a signal handler.
#define UC_R15 96
#define UC_RIP 168
#define SI_CODE 8
#define SI_ADDR 16

// func enter(base uintptr)
//
// Runs guest code until it leaves through exitStub. It loads every guest register from the context below base, and
// clobbers all registers but RSP and RBP, as ABI0 allows: the caller reloads R14 (g) and X15 after an ABI0 call. The
// guest never moves RSP, but for one return address.
//
// Guest registers: r0..r12 = R12 RBP R9 R10 R11 RBX R14 RDI RSI RDX RAX R8 R13; gas in R15; RCX is scratch.
TEXT ·enter(SB), NOSPLIT, $8-8
	MOVQ base+0(FP), DI
	RDGSBASEQ AX
	CMPQ AX, DI
	JEQ  ready // writing costs 12 ns, reading less than 1
	WRGSBASEQ DI

ready:
	MOVQ CTX_ENTRY(DI), CX
	MOVQ CTX_GAS(DI), R15
	MOVQ (CTX_R0+0)(DI), R12
	MOVQ (CTX_R0+8)(DI), BP
	MOVQ (CTX_R0+16)(DI), R9
	MOVQ (CTX_R0+24)(DI), R10
	MOVQ (CTX_R0+32)(DI), R11
	MOVQ (CTX_R0+40)(DI), BX
	MOVQ (CTX_R0+48)(DI), R14
	MOVQ (CTX_R0+64)(DI), SI
	MOVQ (CTX_R0+72)(DI), DX
	MOVQ (CTX_R0+80)(DI), AX
	MOVQ (CTX_R0+88)(DI), R8
	MOVQ (CTX_R0+96)(DI), R13
	MOVQ (CTX_R0+56)(DI), DI
	CALL CX
	RET

// exitStub is where guest code jumps to leave: it saves the registers and returns to enter.
TEXT ·exitStub(SB), NOSPLIT|NOFRAME, $0
	RDGSBASEQ CX
	MOVQ R15, CTX_GAS(CX)
	MOVQ R12, (CTX_R0+0)(CX)
	MOVQ BP, (CTX_R0+8)(CX)
	MOVQ R9, (CTX_R0+16)(CX)
	MOVQ R10, (CTX_R0+24)(CX)
	MOVQ R11, (CTX_R0+32)(CX)
	MOVQ BX, (CTX_R0+40)(CX)
	MOVQ R14, (CTX_R0+48)(CX)
	MOVQ DI, (CTX_R0+56)(CX)
	MOVQ SI, (CTX_R0+64)(CX)
	MOVQ DX, (CTX_R0+72)(CX)
	MOVQ AX, (CTX_R0+80)(CX)
	MOVQ R8, (CTX_R0+88)(CX)
	MOVQ R13, (CTX_R0+96)(CX)
	RET

// faultStub is where a guest goes on after the handler below has seen it fault.
TEXT ·faultStub(SB), NOSPLIT|NOFRAME, $0
	RDGSBASEQ CX
	MOVQ $KIND_FAULT, CTX_KIND(CX)
	JMP ·exitStub(SB)

// onSegv is the SIGSEGV handler, with the C calling convention: DI signal, SI siginfo, DX ucontext. Faults that are not
// the guest's go to Go's handler with its arguments untouched.
TEXT ·onSegv(SB), NOSPLIT|NOFRAME, $0
	MOVQ UC_RIP(DX), AX
	MOVQ AX, CX
	SUBQ ·arenaBase(SB), CX
	CMPQ CX, ·arenaLength(SB)
	JCC  chain
	CMPL SI_CODE(SI), $0 // sent by kill or tgkill, not by the hardware
	JLE  chain
	RDGSBASEQ CX
	MOVQ AX, CTX_FAULTPC(CX)
	MOVQ SI_ADDR(SI), AX
	MOVQ AX, CTX_FAULTAT(CX)
	LEAQ ·faultStub(SB), AX
	MOVQ AX, UC_RIP(DX)
	RET

chain:
	MOVQ ·goSegv(SB), AX
	JMP  AX

// onUrg is the SIGURG handler: Go sends that signal to a thread it wants to preempt. If the thread runs guest code, the
// next gas check is made to fail; Go's own handler then runs in any case.
TEXT ·onUrg(SB), NOSPLIT|NOFRAME, $0
	MOVQ UC_RIP(DX), AX
	SUBQ ·arenaBase(SB), AX
	CMPQ AX, ·arenaLength(SB)
	JCC  chain
	RDGSBASEQ CX
	CMPQ CTX_NUDGED(CX), $0
	JNE  chain
	MOVQ $1, CTX_NUDGED(CX)
	MOVQ $0x4000000000000000, AX
	SUBQ AX, UC_R15(DX)

chain:
	MOVQ ·goUrg(SB), AX
	JMP  AX

// func stubs() (exit, segv, urg uintptr)
TEXT ·stubs(SB), NOSPLIT, $0-24
	LEAQ ·exitStub(SB), AX
	MOVQ AX, exit+0(FP)
	LEAQ ·onSegv(SB), AX
	MOVQ AX, segv+8(FP)
	LEAQ ·onUrg(SB), AX
	MOVQ AX, urg+16(FP)
	RET
