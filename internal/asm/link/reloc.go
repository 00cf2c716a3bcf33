package link

// The relocations of the RISC-V ELF psABI.
const (
	relNone      = 0
	rel32        = 1
	rel64        = 2
	relBranch    = 16
	relJAL       = 17
	relCall      = 18
	relCallPLT   = 19
	relGOTHi     = 20
	relPCHi      = 23
	relPCLoI     = 24
	relPCLoS     = 25
	relHi        = 26
	relLoI       = 27
	relLoS       = 28
	relAdd8      = 33
	relAdd16     = 34
	relAdd32     = 35
	relAdd64     = 36
	relSub8      = 37
	relSub16     = 38
	relSub32     = 39
	relSub64     = 40
	relAlign     = 43
	relRVCBranch = 44
	relRVCJump   = 45
	relRVCLUI    = 46
	relGPI       = 47
	relGPS       = 48
	relRelax     = 51
	relSet8      = 54
	relSet16     = 55
	relSet32     = 56
	rel32PC      = 57
)

// dataForm says how a relocation of data changes it.
type dataForm struct {
	size int
	sign int64 // 0: the value takes the place of what is there
}

var dataForms = map[uint32]dataForm{
	rel32: {4, 0}, rel64: {8, 0}, relSet8: {1, 0}, relSet16: {2, 0}, relSet32: {4, 0},
	relAdd8: {1, 1}, relAdd16: {2, 1}, relAdd32: {4, 1}, relAdd64: {8, 1},
	relSub8: {1, -1}, relSub16: {2, -1}, relSub32: {4, -1}, relSub64: {8, -1},
}
