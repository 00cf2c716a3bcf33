//go:build linux

#include "textflag.h"

// Offsets from GS of the fields of Context; layout.go has them by name, a test compares the two.
#define CTX_GAS -4096
#define CTX_ENTRY -4088
#define CTX_KIND -4072
#define CTX_FAULTPC -4064
#define CTX_FAULTAT -4056
#define CTX_NUDGED -4048

#define KIND_FAULT 255

// Offsets in the ucontext and siginfo that the kernel hands to a signal handler.
#define UC_R15 96
#define UC_RIP 168
#define SI_CODE 8
#define SI_ADDR 16

// func enter(base uintptr, regs *[13]uint64)
//
// Runs guest code until it returns. It loads every guest register from regs and stores it there again, and clobbers all
// registers but RSP and RBP, as ABI0 allows: the caller reloads R14 (g) and X15 after an ABI0 call. The guest never moves
// RSP, but for one return address. Neither the stack nor what regs points to can move meanwhile: a goroutine in guest
// code is at no safe point.
//
// Guest registers: r0..r12 = R12 RBP R9 R10 R11 RBX R14 RDI RSI RDX RAX R8 R13; gas in R15; RCX is scratch.
TEXT ·enter(SB), NOSPLIT, $8-16
	MOVQ base+0(FP), DI
	MOVQ regs+8(FP), BX
	RDGSBASEQ AX
	CMPQ AX, DI
	JEQ  ready // writing costs 12 ns, reading less than 1
	WRGSBASEQ DI

ready:
	MOVQ CTX_ENTRY(DI), CX
	MOVQ CTX_GAS(DI), R15
	MOVQ 0(BX), R12
	MOVQ 8(BX), BP
	MOVQ 16(BX), R9
	MOVQ 24(BX), R10
	MOVQ 32(BX), R11
	MOVQ 48(BX), R14
	MOVQ 56(BX), DI
	MOVQ 64(BX), SI
	MOVQ 72(BX), DX
	MOVQ 80(BX), AX
	MOVQ 88(BX), R8
	MOVQ 96(BX), R13
	MOVQ 40(BX), BX
	CALL CX
	MOVQ regs+8(FP), CX
	MOVQ R12, 0(CX)
	MOVQ BP, 8(CX)
	MOVQ R9, 16(CX)
	MOVQ R10, 24(CX)
	MOVQ R11, 32(CX)
	MOVQ BX, 40(CX)
	MOVQ R14, 48(CX)
	MOVQ DI, 56(CX)
	MOVQ SI, 64(CX)
	MOVQ DX, 72(CX)
	MOVQ AX, 80(CX)
	MOVQ R8, 88(CX)
	MOVQ R13, 96(CX)
	MOVQ base+0(FP), CX
	MOVQ R15, CTX_GAS(CX)
	RET

// faultStub is where a guest goes on after the handler below has seen it fault: it returns to enter.
TEXT ·faultStub(SB), NOSPLIT|NOFRAME, $0
	RDGSBASEQ CX
	MOVQ $KIND_FAULT, CTX_KIND(CX)
	RET

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

// func handlers() (segv, urg uintptr)
TEXT ·handlers(SB), NOSPLIT, $0-16
	LEAQ ·onSegv(SB), AX
	MOVQ AX, segv+0(FP)
	LEAQ ·onUrg(SB), AX
	MOVQ AX, urg+8(FP)
	RET
