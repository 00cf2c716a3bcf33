//go:build !purego

#include "textflag.h"

// Groups are as in kernel_amd64.s.

DATA nibbles<>+0(SB)/8, $0x0f0f0f0f0f0f0f0f
GLOBL nibbles<>(SB), RODATA|NOPTR, $8

DATA lowOctets<>+0(SB)/8, $0x00ff00ff00ff00ff
GLOBL lowOctets<>(SB), RODATA|NOPTR, $8

// The tables of a factor are in Y0 to Y7: the low octets of its products with the four nibbles of a word, lowest nibble first,
// then the high octets. Y8 is the mask of nibbles.
#define TABLES(from) \
	VBROADCASTI128 0(from), Y0       \
	VBROADCASTI128 16(from), Y1      \
	VBROADCASTI128 32(from), Y2      \
	VBROADCASTI128 48(from), Y3      \
	VBROADCASTI128 64(from), Y4      \
	VBROADCASTI128 80(from), Y5      \
	VBROADCASTI128 96(from), Y6      \
	VBROADCASTI128 112(from), Y7     \
	VPBROADCASTQ   nibbles<>(SB), Y8

// Y9, Y10 become the sum of what they were and of the product with Y11, Y12.
#define ADDPRODUCT256 \
	VPAND   Y8, Y11, Y13  \
	VPSRLQ  $4, Y11, Y14  \
	VPAND   Y8, Y14, Y14  \
	VPSHUFB Y13, Y0, Y15  \
	VPXOR   Y15, Y9, Y9   \
	VPSHUFB Y13, Y4, Y15  \
	VPXOR   Y15, Y10, Y10 \
	VPSHUFB Y14, Y1, Y15  \
	VPXOR   Y15, Y9, Y9   \
	VPSHUFB Y14, Y5, Y15  \
	VPXOR   Y15, Y10, Y10 \
	VPAND   Y8, Y12, Y13  \
	VPSRLQ  $4, Y12, Y14  \
	VPAND   Y8, Y14, Y14  \
	VPSHUFB Y13, Y2, Y15  \
	VPXOR   Y15, Y9, Y9   \
	VPSHUFB Y13, Y6, Y15  \
	VPXOR   Y15, Y10, Y10 \
	VPSHUFB Y14, Y3, Y15  \
	VPXOR   Y15, Y9, Y9   \
	VPSHUFB Y14, Y7, Y15  \
	VPXOR   Y15, Y10, Y10

#define INVERSE256(at) \
	VMOVDQU at(DI), Y9         \
	VMOVDQU at+64(DI), Y10     \
	VPXOR   at(SI), Y9, Y11    \
	VPXOR   at+64(SI), Y10, Y12 \
	ADDPRODUCT256              \
	VMOVDQU Y11, at(SI)        \
	VMOVDQU Y12, at+64(SI)     \
	VMOVDQU Y9, at(DI)         \
	VMOVDQU Y10, at+64(DI)

#define FORWARD256(at) \
	VMOVDQU at(DI), Y9      \
	VMOVDQU at+64(DI), Y10  \
	VMOVDQU at(SI), Y11     \
	VMOVDQU at+64(SI), Y12  \
	ADDPRODUCT256           \
	VPXOR   Y9, Y11, Y11    \
	VPXOR   Y10, Y12, Y12   \
	VMOVDQU Y9, at(DI)      \
	VMOVDQU Y10, at+64(DI)  \
	VMOVDQU Y11, at(SI)     \
	VMOVDQU Y12, at+64(SI)

#define SCALE256(at) \
	VMOVDQU at(DI), Y11     \
	VMOVDQU at+64(DI), Y12  \
	VPXOR   Y9, Y9, Y9      \
	VPXOR   Y10, Y10, Y10   \
	ADDPRODUCT256           \
	VMOVDQU Y9, at(DI)      \
	VMOVDQU Y10, at+64(DI)

