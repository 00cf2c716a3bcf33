package pvm

// Opcode is the first octet of an instruction.
type Opcode uint8

// The opcodes that the Gray Paper defines, U. GP §A.5. Every other value behaves as Trap.
const (
	Trap        Opcode = 0
	Fallthrough Opcode = 1

	Ecalli Opcode = 10

	LoadImm64 Opcode = 20

	StoreImmU8  Opcode = 30
	StoreImmU16 Opcode = 31
	StoreImmU32 Opcode = 32
	StoreImmU64 Opcode = 33

	Jump Opcode = 40

	JumpInd  Opcode = 50
	LoadImm  Opcode = 51
	LoadU8   Opcode = 52
	LoadI8   Opcode = 53
	LoadU16  Opcode = 54
	LoadI16  Opcode = 55
	LoadU32  Opcode = 56
	LoadI32  Opcode = 57
	LoadU64  Opcode = 58
	StoreU8  Opcode = 59
	StoreU16 Opcode = 60
	StoreU32 Opcode = 61
	StoreU64 Opcode = 62

	StoreImmIndU8  Opcode = 70
	StoreImmIndU16 Opcode = 71
	StoreImmIndU32 Opcode = 72
	StoreImmIndU64 Opcode = 73

	LoadImmJump  Opcode = 80
	BranchEqImm  Opcode = 81
	BranchNeImm  Opcode = 82
	BranchLtUImm Opcode = 83
	BranchLeUImm Opcode = 84
	BranchGeUImm Opcode = 85
	BranchGtUImm Opcode = 86
	BranchLtSImm Opcode = 87
	BranchLeSImm Opcode = 88
	BranchGeSImm Opcode = 89
	BranchGtSImm Opcode = 90

	MoveReg            Opcode = 100
	Sbrk               Opcode = 101
	CountSetBits64     Opcode = 102
	CountSetBits32     Opcode = 103
	LeadingZeroBits64  Opcode = 104
	LeadingZeroBits32  Opcode = 105
	TrailingZeroBits64 Opcode = 106
	TrailingZeroBits32 Opcode = 107
	SignExtend8        Opcode = 108
	SignExtend16       Opcode = 109
	ZeroExtend16       Opcode = 110
	ReverseBytes       Opcode = 111

	StoreIndU8    Opcode = 120
	StoreIndU16   Opcode = 121
	StoreIndU32   Opcode = 122
	StoreIndU64   Opcode = 123
	LoadIndU8     Opcode = 124
	LoadIndI8     Opcode = 125
	LoadIndU16    Opcode = 126
	LoadIndI16    Opcode = 127
	LoadIndU32    Opcode = 128
	LoadIndI32    Opcode = 129
	LoadIndU64    Opcode = 130
	AddImm32      Opcode = 131
	AndImm        Opcode = 132
	XorImm        Opcode = 133
	OrImm         Opcode = 134
	MulImm32      Opcode = 135
	SetLtUImm     Opcode = 136
	SetLtSImm     Opcode = 137
	ShloLImm32    Opcode = 138
	ShloRImm32    Opcode = 139
	SharRImm32    Opcode = 140
	NegAddImm32   Opcode = 141
	SetGtUImm     Opcode = 142
	SetGtSImm     Opcode = 143
	ShloLImmAlt32 Opcode = 144
	ShloRImmAlt32 Opcode = 145
	SharRImmAlt32 Opcode = 146
	CmovIzImm     Opcode = 147
	CmovNzImm     Opcode = 148
	AddImm64      Opcode = 149
	MulImm64      Opcode = 150
	ShloLImm64    Opcode = 151
	ShloRImm64    Opcode = 152
	SharRImm64    Opcode = 153
	NegAddImm64   Opcode = 154
	ShloLImmAlt64 Opcode = 155
	ShloRImmAlt64 Opcode = 156
	SharRImmAlt64 Opcode = 157
	RotR64Imm     Opcode = 158
	RotR64ImmAlt  Opcode = 159
	RotR32Imm     Opcode = 160
	RotR32ImmAlt  Opcode = 161

	BranchEq  Opcode = 170
	BranchNe  Opcode = 171
	BranchLtU Opcode = 172
	BranchLtS Opcode = 173
	BranchGeU Opcode = 174
	BranchGeS Opcode = 175

	LoadImmJumpInd Opcode = 180

	Add32      Opcode = 190
	Sub32      Opcode = 191
	Mul32      Opcode = 192
	DivU32     Opcode = 193
	DivS32     Opcode = 194
	RemU32     Opcode = 195
	RemS32     Opcode = 196
	ShloL32    Opcode = 197
	ShloR32    Opcode = 198
	SharR32    Opcode = 199
	Add64      Opcode = 200
	Sub64      Opcode = 201
	Mul64      Opcode = 202
	DivU64     Opcode = 203
	DivS64     Opcode = 204
	RemU64     Opcode = 205
	RemS64     Opcode = 206
	ShloL64    Opcode = 207
	ShloR64    Opcode = 208
	SharR64    Opcode = 209
	And        Opcode = 210
	Xor        Opcode = 211
	Or         Opcode = 212
	MulUpperSS Opcode = 213
	MulUpperUU Opcode = 214
	MulUpperSU Opcode = 215
	SetLtU     Opcode = 216
	SetLtS     Opcode = 217
	CmovIz     Opcode = 218
	CmovNz     Opcode = 219
	RotL64     Opcode = 220
	RotL32     Opcode = 221
	RotR64     Opcode = 222
	RotR32     Opcode = 223
	AndInv     Opcode = 224
	OrInv      Opcode = 225
	Xnor       Opcode = 226
	Max        Opcode = 227
	MaxU       Opcode = 228
	Min        Opcode = 229
	MinU       Opcode = 230
)
