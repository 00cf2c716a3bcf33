//go:build linux && (amd64 || arm64)

package exec

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Draft is writable room in the arena, for code that is written where it is to be.
type Draft struct{ span span }

// NewDraft makes room for size octets at least. It ends by [Draft.Publish] or [Draft.Drop].
func NewDraft(size int) (*Draft, error) {
	s, err := codeArena.take(size)
	if err != nil {
		return nil, err
	}
	d := &Draft{s}
	if err := unix.Mprotect(d.Room(), unix.PROT_READ|unix.PROT_WRITE); err != nil {
		codeArena.give(s)
		return nil, fmt.Errorf("make code writable: %w", err)
	}
	return d, nil
}

// Room is all of it. What was not written holds traps.
func (d *Draft) Room() []byte { return octets(d.span.from, int(d.span.to-d.span.from)) }

// Publish makes size octets of the room executable, after fill has completed them, and gives the rest back, of which no more
// than Slack octets were written. What nobody wrote is not executable in any sense: it traps.
func (d *Draft) Publish(size int, fill func(code []byte, base uint32)) (*Code, error) {
	need, _ := room(size)
	all := d.Room()
	fill(all[:size:size], uint32(d.span.from))
	for i := size; i < min(size+Slack, len(all)); i++ {
		all[i] = traps[i%len(traps)]
	}
	c := &Code{span{d.span.from, min(d.span.from+need, d.span.to)}, uintptr(size)}
	if rest := (span{c.span.to, d.span.to}); rest.from < rest.to {
		if err := unix.Mprotect(octets(rest.from, int(rest.to-rest.from)), unix.PROT_NONE); err != nil {
			d.Drop(size)
			return nil, fmt.Errorf("take back what code leaves: %w", err)
		}
		codeArena.give(rest)
	}
	*d = Draft{}
	if err := unix.Mprotect(octets(c.span.from, int(c.span.to-c.span.from)), unix.PROT_READ|unix.PROT_EXEC); err != nil {
		c.Free()
		return nil, fmt.Errorf("make code executable: %w", err)
	}
	synchronize(c.span.from, c.span.to)
	return c, nil
}

// Drop gives the room back, of which no more than so many octets at the beginning were written.
func (d *Draft) Drop(written int) {
	all := d.Room()
	FillTraps(all[:min(written, len(all))])
	if unix.Mprotect(all, unix.PROT_NONE) == nil { // else the kernel is out of memory, and the room is lost
		codeArena.give(d.span)
		codeArena.shrink()
	}
	*d = Draft{}
}

// Publish makes room for size octets, lets fill write them, and makes them executable. What fill leaves untouched traps.
func Publish(size int, fill func(code []byte, base uint32)) (*Code, error) {
	d, err := NewDraft(size)
	if err != nil {
		return nil, err
	}
	return d.Publish(size, fill)
}
