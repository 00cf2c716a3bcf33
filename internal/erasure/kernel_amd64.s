//go:build !purego

#include "textflag.h"

// A group is 128 octets: the low octets of 64 words, then the high octets. Pointers are to whole groups, and need no
// alignment.

// The four 8 by 8 bit matrices of a factor are in Z0 to Z3: low to low, high to low, low to high, high to high.
#define MATRICES(from) \
	VPBROADCASTQ 0(from), Z0  \
	VPBROADCASTQ 8(from), Z1  \
	VPBROADCASTQ 16(from), Z2 \
	VPBROADCASTQ 24(from), Z3

// Z8, Z9 and Z10, Z11 become the summands of the low and of the high octets of the product with Z6, Z7.
#define PRODUCT512 \
	VGF2P8AFFINEQB $0, Z0, Z6, Z8  \
	VGF2P8AFFINEQB $0, Z1, Z7, Z9  \
	VGF2P8AFFINEQB $0, Z2, Z6, Z10 \
	VGF2P8AFFINEQB $0, Z3, Z7, Z11

// func inverse512(x, y *byte, groups int, factor *[4]uint64)
// Requires: AVX512F, GFNI
TEXT ·inverse512(SB), NOSPLIT, $0-32
	MOVQ x+0(FP), DI
	MOVQ y+8(FP), SI
	MOVQ groups+16(FP), CX
	MOVQ factor+24(FP), AX
	MATRICES(AX)

inverse:
	VMOVDQU64  (DI), Z4
	VMOVDQU64  64(DI), Z5
	VPXORQ     (SI), Z4, Z6
	VPXORQ     64(SI), Z5, Z7
	PRODUCT512
	VMOVDQU64  Z6, (SI)
	VMOVDQU64  Z7, 64(SI)
	VPTERNLOGQ $0x96, Z8, Z9, Z4
	VPTERNLOGQ $0x96, Z10, Z11, Z5
	VMOVDQU64  Z4, (DI)
	VMOVDQU64  Z5, 64(DI)
	ADDQ       $128, DI
	ADDQ       $128, SI
	DECQ       CX
	JNZ        inverse
	VZEROUPPER
	RET

// func forward512(x, y *byte, groups int, factor *[4]uint64)
// Requires: AVX512F, GFNI
TEXT ·forward512(SB), NOSPLIT, $0-32
	MOVQ x+0(FP), DI
	MOVQ y+8(FP), SI
	MOVQ groups+16(FP), CX
	MOVQ factor+24(FP), AX
	MATRICES(AX)

forward:
	VMOVDQU64  (DI), Z4
	VMOVDQU64  64(DI), Z5
	VMOVDQU64  (SI), Z6
	VMOVDQU64  64(SI), Z7
	PRODUCT512
	VPTERNLOGQ $0x96, Z8, Z9, Z4
	VPTERNLOGQ $0x96, Z10, Z11, Z5
	VPXORQ     Z4, Z6, Z6
	VPXORQ     Z5, Z7, Z7
	VMOVDQU64  Z4, (DI)
	VMOVDQU64  Z5, 64(DI)
	VMOVDQU64  Z6, (SI)
	VMOVDQU64  Z7, 64(SI)
	ADDQ       $128, DI
	ADDQ       $128, SI
	DECQ       CX
	JNZ        forward
	VZEROUPPER
	RET

// Eight parts of a block are rows 0 to 7; the low octets of row i are in Z(2i), the high ones in Z(2i+1). R8 is the length of a
// part and R9 three times that. Factors stay in memory.

#define READ8(rows, half) \
	VMOVDQU64 (rows), Z0            \
	VMOVDQU64 64(rows), Z1          \
	VMOVDQU64 (rows)(R8*1), Z2      \
	VMOVDQU64 64(rows)(R8*1), Z3    \
	VMOVDQU64 (rows)(R8*2), Z4      \
	VMOVDQU64 64(rows)(R8*2), Z5    \
	VMOVDQU64 (rows)(R9*1), Z6      \
	VMOVDQU64 64(rows)(R9*1), Z7    \
	VMOVDQU64 (half), Z8            \
	VMOVDQU64 64(half), Z9          \
	VMOVDQU64 (half)(R8*1), Z10     \
	VMOVDQU64 64(half)(R8*1), Z11   \
	VMOVDQU64 (half)(R8*2), Z12     \
	VMOVDQU64 64(half)(R8*2), Z13   \
	VMOVDQU64 (half)(R9*1), Z14     \
	VMOVDQU64 64(half)(R9*1), Z15

#define WRITE8(rows, half) \
	VMOVDQU64 Z0, (rows)            \
	VMOVDQU64 Z1, 64(rows)          \
	VMOVDQU64 Z2, (rows)(R8*1)      \
	VMOVDQU64 Z3, 64(rows)(R8*1)    \
	VMOVDQU64 Z4, (rows)(R8*2)      \
	VMOVDQU64 Z5, 64(rows)(R8*2)    \
	VMOVDQU64 Z6, (rows)(R9*1)      \
	VMOVDQU64 Z7, 64(rows)(R9*1)    \
	VMOVDQU64 Z8, (half)            \
	VMOVDQU64 Z9, 64(half)          \
	VMOVDQU64 Z10, (half)(R8*1)     \
	VMOVDQU64 Z11, 64(half)(R8*1)   \
	VMOVDQU64 Z12, (half)(R8*2)     \
	VMOVDQU64 Z13, 64(half)(R8*2)   \
	VMOVDQU64 Z14, (half)(R9*1)     \
	VMOVDQU64 Z15, 64(half)(R9*1)

