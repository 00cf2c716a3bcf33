package jit

import "damson/jit/exec"

// Code is written where it is to be run, if it turns out about as large as that of most programs: then it need not be
// copied, and the memory for it is there already, which cannot be said of a fresh heap.

// expected is how many octets of machine code the program will hardly exceed, jump table included. Compilers' output takes
// less than three for one.
func (s *pass) expected() int {
	return 4000 + s.guest*7/2 + 8*int(s.jumps)
}

// open makes room for the code. If there is none the heap has to do, and whoever publishes will say so.
func (l *lowerer) open() {
	if d, err := exec.NewDraft(l.expected()); err == nil {
		l.draft = d
		l.a.Use(d.Room(), l.more)
	}
}

// more replaces the room by a larger one, for what the whole program will take if it goes on like this.
func (l *lowerer) more(old []byte, least int) []byte {
	whole := len(old) * (len(l.insts) + 1) / (l.i + 1)
	whole = min(whole+whole/16, 2*len(old), maxOutput(l.guest)+maxOutput(0))
	d, err := exec.NewDraft(max(least, whole) + amdStubSize*len(l.blocks) + 8*int(l.jumps))
	if err != nil {
		return nil
	}
	room := d.Room()
	copy(room, old)
	l.draft.Drop(len(old) + exec.Slack)
	l.draft = d
	return room
}

// written takes the draft that holds the code from the assembler, if there is one and it has room for so many octets. What
// is then written to the assembler begins anew.
func (l *lowerer) written(size int) *exec.Draft {
	d := l.draft
	if d == nil || size > len(d.Room()) || &d.Room()[0] != &l.a.Bytes()[0] {
		return nil
	}
	l.draft = nil
	l.a.Use(nil, nil)
	return d
}

// close gives the draft back if the code was not published in it.
func (l *lowerer) close() {
	if d := l.draft; d != nil {
		l.draft = nil
		d.Drop(len(d.Room()))
		l.a.Use(nil, nil)
	}
}
