package link

import (
	"fmt"

	"damson/internal/pvm"
)

// form is what an instruction does, as far as translating it asks.
type form uint8

const (
	nothing   form = iota // no effect here: fences and hints
	trap                  // ebreak, unimp
	three                 // rd = rs1 op rs2
	two                   // rd = op rs1
	immediate             // rd = rs1 op imm
	load                  // rd = memory at rs1 + imm
	store                 // memory at rs1 + imm = rs2
	branch                // to imm from here if rs1 op rs2
	lui                   // rd = imm
	auipc                 // rd = here + imm
	jal                   // rd = next, to imm from here
	jalr                  // rd = next, to rs1 + imm
	hostCall              // call of the host, number imm
	sbrk                  // rd = sbrk(rs1)
)

// inst is an instruction of RV64, decoded.
type inst struct {
	at           uint64 // offset in its section
	size         uint8
	form         form
	rd, rs1, rs2 uint8
	op           pvm.Opcode // what does the same, on registers or with an immediate
	imm          int64
	reloc        *reloc // what its immediate is made of
}

// The major opcodes of RV64 that are translated.
const (
	majorLoad    = 0x03
	majorHost    = 0x0b // custom-0
	majorFence   = 0x0f
	majorImm     = 0x13
	majorAUIPC   = 0x17
	majorImm32   = 0x1b
	majorStore   = 0x23
	majorOp      = 0x33
	majorLUI     = 0x37
	majorOp32    = 0x3b
	majorBranch  = 0x63
	majorJALR    = 0x67
	majorJAL     = 0x6f
	majorSystem  = 0x73
	wordECALL    = 0x00000073
	wordEBREAK   = 0x00100073
	wordUnimp    = 0xc0001073 // csrrw x0, cycle, x0, which compilers write for what cannot be reached
	functHost    = 0
	functSbrk    = 1
	hostCallHelp = `calls of the host are written ".4byte 0xb | NUMBER << 20", see "damson pvm link --help"`
)

// registerOps are the instructions of three registers, by funct7 and funct3. M, and Zbb from 0x20 on.
var registerOps = map[[2]uint32]pvm.Opcode{
	{0x00, 0}: pvm.Add64, {0x00, 1}: pvm.ShloL64, {0x00, 2}: pvm.SetLtS, {0x00, 3}: pvm.SetLtU,
	{0x00, 4}: pvm.Xor, {0x00, 5}: pvm.ShloR64, {0x00, 6}: pvm.Or, {0x00, 7}: pvm.And,
	{0x20, 0}: pvm.Sub64, {0x20, 5}: pvm.SharR64,
	{0x01, 0}: pvm.Mul64, {0x01, 1}: pvm.MulUpperSS, {0x01, 2}: pvm.MulUpperSU, {0x01, 3}: pvm.MulUpperUU,
	{0x01, 4}: pvm.DivS64, {0x01, 5}: pvm.DivU64, {0x01, 6}: pvm.RemS64, {0x01, 7}: pvm.RemU64,
	{0x20, 4}: pvm.Xnor, {0x20, 6}: pvm.OrInv, {0x20, 7}: pvm.AndInv,
	{0x05, 4}: pvm.Min, {0x05, 5}: pvm.MinU, {0x05, 6}: pvm.Max, {0x05, 7}: pvm.MaxU,
	{0x30, 1}: pvm.RotL64, {0x30, 5}: pvm.RotR64,
}

var registerOps32 = map[[2]uint32]pvm.Opcode{
	{0x00, 0}: pvm.Add32, {0x00, 1}: pvm.ShloL32, {0x00, 5}: pvm.ShloR32,
	{0x20, 0}: pvm.Sub32, {0x20, 5}: pvm.SharR32,
	{0x01, 0}: pvm.Mul32, {0x01, 4}: pvm.DivS32, {0x01, 5}: pvm.DivU32, {0x01, 6}: pvm.RemS32, {0x01, 7}: pvm.RemU32,
	{0x30, 1}: pvm.RotL32, {0x30, 5}: pvm.RotR32,
}

// immediateOps are those of addi and its kind, by funct3.
var immediateOps = [8]pvm.Opcode{
	0: pvm.AddImm64, 2: pvm.SetLtSImm, 3: pvm.SetLtUImm, 4: pvm.XorImm, 6: pvm.OrImm, 7: pvm.AndImm,
}

// shifts are the shifts by an immediate, by imm[11:6] << 3 | funct3.
var shifts = map[uint32]pvm.Opcode{
	0x00<<3 | 1: pvm.ShloLImm64, 0x00<<3 | 5: pvm.ShloRImm64, 0x10<<3 | 5: pvm.SharRImm64, 0x18<<3 | 5: pvm.RotR64Imm,
}

var shifts32 = map[uint32]pvm.Opcode{
	0x00<<3 | 1: pvm.ShloLImm32, 0x00<<3 | 5: pvm.ShloRImm32, 0x10<<3 | 5: pvm.SharRImm32, 0x18<<3 | 5: pvm.RotR32Imm,
}

// unaryOps are those of Zbb with one operand, by imm << 3 | funct3.
var unaryOps = map[uint32]pvm.Opcode{
	0x600<<3 | 1: pvm.LeadingZeroBits64, 0x601<<3 | 1: pvm.TrailingZeroBits64, 0x602<<3 | 1: pvm.CountSetBits64,
	0x604<<3 | 1: pvm.SignExtend8, 0x605<<3 | 1: pvm.SignExtend16, 0x6b8<<3 | 5: pvm.ReverseBytes,
}