// func inverse256(x, y *byte, groups int, factor *[16]uint64)
// Requires: AVX2
TEXT ·inverse256(SB), NOSPLIT, $0-32
	MOVQ x+0(FP), DI
	MOVQ y+8(FP), SI
	MOVQ groups+16(FP), CX
	MOVQ factor+24(FP), AX
	TABLES(AX)

inverse:
	INVERSE256(0)
	INVERSE256(32)
	ADDQ $128, DI
	ADDQ $128, SI
	DECQ CX
	JNZ  inverse
	VZEROUPPER
	RET

// func forward256(x, y *byte, groups int, factor *[16]uint64)
// Requires: AVX2
TEXT ·forward256(SB), NOSPLIT, $0-32
	MOVQ x+0(FP), DI
	MOVQ y+8(FP), SI
	MOVQ groups+16(FP), CX
	MOVQ factor+24(FP), AX
	TABLES(AX)

forward:
	FORWARD256(0)
	FORWARD256(32)
	ADDQ $128, DI
	ADDQ $128, SI
	DECQ CX
	JNZ  forward
	VZEROUPPER
	RET

// func scale256(row *byte, groups int, factor *[16]uint64)
// Requires: AVX2
TEXT ·scale256(SB), NOSPLIT, $0-24
	MOVQ row+0(FP), DI
	MOVQ groups+8(FP), CX
	MOVQ factor+16(FP), AX
	TABLES(AX)

scale:
	SCALE256(0)
	SCALE256(32)
	ADDQ $128, DI
	DECQ CX
	JNZ  scale
	VZEROUPPER
	RET

// Both conversions read all before they write, so that they may be done in place.

// From the words in a and b to their low octets in low and their high ones in a.
#define SPLIT256(a, b, low, tmp) \
	VPAND     Y15, a, low   \
	VPAND     Y15, b, tmp   \
	VPSRLW    $8, a, a      \
	VPSRLW    $8, b, b      \
	VPACKUSWB tmp, low, low \
	VPACKUSWB b, a, a       \
	VPERMQ    $0xd8, low, low \
	VPERMQ    $0xd8, a, a

// func load256(row, words *byte, groups int)
// Requires: AVX2
TEXT ·load256(SB), NOSPLIT, $0-24
	MOVQ         row+0(FP), DI
	MOVQ         words+8(FP), SI
	MOVQ         groups+16(FP), CX
	VPBROADCASTQ lowOctets<>(SB), Y15

load:
	VMOVDQU      (SI), Y0
	VMOVDQU      32(SI), Y1
	VMOVDQU      64(SI), Y2
	VMOVDQU      96(SI), Y3
	SPLIT256(Y0, Y1, Y4, Y6)
	SPLIT256(Y2, Y3, Y5, Y6)
	VMOVDQU      Y4, (DI)
	VMOVDQU      Y5, 32(DI)
	VMOVDQU      Y0, 64(DI)
	VMOVDQU      Y2, 96(DI)
	ADDQ         $128, DI
	ADDQ         $128, SI
	DECQ         CX
	JNZ          load
	VZEROUPPER
	RET

// func store256(words, row *byte, groups int)
// Requires: AVX2
TEXT ·store256(SB), NOSPLIT, $0-24
	MOVQ words+0(FP), DI
	MOVQ row+8(FP), SI
	MOVQ groups+16(FP), CX

store:
	VPERMQ     $0xd8, (SI), Y0
	VPERMQ     $0xd8, 32(SI), Y1
	VPERMQ     $0xd8, 64(SI), Y2
	VPERMQ     $0xd8, 96(SI), Y3
	VPUNPCKLBW Y2, Y0, Y4
	VPUNPCKHBW Y2, Y0, Y5
	VPUNPCKLBW Y3, Y1, Y6
	VPUNPCKHBW Y3, Y1, Y7
	VMOVDQU    Y4, (DI)
	VMOVDQU    Y5, 32(DI)
	VMOVDQU    Y6, 64(DI)
	VMOVDQU    Y7, 96(DI)
	ADDQ       $128, DI
	ADDQ       $128, SI
	DECQ       CX
	JNZ        store
	VZEROUPPER
	RET