// Z16, Z17 and Z18, Z19 become the summands of the low and of the high octets of the product with low, high.
#define PRODUCT(low, high, at, factor) \
	VGF2P8AFFINEQB.BCST $0, at(factor), low, Z16     \
	VGF2P8AFFINEQB.BCST $0, at+8(factor), high, Z17  \
	VGF2P8AFFINEQB.BCST $0, at+16(factor), low, Z18  \
	VGF2P8AFFINEQB.BCST $0, at+24(factor), high, Z19

#define INVERSE(xlow, xhigh, ylow, yhigh, at, factor) \
	VPXORQ     xlow, ylow, ylow            \
	VPXORQ     xhigh, yhigh, yhigh         \
	PRODUCT(ylow, yhigh, at, factor)       \
	VPTERNLOGQ $0x96, Z16, Z17, xlow       \
	VPTERNLOGQ $0x96, Z18, Z19, xhigh

#define FORWARD(xlow, xhigh, ylow, yhigh, at, factor) \
	PRODUCT(ylow, yhigh, at, factor)       \
	VPTERNLOGQ $0x96, Z16, Z17, xlow       \
	VPTERNLOGQ $0x96, Z18, Z19, xhigh      \
	VPXORQ     xlow, ylow, ylow            \
	VPXORQ     xhigh, yhigh, yhigh

// The butterfly, in either direction, whose factor is zero.
#define ZERO(xlow, xhigh, ylow, yhigh) \
	VPXORQ     xlow, ylow, ylow            \
	VPXORQ     xhigh, yhigh, yhigh

// The three levels of a block, narrow to wide: four factors, two, one. BUTTERFLY is one of those above. The factors that are zero
// in the first block are FIRST.
#define NARROW(BUTTERFLY) \
	BUTTERFLY(Z4, Z5, Z6, Z7, 32, R12)     \
	BUTTERFLY(Z8, Z9, Z10, Z11, 64, R12)   \
	BUTTERFLY(Z12, Z13, Z14, Z15, 96, R12)

#define MIDDLE(BUTTERFLY) \
	BUTTERFLY(Z8, Z9, Z12, Z13, 32, R11)   \
	BUTTERFLY(Z10, Z11, Z14, Z15, 32, R11)

#define FIRSTMIDDLE(BUTTERFLY) \
	BUTTERFLY(Z0, Z1, Z4, Z5, 0, R11)      \
	BUTTERFLY(Z2, Z3, Z6, Z7, 0, R11)

#define WIDE(BUTTERFLY) \
	BUTTERFLY(Z0, Z1, Z8, Z9, 0, R10)      \
	BUTTERFLY(Z2, Z3, Z10, Z11, 0, R10)    \
	BUTTERFLY(Z4, Z5, Z12, Z13, 0, R10)    \
	BUTTERFLY(Z6, Z7, Z14, Z15, 0, R10)

#define ZEROMIDDLE \
	ZERO(Z0, Z1, Z4, Z5)   \
	ZERO(Z2, Z3, Z6, Z7)

#define ZEROWIDE \
	ZERO(Z0, Z1, Z8, Z9)   \
	ZERO(Z2, Z3, Z10, Z11) \
	ZERO(Z4, Z5, Z12, Z13) \
	ZERO(Z6, Z7, Z14, Z15)

// From the index of the first block in BX and all factors in AX: R10 to the one factor of the block's widest level, R11 to the two of
// the next one, R12 to the four of the narrowest.
#define BLOCKFACTORS \
	MOVQ BX, R10         \
	SHLQ $5, R10         \
	LEAQ (AX)(R10*2), R11 \
	LEAQ (AX)(R10*4), R12 \
	ADDQ AX, R10

// func inverse8x512(rows *byte, part, blocks int, factors *[4]uint64, first int)
// Requires: AVX512F, GFNI
TEXT ·inverse8x512(SB), NOSPLIT, $0-40
	MOVQ rows+0(FP), DI
	MOVQ part+8(FP), R8
	MOVQ blocks+16(FP), CX
	MOVQ factors+24(FP), AX
	MOVQ first+32(FP), BX
	LEAQ (R8)(R8*2), R9
	BLOCKFACTORS

block:
	LEAQ  (DI)(R8*4), SI
	MOVQ  R8, DX
	TESTQ BX, BX
	JZ    zero

group:
	READ8(DI, SI)
	INVERSE(Z0, Z1, Z2, Z3, 0, R12)
	NARROW(INVERSE)
	FIRSTMIDDLE(INVERSE)
	MIDDLE(INVERSE)
	WIDE(INVERSE)
	WRITE8(DI, SI)
	ADDQ $128, DI
	ADDQ $128, SI
	SUBQ $128, DX
	JNZ  group