var unaryOps32 = map[uint32]pvm.Opcode{
	0x600<<3 | 1: pvm.LeadingZeroBits32, 0x601<<3 | 1: pvm.TrailingZeroBits32, 0x602<<3 | 1: pvm.CountSetBits32,
}

var loads = [8]pvm.Opcode{
	pvm.LoadIndI8, pvm.LoadIndI16, pvm.LoadIndI32, pvm.LoadIndU64, pvm.LoadIndU8, pvm.LoadIndU16, pvm.LoadIndU32, 0,
}

var stores = [8]pvm.Opcode{pvm.StoreIndU8, pvm.StoreIndU16, pvm.StoreIndU32, pvm.StoreIndU64}

var branches = [8]pvm.Opcode{
	pvm.BranchEq, pvm.BranchNe, 0, 0, pvm.BranchLtS, pvm.BranchGeS, pvm.BranchLtU, pvm.BranchGeU,
}

// decode decodes an instruction of 32 bits.
func decode(w uint32) (in inst, err error) {
	in = inst{size: 4, rd: uint8(w >> 7 & 31), rs1: uint8(w >> 15 & 31), rs2: uint8(w >> 20 & 31)}
	funct3, funct7 := w>>12&7, w>>25
	in.imm = int64(int32(w) >> 20)
	switch w & 0x7f {
	case majorLoad:
		in.form, in.op = load, loads[funct3]
	case majorStore:
		in.form, in.op = store, stores[funct3]
		in.imm = int64(int32(w)>>25<<5) | int64(in.rd)
	case majorBranch:
		in.form, in.op = branch, branches[funct3]
		in.imm = int64(int32(w)>>31<<12) | int64(w>>7&1<<11|w>>25&0x3f<<5|w>>8&15<<1)
	case majorLUI, majorAUIPC:
		in.form, in.imm, in.op = lui, int64(int32(w&^0xfff)), pvm.LoadImm
		if w&0x7f == majorAUIPC {
			in.form = auipc
		}
	case majorJAL:
		in.form, in.op = jal, pvm.Jump
		in.imm = int64(int32(w)>>31<<20) | int64(w&0xff000|w>>20&1<<11|w>>21&0x3ff<<1)
	case majorJALR:
		if in.form = jalr; funct3 == 0 {
			in.op = pvm.JumpInd
		}
	case majorOp:
		in.form, in.op = three, registerOps[[2]uint32{funct7, funct3}]
	case majorOp32:
		in.form, in.op = three, registerOps32[[2]uint32{funct7, funct3}]
		if w>>20 == 0x080 && funct3 == 4 {
			in.form, in.op = two, pvm.ZeroExtend16
		}
	case majorImm, majorImm32:
		in.decodeImmediate(w, funct3)
	case majorFence:
		return inst{size: 4, form: nothing}, nil
	case majorHost:
		return in.decodeHost(w, funct3)
	case majorSystem:
		return decodeSystem(w)
	}
	if in.op == 0 {
		return in, unknown(w)
	}
	return in, nil
}

func (in *inst) decodeImmediate(w, funct3 uint32) {
	unary, shift, others, bits := unaryOps, shifts, immediateOps, uint32(6)
	if w&0x7f == majorImm32 {
		unary, shift, others, bits = unaryOps32, shifts32, [8]pvm.Opcode{pvm.AddImm32}, 5
	}
	if in.form = immediate; funct3 != 1 && funct3 != 5 {
		in.op = others[funct3]
		return
	}
	if op, ok := unary[w>>20<<3|funct3]; ok {
		in.form, in.op = two, op
		return
	}
	if in.imm = int64(w >> 20 & (1<<bits - 1)); bits == 6 || w>>25&1 == 0 {
		in.op = shift[w>>26<<3|funct3]
	}
}

// decodeHost reads the two instructions that the machine has and RISC-V has not, in the opcode custom-0.
func (in inst) decodeHost(w, funct3 uint32) (inst, error) {
	switch {
	case funct3 == functHost && in.rd == 0 && in.rs1 == 0 && in.imm >= 0:
		in.form, in.op = hostCall, pvm.Ecalli
	case funct3 == functSbrk && in.imm == 0:
		in.form, in.op = sbrk, pvm.Sbrk
	default:
		return in, fmt.Errorf("%#08x in custom-0 is neither a host call nor sbrk: %s", w, hostCallHelp)
	}
	return in, nil
}

func decodeSystem(w uint32) (inst, error) {
	switch w {
	case wordEBREAK, wordUnimp:
		return inst{size: 4, form: trap, op: pvm.Trap}, nil
	case wordECALL:
		return inst{}, fmt.Errorf("ecall names no host call: %s", hostCallHelp)
	}
	return inst{}, fmt.Errorf("%#08x: the machine has no control and status registers", w)
}

// unknown says why an instruction cannot be translated.
func unknown(w uint32) error {
	why := "it is of no extension but I, M and Zbb: compile with -march=rv64im"
	switch w & 0x7f {
	case 0x2f:
		why = "it is atomic (A): compile with -march=rv64im"
	case 0x07, 0x27, 0x43, 0x47, 0x4b, 0x4f, 0x53:
		why = "it is of floating point (F, D): compile with -march=rv64im -mabi=lp64"
	case 0x57:
		why = "it is of vectors (V): compile with -march=rv64im"
	}
	return fmt.Errorf("%#08x cannot be translated: %s", w, why)
}
