// Package invariants checks what must be true if this code is right, whatever the input was.
//
// Two kinds: [Fail] is for a condition that cannot be ignored, since going on would give a wrong state; it
// stops the program in every build. Checks that cost time stand behind [On], which is a constant, so that a build
// without the tag invariants has no trace of them:
//
//	if invariants.On {
//		invariants.Check(root == rebuilt, "trie: root %x, rebuilt %x", root, rebuilt)
//	}
//
// A rule that a block or a message breaks is no invariant: that is a protocol.Invalid.
package invariants

import "fmt"

// Broken is the value that [Fail] panics with.
type Broken string

func (b Broken) Error() string { return "broken invariant: " + string(b) }

// Fail stops the program: it has a bug, and this is what showed it.
func Fail(format string, args ...any) {
	panic(Broken(fmt.Sprintf(format, args...))) //nolint:forbidigo // this is the one place for it
}

// Check fails where the condition does not hold. Its arguments are evaluated in any case: put calls that cost
// time behind [On].
func Check(ok bool, format string, args ...any) {
	if !ok {
		Fail(format, args...)
	}
}
