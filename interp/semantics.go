package interp

import (
	"math/bits"

	"damson/internal/pvm"
)

// action is what one instruction does.
type action func(s *state, in *pvm.Inst)

// semantics is the meaning of every instruction, in the order of GP §A.5. What has no entry there
// is decoded as a trap.
var semantics = [256]action{
	pvm.Trap:        func(s *state, _ *pvm.Inst) { s.trap() },
	pvm.Fallthrough: func(*state, *pvm.Inst) {},
	pvm.Ecalli:      func(s *state, in *pvm.Inst) { s.stop(pvm.Exit{Reason: pvm.HostCall, Arg: in.X}) },
	pvm.LoadImm64:   func(s *state, in *pvm.Inst) { s.Regs[in.A] = in.X },

	pvm.StoreImmU8:  store,
	pvm.StoreImmU16: store,
	pvm.StoreImmU32: store,
	pvm.StoreImmU64: store,

	pvm.Jump: func(s *state, in *pvm.Inst) { s.branch(in) },

	pvm.JumpInd:        func(s *state, in *pvm.Inst) { s.djump(s.Regs[in.A] + in.X) },
	pvm.LoadImm:        func(s *state, in *pvm.Inst) { s.Regs[in.A] = in.X },
	pvm.LoadU8:         load,
	pvm.LoadI8:         load,
	pvm.LoadU16:        load,
	pvm.LoadI16:        load,
	pvm.LoadU32:        load,
	pvm.LoadI32:        load,
	pvm.LoadU64:        load,
	pvm.StoreU8:        store,
	pvm.StoreU16:       store,
	pvm.StoreU32:       store,
	pvm.StoreU64:       store,
	pvm.StoreImmIndU8:  store,
	pvm.StoreImmIndU16: store,
	pvm.StoreImmIndU32: store,
	pvm.StoreImmIndU64: store,

	pvm.LoadImmJump: func(s *state, in *pvm.Inst) {
		s.branch(in)
		s.Regs[in.A] = in.X
	},
	pvm.BranchEqImm:  branchImm(func(a, b uint64) bool { return a == b }),
	pvm.BranchNeImm:  branchImm(func(a, b uint64) bool { return a != b }),
	pvm.BranchLtUImm: branchImm(func(a, b uint64) bool { return a < b }),
	pvm.BranchLeUImm: branchImm(func(a, b uint64) bool { return a <= b }),
	pvm.BranchGeUImm: branchImm(func(a, b uint64) bool { return a >= b }),
	pvm.BranchGtUImm: branchImm(func(a, b uint64) bool { return a > b }),
	pvm.BranchLtSImm: branchImm(func(a, b uint64) bool { return int64(a) < int64(b) }),
	pvm.BranchLeSImm: branchImm(func(a, b uint64) bool { return int64(a) <= int64(b) }),
	pvm.BranchGeSImm: branchImm(func(a, b uint64) bool { return int64(a) >= int64(b) }),
	pvm.BranchGtSImm: branchImm(func(a, b uint64) bool { return int64(a) > int64(b) }),

	pvm.Sbrk:               func(s *state, in *pvm.Inst) { s.Regs[in.D] = s.Mem.Sbrk(s.Regs[in.A]) },
	pvm.MoveReg:            twoRegs(func(a uint64) uint64 { return a }),
	pvm.CountSetBits64:     twoRegs(func(a uint64) uint64 { return uint64(bits.OnesCount64(a)) }),
	pvm.CountSetBits32:     twoRegs(func(a uint64) uint64 { return uint64(bits.OnesCount32(uint32(a))) }),
	pvm.LeadingZeroBits64:  twoRegs(func(a uint64) uint64 { return uint64(bits.LeadingZeros64(a)) }),
	pvm.LeadingZeroBits32:  twoRegs(func(a uint64) uint64 { return uint64(bits.LeadingZeros32(uint32(a))) }),
	pvm.TrailingZeroBits64: twoRegs(func(a uint64) uint64 { return uint64(bits.TrailingZeros64(a)) }),
	pvm.TrailingZeroBits32: twoRegs(func(a uint64) uint64 { return uint64(bits.TrailingZeros32(uint32(a))) }),
	pvm.SignExtend8:        twoRegs(func(a uint64) uint64 { return uint64(int64(int8(a))) }),
	pvm.SignExtend16:       twoRegs(func(a uint64) uint64 { return uint64(int64(int16(a))) }),
	pvm.ZeroExtend16:       twoRegs(func(a uint64) uint64 { return uint64(uint16(a)) }),
	pvm.ReverseBytes:       twoRegs(func(a uint64) uint64 { return bits.ReverseBytes64(a) }),

	pvm.StoreIndU8:    store,
	pvm.StoreIndU16:   store,
	pvm.StoreIndU32:   store,
	pvm.StoreIndU64:   store,
	pvm.LoadIndU8:     load,
	pvm.LoadIndI8:     load,
	pvm.LoadIndU16:    load,
	pvm.LoadIndI16:    load,
	pvm.LoadIndU32:    load,
	pvm.LoadIndI32:    load,
	pvm.LoadIndU64:    load,
	pvm.AddImm32:      twoRegsImm(func(b, x uint64) uint64 { return extend32(b + x) }),
	pvm.AndImm:        twoRegsImm(func(b, x uint64) uint64 { return b & x }),
	pvm.XorImm:        twoRegsImm(func(b, x uint64) uint64 { return b ^ x }),
	pvm.OrImm:         twoRegsImm(func(b, x uint64) uint64 { return b | x }),
	pvm.MulImm32:      twoRegsImm(func(b, x uint64) uint64 { return extend32(b * x) }),
	pvm.SetLtUImm:     twoRegsImm(func(b, x uint64) uint64 { return truth(b < x) }),
	pvm.SetLtSImm:     twoRegsImm(func(b, x uint64) uint64 { return truth(int64(b) < int64(x)) }),
	pvm.ShloLImm32:    twoRegsImm(func(b, x uint64) uint64 { return extend32(b << (x % 32)) }),
	pvm.ShloRImm32:    twoRegsImm(func(b, x uint64) uint64 { return extend32(uint64(uint32(b) >> (x % 32))) }),
	pvm.SharRImm32:    twoRegsImm(func(b, x uint64) uint64 { return uint64(int64(int32(b) >> (x % 32))) }),
	pvm.NegAddImm32:   twoRegsImm(func(b, x uint64) uint64 { return extend32(x - b) }),
	pvm.SetGtUImm:     twoRegsImm(func(b, x uint64) uint64 { return truth(b > x) }),
	pvm.SetGtSImm:     twoRegsImm(func(b, x uint64) uint64 { return truth(int64(b) > int64(x)) }),
	pvm.ShloLImmAlt32: twoRegsImm(func(b, x uint64) uint64 { return extend32(x << (b % 32)) }),
	pvm.ShloRImmAlt32: twoRegsImm(func(b, x uint64) uint64 { return extend32(uint64(uint32(x) >> (b % 32))) }),
	pvm.SharRImmAlt32: twoRegsImm(func(b, x uint64) uint64 { return uint64(int64(int32(x) >> (b % 32))) }),
	pvm.CmovIzImm: func(s *state, in *pvm.Inst) {
		if s.Regs[in.B] == 0 {
			s.Regs[in.A] = in.X
		}
	},
	pvm.CmovNzImm: func(s *state, in *pvm.Inst) {
		if s.Regs[in.B] != 0 {
			s.Regs[in.A] = in.X
		}
	},
	pvm.AddImm64:      twoRegsImm(func(b, x uint64) uint64 { return b + x }),
	pvm.MulImm64:      twoRegsImm(func(b, x uint64) uint64 { return b * x }),
	pvm.ShloLImm64:    twoRegsImm(func(b, x uint64) uint64 { return b << (x % 64) }),
	pvm.ShloRImm64:    twoRegsImm(func(b, x uint64) uint64 { return b >> (x % 64) }),
	pvm.SharRImm64:    twoRegsImm(func(b, x uint64) uint64 { return uint64(int64(b) >> (x % 64)) }),
	pvm.NegAddImm64:   twoRegsImm(func(b, x uint64) uint64 { return x - b }),
	pvm.ShloLImmAlt64: twoRegsImm(func(b, x uint64) uint64 { return x << (b % 64) }),
	pvm.ShloRImmAlt64: twoRegsImm(func(b, x uint64) uint64 { return x >> (b % 64) }),
	pvm.SharRImmAlt64: twoRegsImm(func(b, x uint64) uint64 { return uint64(int64(x) >> (b % 64)) }),
	pvm.RotR64Imm:     twoRegsImm(func(b, x uint64) uint64 { return bits.RotateLeft64(b, -int(x%64)) }),
	pvm.RotR64ImmAlt:  twoRegsImm(func(b, x uint64) uint64 { return bits.RotateLeft64(x, -int(b%64)) }),
	pvm.RotR32Imm:     twoRegsImm(func(b, x uint64) uint64 { return extend32(uint64(bits.RotateLeft32(uint32(b), -int(x%32)))) }),
	pvm.RotR32ImmAlt:  twoRegsImm(func(b, x uint64) uint64 { return extend32(uint64(bits.RotateLeft32(uint32(x), -int(b%32)))) }),

	pvm.BranchEq:  branchRegs(func(a, b uint64) bool { return a == b }),
	pvm.BranchNe:  branchRegs(func(a, b uint64) bool { return a != b }),
	pvm.BranchLtU: branchRegs(func(a, b uint64) bool { return a < b }),
	pvm.BranchLtS: branchRegs(func(a, b uint64) bool { return int64(a) < int64(b) }),
	pvm.BranchGeU: branchRegs(func(a, b uint64) bool { return a >= b }),
	pvm.BranchGeS: branchRegs(func(a, b uint64) bool { return int64(a) >= int64(b) }),

	pvm.LoadImmJumpInd: func(s *state, in *pvm.Inst) {
		s.djump(s.Regs[in.B] + in.ImmY())
		s.Regs[in.A] = in.X
	},

	pvm.Add32:      threeRegs(func(a, b uint64) uint64 { return extend32(a + b) }),
	pvm.Sub32:      threeRegs(func(a, b uint64) uint64 { return extend32(a - b) }),
	pvm.Mul32:      threeRegs(func(a, b uint64) uint64 { return extend32(a * b) }),
	pvm.DivU32:     threeRegs(divU32),
	pvm.DivS32:     threeRegs(divS32),
	pvm.RemU32:     threeRegs(remU32),
	pvm.RemS32:     threeRegs(remS32),
	pvm.ShloL32:    threeRegs(func(a, b uint64) uint64 { return extend32(a << (b % 32)) }),
	pvm.ShloR32:    threeRegs(func(a, b uint64) uint64 { return extend32(uint64(uint32(a) >> (b % 32))) }),
	pvm.SharR32:    threeRegs(func(a, b uint64) uint64 { return uint64(int64(int32(a) >> (b % 32))) }),
	pvm.Add64:      threeRegs(func(a, b uint64) uint64 { return a + b }),
	pvm.Sub64:      threeRegs(func(a, b uint64) uint64 { return a - b }),
	pvm.Mul64:      threeRegs(func(a, b uint64) uint64 { return a * b }),
	pvm.DivU64:     threeRegs(divU64),
	pvm.DivS64:     threeRegs(divS64),
	pvm.RemU64:     threeRegs(remU64),
	pvm.RemS64:     threeRegs(remS64),
	pvm.ShloL64:    threeRegs(func(a, b uint64) uint64 { return a << (b % 64) }),
	pvm.ShloR64:    threeRegs(func(a, b uint64) uint64 { return a >> (b % 64) }),
	pvm.SharR64:    threeRegs(func(a, b uint64) uint64 { return uint64(int64(a) >> (b % 64)) }),
	pvm.And:        threeRegs(func(a, b uint64) uint64 { return a & b }),
	pvm.Xor:        threeRegs(func(a, b uint64) uint64 { return a ^ b }),
	pvm.Or:         threeRegs(func(a, b uint64) uint64 { return a | b }),
	pvm.MulUpperSS: threeRegs(mulUpperSS),
	pvm.MulUpperUU: threeRegs(mulUpperUU),
	pvm.MulUpperSU: threeRegs(mulUpperSU),
	pvm.SetLtU:     threeRegs(func(a, b uint64) uint64 { return truth(a < b) }),
	pvm.SetLtS:     threeRegs(func(a, b uint64) uint64 { return truth(int64(a) < int64(b)) }),
	pvm.CmovIz: func(s *state, in *pvm.Inst) {
		if s.Regs[in.B] == 0 {
			s.Regs[in.D] = s.Regs[in.A]
		}
	},
	pvm.CmovNz: func(s *state, in *pvm.Inst) {
		if s.Regs[in.B] != 0 {
			s.Regs[in.D] = s.Regs[in.A]
		}
	},
	pvm.RotL64: threeRegs(func(a, b uint64) uint64 { return bits.RotateLeft64(a, int(b%64)) }),
	pvm.RotL32: threeRegs(func(a, b uint64) uint64 { return extend32(uint64(bits.RotateLeft32(uint32(a), int(b%32)))) }),
	pvm.RotR64: threeRegs(func(a, b uint64) uint64 { return bits.RotateLeft64(a, -int(b%64)) }),
	pvm.RotR32: threeRegs(func(a, b uint64) uint64 { return extend32(uint64(bits.RotateLeft32(uint32(a), -int(b%32)))) }),
	pvm.AndInv: threeRegs(func(a, b uint64) uint64 { return a &^ b }),
	pvm.OrInv:  threeRegs(func(a, b uint64) uint64 { return a | ^b }),
	pvm.Xnor:   threeRegs(func(a, b uint64) uint64 { return ^(a ^ b) }),
	pvm.Max:    threeRegs(func(a, b uint64) uint64 { return uint64(max(int64(a), int64(b))) }),
	pvm.MaxU:   threeRegs(func(a, b uint64) uint64 { return max(a, b) }),
	pvm.Min:    threeRegs(func(a, b uint64) uint64 { return uint64(min(int64(a), int64(b))) }),
	pvm.MinU:   threeRegs(func(a, b uint64) uint64 { return min(a, b) }),
}

func twoRegs(f func(a uint64) uint64) action {
	return func(s *state, in *pvm.Inst) { s.Regs[in.D] = f(s.Regs[in.A]) }
}

func twoRegsImm(f func(b, x uint64) uint64) action {
	return func(s *state, in *pvm.Inst) { s.Regs[in.A] = f(s.Regs[in.B], in.X) }
}

func threeRegs(f func(a, b uint64) uint64) action {
	return func(s *state, in *pvm.Inst) { s.Regs[in.D] = f(s.Regs[in.A], s.Regs[in.B]) }
}

func branchImm(f func(a, x uint64) bool) action {
	return func(s *state, in *pvm.Inst) {
		if f(s.Regs[in.A], in.X) {
			s.branch(in)
		}
	}
}

func branchRegs(f func(a, b uint64) bool) action {
	return func(s *state, in *pvm.Inst) {
		if f(s.Regs[in.A], s.Regs[in.B]) {
			s.branch(in)
		}
	}
}