next:
	LEAQ (SI)(R9*1), DI
	ADDQ $32, R10
	ADDQ $64, R11
	ADDQ $128, R12
	INCQ BX
	DECQ CX
	JNZ  block
	VZEROUPPER
	RET

zero:
	READ8(DI, SI)
	ZERO(Z0, Z1, Z2, Z3)
	NARROW(INVERSE)
	ZEROMIDDLE
	MIDDLE(INVERSE)
	ZEROWIDE
	WRITE8(DI, SI)
	ADDQ $128, DI
	ADDQ $128, SI
	SUBQ $128, DX
	JNZ  zero
	JMP  next

// func forward8x512(to, from *byte, part, blocks int, factors *[4]uint64, first int)
// Requires: AVX512F, GFNI
TEXT ·forward8x512(SB), NOSPLIT, $0-48
	MOVQ to+0(FP), DI
	MOVQ from+8(FP), R13
	MOVQ part+16(FP), R8
	MOVQ blocks+24(FP), CX
	MOVQ factors+32(FP), AX
	MOVQ first+40(FP), BX
	LEAQ (R8)(R8*2), R9
	BLOCKFACTORS

block:
	LEAQ  (DI)(R8*4), SI
	LEAQ  (R13)(R8*4), AX
	MOVQ  R8, DX
	TESTQ BX, BX
	JZ    zero

group:
	READ8(R13, AX)
	WIDE(FORWARD)
	FIRSTMIDDLE(FORWARD)
	MIDDLE(FORWARD)
	FORWARD(Z0, Z1, Z2, Z3, 0, R12)
	NARROW(FORWARD)
	WRITE8(DI, SI)
	ADDQ $128, DI
	ADDQ $128, SI
	ADDQ $128, R13
	ADDQ $128, AX
	SUBQ $128, DX
	JNZ  group

next:
	LEAQ (SI)(R9*1), DI
	LEAQ (AX)(R9*1), R13
	ADDQ $32, R10
	ADDQ $64, R11
	ADDQ $128, R12
	INCQ BX
	DECQ CX
	JNZ  block
	VZEROUPPER
	RET

zero:
	READ8(R13, AX)
	ZEROWIDE
	ZEROMIDDLE
	MIDDLE(FORWARD)
	ZERO(Z0, Z1, Z2, Z3)
	NARROW(FORWARD)
	WRITE8(DI, SI)
	ADDQ $128, DI
	ADDQ $128, SI
	ADDQ $128, R13
	ADDQ $128, AX
	SUBQ $128, DX
	JNZ  zero
	JMP  next

// func scale512(row *byte, groups int, factor *[4]uint64)
// Requires: AVX512F, GFNI
TEXT ·scale512(SB), NOSPLIT, $0-24
	MOVQ row+0(FP), DI
	MOVQ groups+8(FP), CX
	MOVQ factor+16(FP), AX
	MATRICES(AX)

scale:
	VMOVDQU64 (DI), Z6
	VMOVDQU64 64(DI), Z7
	PRODUCT512
	VPXORQ    Z8, Z9, Z8
	VPXORQ    Z10, Z11, Z10
	VMOVDQU64 Z8, (DI)
	VMOVDQU64 Z10, 64(DI)
	ADDQ      $128, DI
	DECQ      CX
	JNZ       scale
	VZEROUPPER
	RET

// func load512(row, words *byte, groups int)
// Requires: AVX512F, AVX512BW
TEXT ·load512(SB), NOSPLIT, $0-24
	MOVQ row+0(FP), DI
	MOVQ words+8(FP), SI
	MOVQ groups+16(FP), CX

load:
	VMOVDQU64 (SI), Z0
	VMOVDQU64 64(SI), Z1
	VPMOVWB   Z0, (DI)
	VPMOVWB   Z1, 32(DI)
	VPSRLW    $8, Z0, Z0
	VPSRLW    $8, Z1, Z1
	VPMOVWB   Z0, 64(DI)
	VPMOVWB   Z1, 96(DI)
	ADDQ      $128, DI
	ADDQ      $128, SI
	DECQ      CX
	JNZ       load
	VZEROUPPER
	RET

// func store512(words, row *byte, groups int)
// Requires: AVX512F, AVX512BW
TEXT ·store512(SB), NOSPLIT, $0-24
	MOVQ words+0(FP), DI
	MOVQ row+8(FP), SI
	MOVQ groups+16(FP), CX

store:
	VPMOVZXBW (SI), Z0
	VPMOVZXBW 32(SI), Z1
	VPMOVZXBW 64(SI), Z2
	VPMOVZXBW 96(SI), Z3
	VPSLLW    $8, Z2, Z2
	VPSLLW    $8, Z3, Z3
	VPORQ     Z2, Z0, Z0
	VPORQ     Z3, Z1, Z1
	VMOVDQU64 Z0, (DI)
	VMOVDQU64 Z1, 64(DI)
	ADDQ      $128, DI
	ADDQ      $128, SI
	DECQ      CX
	JNZ       store
	VZEROUPPER
	RET
