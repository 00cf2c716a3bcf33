package interp

import (
	"math"
	"math/bits"
)

// extend32 keeps the low 32 bits and extends their sign: 𝒳_4. GP eq:signedextension.
func extend32(x uint64) uint64 { return uint64(int64(int32(x))) }

func truth(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// Division by zero gives all ones, and the remainder then is the dividend. GP §A.5.13.

func divU64(a, b uint64) uint64 {
	if b == 0 {
		return math.MaxUint64
	}
	return a / b
}

func remU64(a, b uint64) uint64 {
	if b == 0 {
		return a
	}
	return a % b
}

func divS64(a, b uint64) uint64 {
	if b == 0 {
		return math.MaxUint64
	}
	return uint64(int64(a) / int64(b)) // -2^63 / -1 wraps to -2^63, as Go defines and GP asks
}

func remS64(a, b uint64) uint64 {
	if b == 0 {
		return a
	}
	return uint64(int64(a) % int64(b)) // -2^63 % -1 is 0
}

func divU32(a, b uint64) uint64 {
	if uint32(b) == 0 {
		return math.MaxUint64
	}
	return extend32(uint64(uint32(a) / uint32(b)))
}

func remU32(a, b uint64) uint64 {
	if uint32(b) == 0 {
		return extend32(a)
	}
	return extend32(uint64(uint32(a) % uint32(b)))
}

func divS32(a, b uint64) uint64 {
	if int32(b) == 0 {
		return math.MaxUint64
	}
	return uint64(int64(int32(a) / int32(b)))
}

func remS32(a, b uint64) uint64 {
	if int32(b) == 0 {
		return extend32(a)
	}
	return uint64(int64(int32(a) % int32(b)))
}

func mulUpperUU(a, b uint64) uint64 {
	high, _ := bits.Mul64(a, b)
	return high
}

// A negative factor a is a - 2^64, so that the product's upper half is less by the other factor.

func mulUpperSU(a, b uint64) uint64 {
	return mulUpperUU(a, b) - b&uint64(int64(a)>>63)
}

func mulUpperSS(a, b uint64) uint64 {
	return mulUpperSU(a, b) - a&uint64(int64(b)>>63)
}
