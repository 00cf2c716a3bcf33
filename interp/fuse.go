package interp

// opStep is an instruction that is left to step.
const opStep = 255

// sequence is a run of instructions that the fast interpreter executes as one, under a number that
// is no opcode.
type sequence struct {
	number uint8
	ops    []uint8
}

// byFirst are the sequences that begin with an opcode, the preferred ones first.
var byFirst = func() (by [256][]sequence) {
	for _, s := range sequences {
		by[s.ops[0]] = append(by[s.ops[0]], s)
	}
	return by
}()

// fuse gives the first instruction of each sequence the number of the sequence. The others stay what
// they are, for those who jump there and because the sequence reads their operands. Sequences may
// overlap: which one is executed depends on where execution comes from.
func fuse(insts []inst) {
	for i := range insts {
		for _, s := range byFirst[insts[i].op] {
			if s.matches(insts[i:]) {
				insts[i].op = s.number
				break
			}
		}
	}
}

// matches looks only at instructions that fuse has not come to yet, apart from the first. A sequence
// has no end of a block inside, so all of it is in one block.
func (s *sequence) matches(insts []inst) bool {
	if len(insts) < len(s.ops) {
		return false
	}
	for i, op := range s.ops {
		if insts[i].op != op {
			return false
		}
	}
	return true
}
